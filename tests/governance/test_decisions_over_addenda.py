"""Decisions over evidence and addenda: what they name, what withdraws a champion, and what refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Loop
from installations import Installation, copy_installation

from radloop.errors import IntegrityError, Refusal
from radloop.governance.addenda import add_addendum, addenda_file
from radloop.governance.decisions import decisions, last_decision
from radloop.governance.deployment import deploy
from radloop.governance.registry import Registry, Version
from radloop.governance.review import bundle_folder, decide_on
from radloop.inference.pointer import read_pointer
from radloop.inference.verification import verify
from radloop.settings import Settings

UC, BY, NOTE = "phantom-cxr", "Dr. A. Reader", "read report and addendum"


@pytest.fixture
def site(loop: Loop, tmp_path: Path) -> Installation:
    return copy_installation(loop.installation, tmp_path / "site")


def version(settings: Settings) -> Version:
    return Registry(UC, settings).version(1)


def added(settings: Settings, name: str = "site C") -> dict[str, Any]:
    """Add what `radloop evaluate` would, as far as deciding looks at it."""
    reason = {"rule": "auroc_lower", "status": "failed", "number": 0.5, "limit": 0.9, "sentence": "Half of it is luck."}
    numbers = {
        "counts": {"judged": 40, "patients": 30},
        "metrics": {"auroc": {"value": 0.625, "low": 0.5, "high": 0.75}},
        "reasons": [reason],
        "would_pass": False,
    }
    return add_addendum(version(settings), {"kind": "external", "name": name, **numbers}, settings)


def doctor(site: Installation, code: int) -> list[dict[str, Any]]:
    return [item for item in site.call("doctor", check=code)["findings"] if item["what"].startswith(UC)]


def test_a_decision_names_the_addenda_that_were_there(site: Installation) -> None:
    settings = site.settings
    first = decide_on(UC, 1, "approve", BY, NOTE, settings)
    assert "addenda" not in first
    addendum = added(settings)
    shown = site.call("review", "show", UC, "1")
    assert ([one["seal"] for one in shown["addenda"]], shown["addenda_since"]) == ([addendum["seal"]], [addendum["seal"]])
    again = decide_on(UC, 1, "approve", BY, NOTE, settings)
    assert again["addenda"] == [addendum["seal"]]
    assert verify(bundle_folder(version(settings), settings)).approval.addenda == (addendum["seal"],)
    assert [entry.get("addenda") for entry in decisions(settings)] == [None, [addendum["seal"]]]
    assert site.call("review", "show", UC, "1")["addenda_since"] == []
    assert site.call("review", "list", UC)["versions"][0]["addenda"] == 1


def test_a_champion_stays_served_after_an_addendum_and_is_withdrawn_by_a_rejection(
    site: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = site.settings
    decide_on(UC, 1, "approve", BY, NOTE, settings)
    deploy(UC, settings)
    assert [item["what"] for item in doctor(site, 0)] == [f"{UC}: served version 1, champion 1"]
    added(settings)
    said, served = doctor(site, 0)
    assert (said["what"], said["ok"]) == (f"{UC}: version 1 was approved before addendum 1 (site C)", True)
    assert served["ok"]
    told: list[str] = []
    deploy(UC, settings, 1, told.append)
    assert "addendum 1 (site C) came after the approval" in " ".join(told)
    site.call("review", "reject", UC, "1", "--by", BY, "--note", "half of it is luck")
    assert "it is still served: run `radloop rollback phantom-cxr" in capsys.readouterr().err
    with pytest.raises(Refusal, match=f"was rejected by {BY}") as caught:
        deploy(UC, settings, 1)
    assert caught.value.code == "not_approved"
    (finding,) = doctor(site, 1)
    assert finding["what"] == f"{UC}: version 1 is served and was rejected by {BY} (unverified name)"
    assert "radloop rollback phantom-cxr" in finding["remedy"]
    pointer = read_pointer(settings.bundles, UC)
    assert pointer is not None  # who is asked for an answer goes on getting one until somebody rolls back
    assert pointer.version == 1
    shown = site.call("review", "show", UC, "1")
    assert (shown["decision"], shown["served"]) == ("reject", True)


def _flip(settings: Settings) -> None:
    path = bundle_folder(version(settings), settings) / "addenda" / "0001.json"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _lose(settings: Settings) -> None:
    (bundle_folder(version(settings), settings) / "addenda" / "0001.json").unlink()


def _lose_with_record(settings: Settings) -> None:
    _lose(settings)
    addenda_file(settings).unlink()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [(_flip, "tampered_addendum"), (_lose, "missing_addendum"), (_lose_with_record, "missing_addendum")],
)
def test_what_became_of_an_addendum_stops_show_and_deploy(
    site: Installation, spoil: Callable[[Settings], None], code: str
) -> None:
    settings = site.settings
    addendum = added(settings)
    decide_on(UC, 1, "approve", BY, NOTE, settings)
    spoil(settings)
    assert site.call("review", "show", UC, "1", check=3)["error"]["code"] == code
    with pytest.raises(IntegrityError) as caught:
        deploy(UC, settings)
    assert caught.value.code == code
    assert read_pointer(settings.bundles, UC) is None
    if spoil is not _lose_with_record:  # then nothing but the decision knows of it
        with pytest.raises(IntegrityError):
            decide_on(UC, 1, "approve", BY, NOTE, settings)
        # A bundle can still be refused, over what the record names.
        assert decide_on(UC, 1, "reject", BY, NOTE, settings)["addenda"] == [addendum["seal"]]
        assert (last_decision(settings, UC, 1) or {})["decision"] == "reject"
