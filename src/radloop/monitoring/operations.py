"""The operations page: what one use case answered, refused, drifted from and was corrected on, on one time line.

One HTML file that asks no network and runs no script. It tells of every version in the weeks that it shows; live performance is
that of each version apart.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from radloop.exploration.rendering import write_page
from radloop.monitoring import charts
from radloop.monitoring.charts import Looked, Row, Stack
from radloop.monitoring.index import Index
from radloop.monitoring.served import ATTRIBUTES, Tally, total, totals
from radloop.monitoring.timeline import Event, Span, beside, events, served, span
from radloop.monitoring.weekly import RATES, Confirmed, Week, confirmed
from radloop.monitoring.window import iso, milliseconds
from radloop.records.alarms import looks
from radloop.settings import Settings
from radloop.use_case import UseCase

_SIGNALS = {
    "quality": "image quality: brightness, contrast, sharpness",
    "embedding": "what the network sees",
    "scores": "the probabilities that it gives",
    "sex": "women and men",
    "age_band": "ages",
    "site": "sites",
    "refusals": "how much is refused",
}
_EVENTS = {
    "alarm": "alarm",
    "approve": "approved",
    "reject": "rejected",
    "deploy": "served",
    "rollback": "rolled back to",
    "shadow": "shadow began",
    "canary": "canary began",
    "end": "no longer beside the champion",
}
_GROUPS = {"sex": "Sex", "age_band": "Age", "site": "Site"}


def operations_file(use_case: str, settings: Settings) -> Path:
    """Return where the page lies unless somebody says otherwise."""
    return settings.place / "monitoring" / use_case / "operations.html"


def write_operations(
    use_case: UseCase,
    document: Mapping[str, Any],
    counted: Sequence[Tally],
    index: Index,
    settings: Settings,
    path: Path,
    since: int = 0,
) -> Path:
    """Write the page and return its path.

    Args:
        use_case: whose page.
        document: what `radloop monitor` found.
        counted: the requests of all versions.
        index: refreshed.
        settings: of the installation.
        path: of the file; its folder is made.
        since: milliseconds since 1970; what was before is left out.

    Raises:
        IntegrityError: a record or a bundle was edited.
        OSError: it cannot be written.
    """
    every = [look for look in looks(settings, use_case.name) if milliseconds(look["requests"]["to"]) >= since]
    happened = events(looks(settings, use_case.name), use_case.name, settings)
    asked = [one.monday for one in counted]
    looked, now = [milliseconds(look["requests"]["to"]) for look in every], round(time.time() * 1000)
    shown = span([*asked, *looked, *(event.at for event in happened if event.at >= since)], now)
    inside = [one for one in counted if one.monday in shown]
    versions = {one.bundle: one.version for one in counted if one.bundle is not None and one.version is not None}
    labelled = confirmed(index, document, versions, shown, settings)
    shapes = _shapes(labelled)
    return write_page(
        "operations.html.j2",
        path,
        package="radloop.monitoring",
        use_case=use_case,
        document=document,
        made=iso(now)[:16].replace("T", " "),
        span=(_day(shown.start), _day(shown.end - 1)),
        since=_day(since) if since else None,
        left_out=len(counted) > len(inside),
        counts=totals(inside),
        labels=_sums(labelled.everyone()),
        labelled=labelled,
        shapes=shapes,
        figures=_figures(inside, every, labelled, shapes, happened, shown),
        happened=[_told(event) for event in reversed(happened) if event.at in shown],
        weeks=_weeks(inside, labelled, shown),
        newest=every[-1] if every else None,
        signals=_signals(every),
        groups=_groups(inside, labelled, document),
        detail=[_detailed(week) for week in labelled.weeks if week.group is not None],
        rates=RATES,
        synthetic=use_case.synthetic,
    )


def _figures(
    inside: Sequence[Tally],
    every: Sequence[Mapping[str, Any]],
    labelled: Confirmed,
    shapes: Mapping[str, str],
    happened: Sequence[Event],
    shown: Span,
) -> dict[str, Any]:
    lanes = charts.happened(happened, served(happened, shown.end), beside(happened, shown.end), shown)
    asked = charts.bars("Requests", "a week", [_requests(monday, inside) for monday in shown.mondays()], shown, 130)
    codes = totals(inside)["codes"]
    most = max((n for week in _by_code(inside).values() for n in week.values()), default=0)
    refused = [_refused(code, codes[code], inside, shown, most) for code in sorted(codes, key=lambda code: (-codes[code], code))]
    signals = [_chances(name, every, shown) for name in _named(every)]
    marks = [charts.bars("Confirmed labels", "a week", _labels(labelled), shown, 60)]
    kept = labelled.everyone()
    marks += [
        _rate(
            f"{name.capitalize()}" if len(labelled.outputs) == 1 else f"{label}, {name[:4]}.",
            label,
            name,
            kept,
            shapes,
            shown,
            96,
        )
        for label in labelled.outputs
        for name in RATES
    ]
    return {
        "time": charts.figure("Alarms, reviews, the served version and requests by week", [*lanes, asked], shown, happened),
        "refused": charts.figure("Refusals by reason and week", refused, shown, happened) if refused else None,
        "drift": charts.figure("Chance of each signal at every look", signals, shown, happened) if every else None,
        "labels": charts.figure("Confirmed labels, sensitivity and specificity by week", marks, shown, happened)
        if kept
        else None,
        "groups": _group_figures(labelled, shapes, happened, shown),
    }


def _requests(monday: int, inside: Sequence[Tally]) -> Stack:
    own = [one for one in inside if one.monday == monday]
    abstained = total(one for one in own if one.abstained)
    refused = total(one for one in own if not one.answered)
    return Stack(monday, (("answered", total(own) - abstained - refused), ("abstained", abstained), ("refused", refused)))


def _by_code(inside: Sequence[Tally]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for one in inside:
        if not one.answered:
            weeks = found.setdefault(str(one.code), {})
            weeks[one.monday] = weeks.get(one.monday, 0) + one.n
    return found


def _refused(code: str, number: int, inside: Sequence[Tally], shown: Span, most: int) -> Row:
    stacks = [Stack(monday, (("refused", n),)) for monday, n in sorted(_by_code(inside)[code].items())]
    return charts.bars(code.replace("_", " "), f"{number:,}", stacks, shown, 34, most)


def _named(every: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the signals, those of the newest look first."""
    return list(dict.fromkeys(item["signal"] for look in reversed(every) for item in look["signals"]))


def _chances(name: str, every: Sequence[Mapping[str, Any]], shown: Span) -> Row:
    found = [(look, item) for look in every for item in look["signals"] if item["signal"] == name]
    marks = [Looked(milliseconds(look["requests"]["to"]), item["p"], item["alarm"]) for look, item in found]
    alarms = sum(mark.alarm for mark in marks if mark.at in shown)
    judged = sum(mark.p is not None and mark.at in shown for mark in marks)
    small = f"{alarms} of {judged} looks alarm" if judged else "unknown"
    return charts.chances(name.replace("_", " "), small, marks, found[-1][1]["limit"], shown, 46)


def _labels(labelled: Confirmed) -> list[Stack]:
    found: dict[int, list[Week]] = {}
    for week in labelled.everyone():
        found.setdefault(week.monday, []).append(week)
    sums = {monday: _sums(weeks) for monday, weeks in found.items()}
    return [
        Stack(monday, (("answered", one["labels"] - one["corrected"]), ("refused", one["corrected"])))
        for monday, one in sorted(sums.items())
    ]


def _rate(title: str, label: str, metric: str, weeks: Sequence[Week], shapes: Mapping[str, str], shown: Span, height: int) -> Row:
    own = [
        {"monday": week.monday, "version": week.version, **week.findings[label][metric]}
        for week in weeks
        if label in week.findings
    ]
    return charts.shares(title, f"{sum(one['n'] for one in own):,} labels", charts.points(own, shapes), shown, height)


def _group_figures(
    labelled: Confirmed, shapes: Mapping[str, str], happened: Sequence[Event], shown: Span
) -> list[tuple[str, str, Markup]]:
    """Return a figure of each finding and rate, one row a subgroup; none where nobody says who the patients are."""
    known = {week.group for week in labelled.weeks if week.group and week.group[1] != "unknown"}
    groups = sorted(known, key=lambda group: (ATTRIBUTES.index(group[0]), group[1]))
    found = []
    for label in labelled.outputs if groups else ():
        for metric in RATES:
            rows = [
                _rate(_group(group), label, metric, [week for week in labelled.weeks if week.group == group], shapes, shown, 50)
                for group in groups
            ]
            title = f"{metric.capitalize()} for {label} by subgroup and week"
            found.append((label, metric, charts.figure(title, rows, shown, happened)))
    return found


def _shapes(labelled: Confirmed) -> dict[str, str]:
    names = sorted({week.version for week in labelled.weeks}, key=lambda name: (len(name), name))
    return {name: charts.SHAPES[place % len(charts.SHAPES)] for place, name in enumerate(names)}


def _weeks(inside: Sequence[Tally], labelled: Confirmed, shown: Span) -> list[dict[str, Any]]:
    """Return the table of weeks, the newest first."""
    found = []
    for monday in reversed(shown.mondays()):
        counts = totals([one for one in inside if one.monday == monday])
        marks = [week for week in labelled.everyone() if week.monday == monday]
        if counts["requests"] or marks:
            found.append({"monday": _day(monday), **counts, **_sums(marks), "versions": marks})
    return found


def _signals(every: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each signal as the newest look saw it."""
    if not every:
        return []
    return [item | {"means": _SIGNALS.get(item["signal"], item["signal"])} for item in every[-1]["signals"]]


def _groups(inside: Sequence[Tally], labelled: Confirmed, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the table of subgroups."""
    found = []
    for place, name in enumerate(ATTRIBUTES):
        words = {one.words[place] for one in inside}
        for word in sorted(words, key=lambda word: (word == "unknown", word)):
            own = [one for one in inside if one.words[place] == word]
            marks, corrected = labelled.groups.get((name, word), (0, 0))
            found.append(
                {
                    "group": _GROUPS[name],
                    "word": word,
                    **totals(own),
                    "labels": marks,
                    "corrected": corrected,
                    "live": document["live"]["subgroups"][name].get(word),
                    "first": word == min(words, key=lambda word: (word == "unknown", word)),
                    "words": len(words),
                }
            )
    return found


def _detailed(week: Week) -> dict[str, Any]:
    return {
        "group": _group(week.group),
        "monday": _day(week.monday),
        "version": week.version,
        "labels": week.labels,
        "corrected": week.corrected,
        "findings": week.findings,
    }


def _group(group: tuple[str, str] | None) -> str:
    return f"{_GROUPS[group[0]]} {group[1]}" if group else "everyone"


def _sums(weeks: Sequence[Week]) -> dict[str, int]:
    return {"labels": sum(week.labels for week in weeks), "corrected": sum(week.corrected for week in weeks)}


def _told(event: Event) -> dict[str, Any]:
    day = iso(event.at)[:16].replace("T", " ")
    return {
        "kind": event.kind,
        "word": _EVENTS[event.kind],
        "at": day,
        "version": event.version,
        "who": event.who,
        "says": event.says,
    }


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()
