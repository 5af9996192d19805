"""When a retrain may begin: a record as a list, and the same through the commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from installations import small_phantom_config, write_use_case

from radloop.monitoring import triggers
from radloop.monitoring.triggers import Due, judge
from radloop.records.retrains import retrains
from radloop.use_case import Retraining
from tests.monitoring.conftest import OWN, Population, Watched

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
POLICY = Retraining(reasons=("alarm", "new_data"), cooldown_days=7, a_month=2)


def begun(days: float, name: str) -> dict[str, Any]:
    return {"kind": "begun", "id": name, "time": (NOW - timedelta(days=days)).isoformat()}


def ended(name: str, outcome: str = "passed") -> dict[str, Any]:
    return {"kind": "ended", "id": name, "outcome": outcome, "time": NOW.isoformat()}


def asked(days: float) -> dict[str, Any]:
    return {"kind": "asked", "look": "a", "time": (NOW - timedelta(days=days)).isoformat()}


def test_what_is_a_reason_and_what_is_none() -> None:
    assert judge([], POLICY, NOW, new_data=False) == Due(None)
    assert judge([], POLICY, NOW, new_data=True).because == "new_data" and judge([], POLICY, NOW, new_data=True).due
    assert judge([], Retraining(reasons=("alarm",)), NOW, new_data=True) == Due(None)
    assert judge([], Retraining(), NOW, new_data=False, scheduled=True) == Due("scheduled")
    assert judge([asked(1)], Retraining(), NOW, new_data=True) == Due("asked")


def test_a_request_waits_for_data_that_no_bundle_was_made_of() -> None:
    found = judge([asked(1)], POLICY, NOW, new_data=False)
    assert not found.due and found.waits is not None and "radloop queue" in found.waits
    assert judge([asked(1)], POLICY, NOW, new_data=False, source=True).due
    # Something began after it: it is answered.
    assert judge([asked(30), begun(20, "x"), ended("x")], POLICY, NOW, new_data=False) == Due(None)


def test_the_cool_down_holds_back_for_seven_days() -> None:
    soon = judge([begun(6, "x"), ended("x"), asked(1)], POLICY, NOW, new_data=True)
    assert (soon.due, soon.until) == (False, "2026-04-01T12:00:00+00:00")
    assert judge([begun(7, "x"), ended("x"), asked(1)], POLICY, NOW, new_data=True).due


def test_the_budget_is_of_the_last_thirty_days() -> None:
    two = [begun(29, "x"), ended("x"), begun(10, "y"), ended("y")]
    spent = judge(two, POLICY, NOW, new_data=True)
    assert (spent.due, spent.until) == (False, "2026-04-01T12:00:00+00:00"), "29 days ago and 30 days"
    assert judge(two, POLICY, NOW + timedelta(days=1), new_data=True).due
    assert judge(two, POLICY, NOW, new_data=True, scheduled=True).due is False, "a schedule keeps to it too"


def test_what_was_begun_beside_another_process_counts_for_nothing() -> None:
    beside = [asked(2), begun(1, "x"), ended("x", "busy")]
    assert judge(beside, POLICY, NOW, new_data=True) == Due("asked")
    assert judge([begun(1, "x"), ended("x", "data_refused")], POLICY, NOW, new_data=True).due is False


def test_what_was_killed_goes_on() -> None:
    assert judge([asked(2), begun(1, "x")], POLICY, NOW, new_data=False) == Due("resumed", begun="x")


@pytest.fixture
def eager(watched: Watched) -> Watched:
    """Return an installation whose tb-cxr asks for a retrain by itself."""
    config = small_phantom_config(name="tb-cxr", monitoring={"retrain": {"reasons": ["alarm"]}})
    write_use_case(watched.installation.root / "configs" / "use_cases", config)
    return watched


def test_monitor_asks_once_for_an_alarm(eager: Watched) -> None:
    site = eager.installation
    eager.record(OWN.draw(50, np.random.default_rng(5)))
    assert site.call("monitor", "tb-cxr")["retrain"] == {"asked": False, "open": False}
    eager.record(Population(embedding=1.0).draw(50, np.random.default_rng(6)))
    assert site.call("monitor", "tb-cxr")["retrain"] == {"asked": True, "open": True}
    eager.record(Population(embedding=1.0).draw(50, np.random.default_rng(7)))
    assert site.call("monitor", "tb-cxr", "--request-retrain")["retrain"] == {"asked": False, "open": True}
    (entry,) = retrains(site.settings, "tb-cxr")
    assert (entry["kind"], entry["alarming"]) == ("asked", ["embedding"])
    found = triggers.due("tb-cxr", site.settings)
    assert (found.because, found.due) == ("asked", False), "it has no data that are new"
    name = triggers.begin("tb-cxr", triggers.due("tb-cxr", site.settings, source=True), site.settings)
    assert triggers.due("tb-cxr", site.settings).begun == name
    triggers.end("tb-cxr", name, "rejected", 2, site.settings)
    assert triggers.due("tb-cxr", site.settings) == Due(None)


def test_monitor_asks_only_when_told_where_the_use_case_does_not_say_so(watched: Watched) -> None:
    site = watched.installation
    assert site.call("monitor", "tb-cxr", "--request-retrain")["retrain"] == {"asked": False, "open": False}
    watched.record(Population(embedding=1.0).draw(50, np.random.default_rng(6)))
    assert site.call("monitor", "tb-cxr")["retrain"] == {"asked": False, "open": False}
    assert site.call("monitor", "tb-cxr", "--request-retrain")["retrain"] == {"asked": True, "open": True}
