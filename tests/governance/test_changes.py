"""What changed since the champion, and whose plan is in force."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from conftest import Loop
from installations import small_phantom_config

from radloop.governance.changes import changes, since_champion
from radloop.governance.gate import decide
from radloop.inference.pointer import Pointer
from radloop.records.seal import read_sealed
from radloop.settings import Settings
from radloop.use_case import UseCase, covers
from tests.governance.documents import policy

PLAN = {"permitted": ["data.version", "search.*", "code.commit"]}
RULE = {"kind": "permitted_changes", "name": "plan"}


def document(**code: Any) -> dict[str, Any]:
    """Return as much of evidence as is held against another."""
    config = UseCase.model_validate_json(json.dumps(small_phantom_config(changes=PLAN))).model_dump(mode="json")
    known = {"commit": "c1", "dirty": False, "version": "0.1.0", "lock": "sha256:1"}
    return {"use_case": {"config": config}, "data": {"version": "a.dir"}, "code": known | code}


def test_a_first_version_has_no_changes_and_its_own_plan() -> None:
    assert changes(None, document(), None) == {"since": None, "first": True, "permitted": PLAN["permitted"], "changed": {}}


def test_nothing_changed_is_nothing() -> None:
    assert changes(document(), document(), 3)["changed"] == {}


def test_changes_go_by_dotted_path() -> None:
    new = document(commit="c2", lock=None)
    new["data"]["version"] = "b.dir"
    config = new["use_case"]["config"]
    config["search"]["recipe"]["dropout"] = 0.5
    config["search"]["space"]["dropout"] = None
    config["policy"]["rules"][1]["limit"] = -1.0
    config["source"]["labels"] = {"0": "normal"}
    assert changes(document(), new, 3) == {
        "since": 3,
        "first": False,
        "permitted": PLAN["permitted"],
        "changed": {
            "code.commit": ["c1", "c2"],
            "code.lock": ["sha256:1", None],
            "data.version": ["a.dir", "b.dir"],
            "policy.rules.auroc_lower.limit": [0.0, -1.0],
            "search.recipe.dropout": [0.2, 0.5],
            "search.space.dropout.high": [0.4, None],
            "search.space.dropout.kind": ["float", None],
            "search.space.dropout.log": [False, None],
            "search.space.dropout.low": [0.0, None],
            "source.labels.0": [None, "normal"],
        },
    }


def test_the_plan_in_force_is_the_champions() -> None:
    new = document()
    new["use_case"]["config"]["changes"]["permitted"] = ["changes.permitted", "image.*"]
    new["use_case"]["config"]["image"]["size"] = 128
    found = changes(document(), new, 3)
    assert found["permitted"] == PLAN["permitted"]
    verdict = decide({"champion": {}, "changes": found}, policy(RULE))
    assert [reason.rule for reason in verdict.reasons] == ["plan[changes.permitted]", "plan[image.size]"]
    assert {reason.status for reason in verdict.reasons} == {"failed"}


def test_a_champion_from_before_there_were_plans_is_judged_by_the_candidates() -> None:
    old, empty = document(), document()
    del old["use_case"]["config"]["changes"]
    empty["use_case"]["config"]["changes"]["permitted"] = []
    for champion in (old, empty):
        found = changes(champion, document(), 3)
        assert (found["permitted"], found["changed"]) == (PLAN["permitted"], {})
        assert decide({"champion": {}, "changes": found}, policy(RULE)).passed


def test_a_key_that_the_champion_is_too_old_to_have_is_no_change() -> None:
    old = document()
    del old["use_case"]["config"]["search"]["folds"]
    assert changes(old, document(), 3)["changed"] == {}


def test_a_checkout_with_changes_is_another_each_time() -> None:
    dirty = document(dirty=True)
    assert changes(dirty, copy.deepcopy(dirty), 3)["changed"] == {"code.commit": ["c1 and changes", "c1 and changes"]}


def test_outside_a_checkout_the_code_goes_by_its_version() -> None:
    nowhere = {"commit": None, "dirty": None}
    assert changes(document(**nowhere), document(**nowhere), 3)["changed"] == {}
    newer = changes(document(**nowhere), document(**nowhere, version="0.2.0"), 3)
    assert newer["changed"] == {"code.commit": ["radloop 0.1.0", "radloop 0.2.0"]}


def test_a_champion_without_evidence_leaves_it_unknown(tmp_path: Path) -> None:
    pointer = Pointer(use_case="phantom-cxr", bundle=f"sha256:{'0' * 64}", version=3)
    found = since_champion(document(), pointer, Settings(root=tmp_path, home=tmp_path / ".radloop"))
    assert found["changed"] is None
    reason = decide({"champion": {}, "changes": found}, policy(RULE)).reasons[0]
    assert (reason.status, "(evidence: evidence.json is missing)" in reason.sentence) == ("not_evaluable", True)


def test_a_pattern_names_a_path_or_all_below() -> None:
    plan = ("data.version", "search.*")
    asked = (
        "data.version",
        "search.trials",
        "search.space.dropout.low",
        "data",
        "data.version.x",
        "search",
        "searches.x",
        "image.size",
    )
    assert [path for path in asked if any(covers(pattern, path) for pattern in plan)] == list(asked[:3])


def test_evidence_of_a_first_version_says_that_there_is_no_champion(loop: Loop) -> None:
    found = read_sealed(Path(loop.summary["report"]).parent / "evidence.json", "evidence")
    assert found["champion"] is None
    assert (found["changes"]["since"], found["changes"]["first"]) == (None, True)
    assert found["data"]["leaks"]["standing"] == 0
