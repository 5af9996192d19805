"""Which rules are asked of another site's numbers, and what they say."""

from __future__ import annotations

from radloop.governance.absolute import ABSOLUTE, failed, outlook
from radloop.use_case import KINDS
from tests.governance.documents import POLICY, RULES, good_evidence, policy

ASKED = ["cases", "auroc_lower", "ece_upper", "subgroup", "honest", "gap", "worst"]


def test_every_kind_that_is_asked_is_a_kind() -> None:
    assert ABSOLUTE < KINDS


def test_numbers_that_pass_and_rules_that_do_not_apply() -> None:
    found = outlook(good_evidence(), POLICY)
    statuses = {reason.rule.split("[")[0]: reason.status for reason in found.reasons}
    assert list(statuses) == [rule["name"] for rule in RULES]  # in the policy's order, none left out
    assert [name for name, status in statuses.items() if status == "passed"] == ASKED
    assert {status for name, status in statuses.items() if name not in ASKED} == {"not_applicable"}
    assert found.would_pass is True
    assert failed(found.as_dict()) == []


def test_only_absolute_rules_look_at_the_numbers() -> None:
    bare = good_evidence()
    for member in (
        "data",
        "contradictions",
        "parity",
        "precision",
        "robustness",
        "shortcuts",
        "explanations",
        "champion",
        "changes",
    ):
        del bare[member]
    assert outlook(bare, POLICY) == outlook(good_evidence(), POLICY)


def test_a_number_below_its_limit_and_one_that_is_missing() -> None:
    worse = good_evidence()
    worse["metrics"]["auroc"]["low"] = 0.875  # the policy asks 0.9
    worse["metrics"]["ece"]["value"] = None
    found = outlook(worse, POLICY)
    assert found.would_pass is False
    assert failed(found.as_dict()) == ["auroc_lower", "ece_upper"]
    assert {reason.rule: reason.status for reason in found.reasons}["ece_upper"] == "not_evaluable"


def test_a_policy_without_such_rules_says_nothing() -> None:
    found = outlook(good_evidence(), policy({"kind": "parity", "name": "parity", "max_difference": 0.001}))
    assert found.would_pass is None
    assert "how the bundle was made" in found.reasons[0].sentence
