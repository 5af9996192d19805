"""The operations page: the numbers that it shows, and that it is one file that asks nobody."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from radloop.governance import decisions
from radloop.monitoring.charts import Looked, Point, Stack, bars, chances, figure, happened, shares, x_of
from radloop.monitoring.operations import operations_file
from radloop.monitoring.served import WEEK
from radloop.monitoring.timeline import Event, Served, Span, beside, monday, served, span
from radloop.monitoring.watch import monitor
from tests.monitoring.conftest import OWN, Population, Watched
from tests.recorded import refusal

MONDAY = 1767571200000  # 2026-01-05T00:00:00Z
WEEKS = Span(MONDAY, MONDAY + 6 * WEEK)


def decide(watched: Watched, decision: str, day: int, version: int = 1, **more: str) -> None:
    time = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)).isoformat(timespec="milliseconds")
    entry = {"decision": decision, "use_case": "tb-cxr", "version": version, "bundle": watched.digest, "time": time}
    decisions.append(watched.installation.settings, entry | more)


def test_weeks_begin_on_mondays_and_a_year_is_shown_at_most() -> None:
    assert monday(MONDAY) == monday(MONDAY + WEEK - 1) == MONDAY and monday(MONDAY - 1) == MONDAY - WEEK
    assert span([MONDAY + 5], MONDAY) == Span(MONDAY - 5 * WEEK, MONDAY + WEEK), "six weeks at least"
    assert span([], MONDAY + 7) == Span(MONDAY - 5 * WEEK, MONDAY + WEEK)
    long = span([MONDAY - 99 * WEEK, MONDAY], MONDAY)
    assert (long.end, len(long.mondays())) == (MONDAY + WEEK, 53)


def test_a_version_is_served_until_the_next_switch() -> None:
    deploy, rollback = Event(10, "deploy", 2, None, ""), Event(25, "rollback", 1, "Ito", "worse")
    between = Event(15, "approve", 3, "Ito", "")
    assert served([deploy, between, rollback], 40) == [Served(2, 10, 25), Served(1, 25, 40)]
    assert served([between], 40) == [] == served([], 40)


def test_a_challenger_stands_until_it_ends_or_another_does() -> None:
    found = [
        Event(10, "shadow", 2, None, ""),
        Event(12, "reject", 1, "Ito", "another version"),
        Event(20, "canary", 2, None, ""),
        Event(30, "deploy", 2, None, ""),
        Event(40, "shadow", 3, None, ""),
        Event(45, "reject", 3, "Ito", ""),
        Event(50, "shadow", 1, None, ""),
        Event(55, "end", 1, None, ""),
        Event(60, "shadow", 4, None, ""),
    ]
    assert beside(found, 70) == [
        Served(2, 10, 20, "shadow"),
        Served(2, 20, 30, "canary"),
        Served(3, 40, 45, "shadow"),
        Served(1, 50, 55, "shadow"),
        Served(4, 60, 70, "shadow"),
    ]
    assert beside(found[:1], 10) == []


def test_figures_stand_on_one_axis() -> None:
    assert (x_of(WEEKS.start, WEEKS), x_of(WEEKS.end, WEEKS), x_of(MONDAY + 3 * WEEK, WEEKS)) == (150, 926, 538)
    row = bars(
        "Requests",
        "a week",
        [Stack(MONDAY, (("answered", 30), ("refused", 10))), Stack(MONDAY + WEEK, (("answered", 20),))],
        WEEKS,
        80,
    )
    heights = [float(height) for height in re.findall(r'height="([\d.]+)"', row.body)]
    assert heights == [60, 20, 40] and ">40<" in row.body, "the highest bar is as high as the row"
    points = [Point(MONDAY, 0.75, 0.5, 1.0, "square"), Point(MONDAY + 9 * WEEK, 0.1, None, None, "circle")]
    rates = shares("Sensitivity", "", points, WEEKS, 100)
    assert 'y1="0.0" y2="50.0"' in rates.body and "circle" not in rates.body, "what lies outside the weeks is not drawn"
    looks = [Looked(MONDAY, 0.1, False), Looked(MONDAY + 1, 1e-9, True), Looked(MONDAY + 2, None, False)]
    p = chances("quality", "", looks, 1e-2, WEEKS, 50)
    assert 'class="mark"' in p.body and 'y1="30.0" y2="30.0"' in p.body, "1 in 100 is two of five powers of ten up"
    assert 'cy="40.0"' in p.body and p.body.count("diamond") == 1 and p.body.count("unknown") == 1
    alarm = Event(MONDAY + WEEK, "alarm", 1, None, "")
    drawn = figure("<All>", [*happened([alarm, alarm], [Served(1, 0, WEEKS.end)], [], WEEKS), row], WEEKS, [alarm])
    assert (
        "&lt;All&gt;" in drawn and "\N{MULTIPLICATION SIGN}2" in drawn and ">version 1<" in drawn and drawn.count("alarmed") == 1
    )
    assert ">5 Jan<" in drawn and ">2026<" in drawn
    *_, last = happened([], [], [Served(7, MONDAY, WEEKS.end, "canary")], WEEKS)
    assert (last.name, ">canary v7<" in last.body) == ("Beside it", True)


@pytest.fixture
def told(watched: Watched, tmp_path: Path) -> str:
    """The page of two weeks: the first as `calibrate`, the second from elsewhere, with labels, refusals and decisions."""
    decide(watched, "approve", 3, by="Ito <b>", note="looks & reads well")
    decide(watched, "deploy", 4)
    entry = {"decision": "canary", "use_case": "tb-cxr", "version": 2, "share": 0.1, "time": "2026-01-06T00:00:00.000+00:00"}
    decisions.append(watched.installation.settings, entry)
    decide(watched, "challenger ended", 8, version=2)
    watched.number = 1440 * 6
    images = OWN.draw(60, np.random.default_rng(5))
    images["probabilities"] = np.concatenate([np.full((30, 1), 0.9), np.full((30, 1), 0.1)])
    images["sex"] = np.array(["F", "M"] * 30)
    names = watched.record(images)
    watched.label(names, ["tuberculosis"] * 27 + ["normal"] * 3 + ["tuberculosis"] * 6 + ["normal"] * 24)
    watched.number = 1440 * 13
    watched.record(Population(embedding=1.0).draw(50, np.random.default_rng(6)), site="north")
    watched.record(OWN.draw(10, np.random.default_rng(7)), **refusal("foreign_body_part"))
    page = tmp_path / "deep" / "page.html"
    found = watched.installation.call("monitor", "tb-cxr", "--page", str(page))
    assert found["page"] == str(page)
    return page.read_text()


def section(page: str, name: str) -> str:
    return page.split(f'<section aria-labelledby="{name}">')[1].split("</section>")[0]


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def cells(page: str, name: str) -> list[list[str]]:
    """Return the words of a section's first table, row by row."""
    table = section(page, name).split("<table")[1].split("</table>")[0]
    return [
        [words(cell) for cell in re.findall(r"<t[hd][ >].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
    ]


def test_the_page_tells_what_the_records_hold(told: str) -> None:
    # Of 33 with the finding 27 were found, of 27 without 24 were passed.
    newest, first = (row for row in cells(told, "weeks")[1:])
    assert newest[:6] == ["2026-01-12", "60", "0", "10 10 foreign body part", "no label", ""]
    assert first[:6] == ["2026-01-05", "60", "0", "0", "9 of 60", "version 1"]
    assert first[6].startswith("82% ") and first[6].endswith("n 33") and first[7].startswith("89% ")
    rows = cells(told, "happened")[1:]
    assert [row[1] for row in rows] == [
        "alarm",
        "no longer beside the champion",
        "alarm",
        "canary began",
        "served",
        "approved",
    ]
    assert rows[3][2:] == ["2", "", "of 10% of the requests"] and told.count('class="served beside"') == 1
    assert rows[0][4].startswith("embedding: the network") and rows[2][4].startswith("scores: probability of tuberculosis")
    assert rows[5][3:] == ["Ito <b> (unverified name)", "looks & reads well"], "words are escaped, not markup"
    groups = {row[0]: row[1:] for row in cells(told, "groups")[1:]}
    assert groups["Site north"][0].startswith("50 42%") and groups["Sex F"][2] == "4 of 30"
    lead = words(told.split('<p class="lead">')[1].split("</p>")[0])
    assert lead.startswith(
        "Alarm 120 images were sent: 110 were answered, and 10 refused. Readers confirmed or corrected 60 answers, and corrected 9."
    )
    assert section(told, "drift").split('<svg class="weeks"')[1].count('class="diamond"') >= 1


def test_the_page_is_one_file_that_asks_nobody(told: str) -> None:
    assert (
        "<script" not in told
        and '<link rel="stylesheet' not in told
        and "<img" not in told
        and "http" not in told.split("</style>")[1]
    )
    assert "default-src 'none'" in told and "prefers-color-scheme: dark" in told and "@media print" in told
    assert len(re.findall(r'<svg class="weeks"[^>]* aria-label="[^"]+"', told)) == 6
    assert f"{0:032x}" not in told


def test_without_requests_there_is_a_page_in_the_home(watched: Watched) -> None:
    settings = watched.installation.settings
    found = monitor("tb-cxr", settings)
    assert found["page"] == str(operations_file("tb-cxr", settings))
    text = operations_file("tb-cxr", settings).read_text()
    assert "Nobody has sent an image yet." in text and "no look yet: the first is taken after 50 requests" in text


def test_since_leaves_out_what_was_before(watched: Watched, tmp_path: Path) -> None:
    watched.record(OWN.draw(60, np.random.default_rng(5)))
    watched.number = 1440 * 60
    watched.record(OWN.draw(20, np.random.default_rng(6)))
    watched.installation.call("monitor", "tb-cxr", "--since", "2026-02-01", "--page", str(tmp_path / "page.html"))
    text = (tmp_path / "page.html").read_text()
    assert [row[:2] for row in cells(text, "weeks")[1:]] == [["2026-03-02", "20"]]
    assert "counted from 2026-02-01 on" in text and "weeks from 2026-01-26 to 2026-03-08" in text
