"""`radloop monitor` from the record of answers to an alarm that somebody got."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import numpy as np
import pytest
from installations import ROOT
from prometheus_client.parser import text_string_to_metric_families
from services import free_port

from radloop.monitoring.looks import MOST_LOOKS
from radloop.monitoring.metrics import HELP
from radloop.monitoring.notify import notify
from radloop.monitoring.watch import monitor, told
from radloop.records import chain
from radloop.records.alarms import alarms_file, deliveries, looks
from radloop.records.answers import answers_folder
from tests.monitoring.conftest import OWN, Population, Watched
from tests.recorded import refusal, write_segments


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_own_images_are_quiet_and_each_window_is_looked_at_once(watched: Watched) -> None:
    watched.record(OWN.draw(120, rng()))
    found = watched.installation.call("monitor", "tb-cxr")
    assert (found["alarm"], found["drift"]["looks"], len(found["drift"]["new"])) == (False, 2, 2)
    assert found["served"] | {"from": "", "to": ""} == {
        "requests": 120,
        "answered": 120,
        "abstained": 0,
        "refused": 0,
        "codes": {},
        "from": "",
        "to": "",
    }
    (first, second) = found["drift"]["new"]
    assert [item["signal"] for item in first["signals"]] == [
        "quality",
        "embedding",
        "scores",
        "sex",
        "age_band",
        "site",
        "refusals",
    ]
    assert {item["limit"] for item in first["signals"]} == {0.01 / 7}
    assert {item["signal"]: item["p"] for item in first["signals"]}["age_band"] is None, "this bundle does not count ages"
    assert (first["requests"]["n"], second["number"], second["passed_over"]) == (50, 2, 0)
    again = watched.installation.call("monitor", "tb-cxr")
    assert (again["drift"]["looks"], again["drift"]["new"], again["drift"]["last"]) == (2, [], second)
    watched.record(OWN.draw(30, rng(6)))
    later = watched.installation.call("monitor", "tb-cxr")
    assert later["drift"]["looks"] == 3 and later["drift"]["new"][0]["requests"]["from"] > second["requests"]["to"]
    assert sum(week["requests"] for week in later["weeks"]) == 150 == sum(later["groups"]["sex"].values())
    assert later["weeks"][0]["monday"] == "2025-12-29", "the first of January 2026 is a Thursday"
    assert sum(1 for _ in chain.read(alarms_file(watched.installation.settings))) == 3


@pytest.mark.parametrize(
    ("there", "signal", "says"),
    [
        (Population(embedding=0.7), "embedding", "the network sees other images"),
        (Population(grey=0.15), "quality", "mean: median 0."),
        (Population(score=6.0), "scores", "probability of tuberculosis: median 0."),
        (Population(female=0.05), "sex", "sex F: "),
    ],
)
def test_another_population_alarms_within_100_images_and_is_named(
    watched: Watched, there: Population, signal: str, says: str
) -> None:
    watched.record(OWN.draw(73, rng()))  # the change falls into a window, not between two
    watched.record(there.draw(100, rng(7)))
    found = watched.installation.call("monitor", "tb-cxr", "--fail-on-alarm", check=3)
    (alarm, *_) = found["drift"]["alarms"]
    assert alarm["alarming"] == [signal] and alarm["number"] <= 3
    assert next(item["says"] for item in alarm["signals"] if item["alarm"]).startswith(says)
    assert "ALARM" in told(found) and "alarm: tb-cxr version 1, 50 requests up to 2026-01-01T0" in told(found)


def test_more_refusals_alarm(watched: Watched) -> None:
    watched.record(OWN.draw(40, rng()))
    watched.record(OWN.draw(10, rng()), **refusal("foreign_body_part"))
    found = watched.installation.call("monitor", "tb-cxr")
    assert found["alarm"] is True and found["drift"]["last"]["alarming"] == ["refusals"]
    refusals = found["drift"]["last"]["signals"][-1]
    # None of 150 and 10 of 50: C(190, 40) / C(200, 50) is the product of (50 - k) / (200 - k), k from 0 to 9.
    assert refusals["p"] == pytest.approx(np.prod([(50 - k) / (200 - k) for k in range(10)]))
    assert found["served"]["codes"] == {"foreign_body_part": 10} == found["drift"]["last"]["requests"]["codes"]


def test_an_alarm_that_goes_on_is_not_a_new_one(watched: Watched) -> None:
    for seed in range(3):
        watched.record(Population(embedding=1.0).draw(50, rng(seed)))
    found = watched.installation.call("monitor", "tb-cxr")
    assert [item["continues"] for item in found["drift"]["new"]] == [False, True, True]
    assert len(found["drift"]["alarms"]) == 1 and [item["to"] for item in found["sent"]] == ["log"]


def test_one_image_a_patient_and_a_file_is_compared(watched: Watched) -> None:
    watched.record(OWN.draw(30, rng()))
    watched.record(Population(embedding=3.0).draw(20, rng()), patient="P1")
    look = watched.installation.call("monitor", "tb-cxr")["drift"]["last"]
    assert {item["signal"]: item["n"] for item in look["signals"]}["embedding"] == 31
    watched.record(OWN.draw(50, rng(6)), file="hmac:" + "0" * 64)
    look = watched.installation.call("monitor", "tb-cxr")["drift"]["last"]
    assert {item["signal"]: item["says"] for item in look["signals"]}["embedding"] == "the window has 1, at least 15 are needed"


def test_of_many_windows_the_newest_are_looked_at(watched: Watched) -> None:
    settings, images = watched.installation.settings, OWN.draw(50 * (MOST_LOOKS + 2) + 7, rng())
    write_segments(answers_folder(settings), watched.payloads(images))
    found = monitor("tb-cxr", settings)
    new = found["drift"]["new"]
    assert (len(new), new[0]["passed_over"], new[1]["passed_over"]) == (MOST_LOOKS, 100, 0)
    assert new[-1]["requests"]["last"] == f"{50 * (MOST_LOOKS + 2) - 1:032x}"
    assert sum(item["alarm"] for item in new) <= 3
    assert monitor("tb-cxr", settings)["drift"]["new"] == []


def test_without_a_champion_and_without_requests(watched: Watched) -> None:
    assert watched.installation.call("monitor", "phantom-cxr", check=3)["error"]["code"] == "no_champion"
    found = watched.installation.call("monitor", "tb-cxr")
    assert (found["alarm"], found["drift"]["last"], found["served"]["requests"], found["weeks"]) == (False, None, 0, [])
    assert found["live"]["overall"]["findings"]["tuberculosis"]["sensitivity"] == {
        "n": 0,
        "value": None,
        "low": None,
        "high": None,
    }
    assert "unknown (n 0)" in told(found)


def test_figures_are_left_for_prometheus(watched: Watched) -> None:
    watched.record(OWN.draw(60, rng()))
    watched.installation.call("monitor", "tb-cxr")
    text = (watched.installation.settings.place / "monitoring" / "radloop.prom").read_text()
    found = {
        (sample.name, sample.labels.get("signal")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert (found["radloop_requests", None], found["radloop_looks", None], found["radloop_alarm", None]) == (60, 1, 0)
    assert 0 < found["radloop_signal_p", "embedding"] <= 1 and ("radloop_signal_p", "site") not in found


class Inbox(BaseHTTPRequestHandler):
    """Keeps what is posted; refuses while told to."""

    got: ClassVar[list[tuple[str, Any]]] = []
    refuse = False

    def do_POST(self) -> None:
        """Take one."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if not Inbox.refuse:
            Inbox.got.append((self.path, json.loads(body)))
        self.send_response(503 if Inbox.refuse else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a message takes."""

    got: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        """Take one message."""
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                Mail.got.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 yes\r\n")
            if word == b"QUIT":
                return


@contextmanager
def running(server: socketserver.TCPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_an_alarm_reaches_everybody_once_and_waits_for_who_is_away(watched: Watched) -> None:
    with (
        running(HTTPServer(("127.0.0.1", free_port()), Inbox)) as web,
        running(socketserver.TCPServer(("127.0.0.1", free_port()), Mail)) as mail,
    ):
        settings = watched.installation.settings.model_copy(
            update={"alarm_webhook": f"http://{web}/hook", "alarm_email": "ops@example.org", "smtp_url": f"smtp://{mail}"}
        )
        watched.record(Population(embedding=1.0).draw(50, rng()))
        Inbox.refuse = True
        found = monitor("tb-cxr", settings)
        assert [(item["to"], item["delivered"]) for item in found["sent"]] == [("log", True), ("webhook", False), ("email", True)]
        Inbox.refuse = False
        assert [(item["to"], item["delivered"]) for item in monitor("tb-cxr", settings)["sent"]] == [("webhook", True)]
        assert notify(settings, "tb-cxr") == []
    ((path, body),) = Inbox.got
    assert path == "/hook" and body["event"] == "radloop.alarm" and "embedding: the network sees other images" in body["text"]
    assert body["alarm"]["look"] == looks(settings)[0]["look"]
    (message,) = [message_from_bytes(text) for text in Mail.got]
    assert (message["To"], message["Subject"]) == ("ops@example.org", "Radloop: tb-cxr has drifted (embedding)")
    assert len(deliveries(settings)) == 4


def test_the_dashboard_asks_for_figures_that_exist() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"radloop_\w+", target["expr"])
    }
    assert asked and asked <= HELP.keys()
