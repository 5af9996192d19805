"""The gate: a truth table, and what is missing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radloop.governance.gate import decide
from radloop.use_case import Policy

POLICY = Policy.model_validate_json(
    json.dumps(
        {
            "written": "2026-01-01",
            "rules": [
                {"kind": "data_verdict", "name": "data_verdict"},
                {"kind": "minimum_cases", "name": "cases", "positives": 30, "negatives": 30},
                {"kind": "lower_bound", "name": "auroc_lower", "metric": "auroc", "limit": 0.9},
                {"kind": "upper_bound", "name": "ece_upper", "metric": "ece", "limit": 0.2},
                {"kind": "subgroup_lower_bound", "name": "subgroup", "metric": "auroc", "limit": 0.8},
                {"kind": "parity", "name": "parity", "max_difference": 0.001},
            ],
        }
    )
)


def good_evidence() -> dict[str, Any]:
    interval = {"value": 0.95, "low": 0.92, "high": 0.98}
    group = {"images": 60, "patients": 60, "positives": 30, "metrics": {"auroc": {"value": 0.94, "low": 0.85, "high": 0.99}}}
    return {
        "data": {"validation": {"success": True}},
        "population": {"gated": {"images": 120, "positives": 60}},
        "metrics": {"auroc": interval, "ece": {"value": 0.05, "low": 0.02, "high": 0.1}},
        "policy_subgroups": [{"attribute": "sex", "value": "F"}, {"attribute": "sex", "value": "M"}],
        "subgroups": [{"attribute": "sex", "value": sex, **copy.deepcopy(group)} for sex in ("F", "M")],
        "parity": {"n": 50, "max_difference": 1e-6, "flips": 0},
    }


def test_good_evidence_passes_with_a_sentence_for_every_rule() -> None:
    verdict = decide(good_evidence(), POLICY)
    assert verdict.passed
    assert [reason.rule for reason in verdict.reasons] == [
        "data_verdict",
        "cases[positives]",
        "cases[negatives]",
        "auroc_lower",
        "ece_upper",
        "subgroup[sex=F]",
        "subgroup[sex=M]",
        "parity",
        "parity[flips]",
    ]
    assert "0.920; the policy asks at least 0.9" in verdict.reasons[3].sentence


# (where, value, the rule that must say no, its status)
TABLE = [
    (("data", "validation", "success"), False, "data_verdict", "failed"),
    (("population", "gated", "positives"), 29, "cases[positives]", "failed"),
    (("population", "gated", "images"), 89, "cases[negatives]", "failed"),
    (("metrics", "auroc", "low"), 0.8999, "auroc_lower", "failed"),
    (("metrics", "auroc", "low"), 0.9, None, "passed"),
    (("metrics", "ece", "high"), 0.2001, "ece_upper", "failed"),
    (("subgroups", 0, "metrics", "auroc", "low"), 0.79, "subgroup[sex=F]", "failed"),
    (("subgroups", 1, "positives"), 9, "subgroup[sex=M]", "not_evaluable"),
    (("parity", "max_difference"), 0.0011, "parity", "failed"),
    (("parity", "flips"), 1, "parity[flips]", "failed"),
    (("metrics", "auroc", "low"), True, "auroc_lower", "not_evaluable"),
    (("metrics", "auroc", "low"), "0.95", "auroc_lower", "not_evaluable"),
    (("metrics", "auroc", "value"), None, "auroc_lower", "not_evaluable"),
    (("data", "validation", "success"), "yes", "data_verdict", "not_evaluable"),
]


@pytest.mark.parametrize(("where", "value", "rule", "status"), TABLE)
def test_truth_table(where: tuple[Any, ...], value: Any, rule: str | None, status: str) -> None:
    evidence = good_evidence()
    place: Any = evidence
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    verdict = decide(evidence, POLICY)
    bad = {reason.rule: reason.status for reason in verdict.reasons if reason.status != "passed"}
    assert bad == ({rule: status} if rule else {})
    assert verdict.passed == (rule is None)


def _paths(document: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else []
    return [path for key, value in children for path in [(*prefix, key), *_paths(value, (*prefix, key))]]


# What the rules do not look at may be absent; everything else may not.
UNUSED = {"n", "patients"}
PATHS = [
    path for path in _paths(good_evidence()) if path[-1] not in UNUSED and path[-2:] not in (("auroc", "high"), ("ece", "low"))
]


@settings(max_examples=400, deadline=None)
@given(
    st.sets(st.sampled_from(range(len(PATHS))), min_size=1, max_size=6), st.sampled_from(["absent", None, float("nan"), "", []])
)
def test_nothing_with_anything_missing_passes(chosen: set[int], how: Any) -> None:
    evidence = copy.deepcopy(good_evidence())
    for path in sorted((PATHS[index] for index in chosen), key=len, reverse=True):
        place: Any = evidence
        for key in path[:-1]:
            place = place[key]
        if how == "absent" and isinstance(place, dict):
            del place[path[-1]]
        else:
            place[path[-1]] = None if how == "absent" else how
    verdict = decide(evidence, POLICY)
    assert not verdict.passed


SEVERAL = Policy.model_validate_json(
    json.dumps(
        {
            "written": "2026-01-01",
            "rules": [
                {"kind": "minimum_cases", "name": "cases", "positives": 20, "negatives": 20},
                {"kind": "lower_bound", "name": "auroc_lower", "metric": "auroc", "limit": 0.9},
                {"kind": "lower_bound", "name": "stone_lower", "metric": "sensitivity", "label": "stone", "limit": 0.8},
                {"kind": "subgroup_lower_bound", "name": "subgroup", "metric": "auroc", "limit": 0.8},
            ],
        }
    )
)


def several_evidence() -> dict[str, Any]:
    """Return evidence of several labels that passes."""
    fewest = {"positives": 24, "negatives": 40}
    group = {"images": 60, "fewest": {"positives": 11, "negatives": 20}, "metrics": {"auroc": {"value": 0.94, "low": 0.85}}}
    return {
        "population": {"gated": {"images": 120, "fewest": fewest}},
        "metrics": {"auroc": {"value": 0.95, "low": 0.92}},
        "labels": {"stone": {"metrics": {"sensitivity": {"value": 0.9, "low": 0.81}}}},
        "policy_subgroups": [{"attribute": "sex", "value": "F"}],
        "subgroups": [{"attribute": "sex", "value": "F", **group}],
    }


def test_several_labels_are_counted_by_the_rarest() -> None:
    verdict = decide(several_evidence(), SEVERAL)
    assert verdict.passed
    assert (
        verdict.reasons[0].sentence
        == "There are 24 positive test images of the label with the fewest; the policy asks at least 20."
    )
    assert "of sensitivity for stone is 0.810" in verdict.reasons[3].sentence


@pytest.mark.parametrize(
    ("where", "value", "rule", "status"),
    [
        (("population", "gated", "fewest", "positives"), 19, "cases[positives]", "failed"),
        (("population", "gated", "fewest", "negatives"), 19, "cases[negatives]", "failed"),
        (("labels", "stone", "metrics", "sensitivity", "low"), 0.79, "stone_lower", "failed"),
        (("labels", "stone", "metrics", "sensitivity", "low"), None, "stone_lower", "not_evaluable"),
        (("labels", "stone"), {}, "stone_lower", "not_evaluable"),
        (("subgroups", 0, "fewest", "positives"), 9, "subgroup[sex=F]", "not_evaluable"),
        (("subgroups", 0, "fewest", "negatives"), 9, "subgroup[sex=F]", "not_evaluable"),
        (("subgroups", 0, "metrics", "auroc", "low"), 0.79, "subgroup[sex=F]", "failed"),
    ],
)
def test_truth_table_of_several_labels(where: tuple[Any, ...], value: Any, rule: str, status: str) -> None:
    evidence = several_evidence()
    place: Any = evidence
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    bad = {reason.rule: reason.status for reason in decide(evidence, SEVERAL).reasons if reason.status != "passed"}
    assert bad == {rule: status}


SEVERAL_PATHS = [path for path in _paths(several_evidence()) if path[-1] != "images"]


@pytest.mark.parametrize("path", SEVERAL_PATHS, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("how", ["absent", None, float("nan"), "", []], ids=["absent", "null", "nan", "empty", "list"])
def test_nothing_of_several_labels_with_anything_missing_passes(path: tuple[Any, ...], how: Any) -> None:
    evidence = several_evidence()
    place: Any = evidence
    for key in path[:-1]:
        place = place[key]
    if how == "absent":
        del place[path[-1]]
    else:
        place[path[-1]] = how
    assert not decide(evidence, SEVERAL).passed


def test_a_region_is_judged_without_images_that_have_none() -> None:
    rule = {"kind": "subgroup_lower_bound", "name": "subgroup", "metric": "dice", "limit": 0.7}
    policy = Policy.model_validate_json(json.dumps({"written": "2026-01-01", "rules": [rule]}))
    row = {"attribute": "sex", "value": "F", "images": 12, "positives": 12, "metrics": {"dice": {"value": 0.8, "low": 0.75}}}
    evidence = {"policy_subgroups": [{"attribute": "sex", "value": "F"}], "subgroups": [row]}
    assert decide(evidence, policy).passed
    few = copy.deepcopy(evidence)
    few["subgroups"][0] |= {"images": 9, "positives": 9}
    assert decide(few, policy).reasons[0].status == "not_evaluable"
    auroc = Policy.model_validate_json(json.dumps({"written": "2026-01-01", "rules": [rule | {"metric": "auroc"}]}))
    assert decide(evidence, auroc).reasons[0].status == "not_evaluable"


def test_empty_evidence_is_rejected_by_every_rule() -> None:
    verdict = decide({}, POLICY)
    assert not verdict.passed
    assert {reason.status for reason in verdict.reasons} == {"not_evaluable"}
