"""The gate: each rule at, above and below its limit, and what is missing."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radloop.governance import gate
from radloop.governance.gate import decide
from radloop.governance.judges.reason import Reason
from radloop.governance.judges.subgroups import apart
from tests.governance.documents import (
    CHAMPION_RULES,
    POLICY,
    SEVERAL,
    Path,
    first_evidence,
    good_evidence,
    lose,
    paths,
    policy,
    put,
    several_evidence,
)


def test_good_evidence_passes_with_a_sentence_for_every_rule() -> None:
    verdict = decide(good_evidence(), POLICY)
    assert verdict.passed
    assert [reason.rule for reason in verdict.reasons] == [
        "data_verdict",
        "leakage",
        "labels[sex=F]",
        "labels[sex=M]",
        "cases[positives]",
        "cases[negatives]",
        "auroc_lower",
        "ece_upper",
        "subgroup[sex=F]",
        "subgroup[sex=M]",
        "honest[sex=F]",
        "honest[sex=M]",
        "gap[sex]",
        "worst[site]",
        "parity",
        "parity[flips]",
        "precision",
        "precision[flips]",
        "precision[auroc]",
        "robust[noise]",
        "robust[blur]",
        "corner[upper_left]",
        "corner[upper_left flips]",
        "anatomy[centre]",
        "probe[site]",
        "heat_map",
        "auroc_kept",
        "ece_kept",
        "shift",
        "plan",
    ]
    assert {reason.status for reason in verdict.reasons} == {"passed"}
    assert "0.920; the policy asks at least 0.9" in verdict.reasons[6].sentence


def bad(evidence: dict[str, Any]) -> dict[str, str]:
    """Return the rules of the policy that say no, with their status; the verdict must be theirs."""
    verdict = decide(evidence, POLICY)
    found = {reason.rule: reason.status for reason in verdict.reasons if reason.status != "passed"}
    assert verdict.passed == (not found)
    return found


DROP = ("shortcuts", "occlusion", "upper_left", "auroc_drop", "high")
CENTRE = ("shortcuts", "occlusion", "centre", "auroc_drop", "low")
NOISE = ("robustness", "perturbations", "noise", 0)
PROBE = ("shortcuts", "probes", "site", "auroc", "high")

# (where, value, the rule that must say no, its status)
TABLE: list[tuple[Path, Any, str | None, str]] = [
    (("data", "validation", "success"), False, "data_verdict", "failed"),
    (("data", "validation", "success"), "yes", "data_verdict", "not_evaluable"),
    (("data", "leaks", "standing"), 1, "leakage", "failed"),
    (("data", "leaks", "dropped"), 0, None, "passed"),
    (("data", "leaks", "findings"), {}, None, "passed"),
    (("population", "gated", "positives"), 29, "cases[positives]", "failed"),
    (("population", "gated", "images"), 90, None, "passed"),
    (("population", "gated", "images"), 89, "cases[negatives]", "failed"),
    (("metrics", "auroc", "low"), 0.8999, "auroc_lower", "failed"),
    (("metrics", "auroc", "low"), 0.9, None, "passed"),
    (("metrics", "auroc", "low"), True, "auroc_lower", "not_evaluable"),
    (("metrics", "auroc", "low"), "0.95", "auroc_lower", "not_evaluable"),
    (("metrics", "auroc", "value"), None, "auroc_lower", "not_evaluable"),
    (("metrics", "ece", "high"), 0.2, None, "passed"),
    (("metrics", "ece", "high"), 0.2001, "ece_upper", "failed"),
    (("subgroups", 0, "metrics", "auroc", "low"), 0.8, None, "passed"),
    (("subgroups", 0, "metrics", "auroc", "low"), 0.79, "subgroup[sex=F]", "failed"),
    (("subgroups", 1, "metrics", "ece", "high"), 0.124, None, "passed"),
    (("subgroups", 1, "metrics", "ece", "high"), 0.126, "honest[sex=M]", "failed"),
    (("subgroups", 0, "metrics", "sensitivity", "value"), 0.7501, "gap[sex]", "failed"),
    (("subgroups", 0, "metrics", "sensitivity", "high"), 0.9374, None, "passed"),
    (("subgroups", 0, "metrics", "sensitivity", "high"), 0.9376, "gap[sex]", "failed"),
    (("subgroups", 1, "metrics", "sensitivity", "low"), 0.3749, "gap[sex]", "failed"),
    (("subgroups", 2, "metrics", "sensitivity", "low"), 0.5, None, "passed"),
    (("subgroups", 2, "metrics", "sensitivity", "low"), 0.499, "worst[site]", "failed"),
    (("subgroups", 2, "positives"), 10, None, "passed"),
    (("subgroups", 2, "positives"), 9, "worst[site]", "not_evaluable"),
    (("subgroups", 2, "inside_intended_use"), False, "worst[site]", "not_evaluable"),
    (("contradictions", "subgroups", 0, "share", "high"), 0.124, None, "passed"),
    (("contradictions", "subgroups", 0, "share", "high"), 0.126, "labels[sex=F]", "failed"),
    (("contradictions", "subgroups", 1, "images"), 29, "labels[sex=M]", "not_evaluable"),
    (("parity", "max_difference"), 0.001, None, "passed"),
    (("parity", "max_difference"), 0.0011, "parity", "failed"),
    (("parity", "flips"), 1, "parity[flips]", "failed"),
    (("precision", "test", "max_change"), 0.0626, "precision", "failed"),
    (("precision", "test", "flips"), 6, "precision[flips]", "failed"),  # 6 of 40 are more than one in eight
    (("precision", "test", "decisions"), 0, "precision[flips]", "not_evaluable"),
    (("precision", "test", "auroc_change"), 0.2501, "precision[auroc]", "failed"),
    (("precision", "test", "auroc_change"), None, "precision[auroc]", "not_evaluable"),
    ((*NOISE, "auroc_drop", "high"), 0.0626, "robust[noise]", "failed"),
    ((*NOISE, "auroc_drop", "high"), -0.5, None, "passed"),
    ((*NOISE, "strength"), 3, "robust[noise]", "not_evaluable"),
    (DROP, 0.0626, "corner[upper_left]", "failed"),
    (("shortcuts", "occlusion", "upper_left", "flips"), 0.126, "corner[upper_left flips]", "failed"),
    (CENTRE, 0.0625, None, "passed"),
    (CENTRE, 0.0624, "anatomy[centre]", "failed"),
    (PROBE, 0.751, "probe[site]", "failed"),
    (PROBE, 0.5, None, "passed"),
    (("explanations", "sane"), False, "heat_map", "failed"),
    (("explanations", "sane"), "true", "heat_map", "not_evaluable"),
    (("champion", "difference", "auroc", "low"), -0.0624, None, "passed"),
    (("champion", "difference", "auroc", "low"), -0.0625, "auroc_kept", "failed"),
    (("champion", "difference", "auroc", "low"), 0.5, None, "passed"),
    (("champion", "difference", "ece", "high"), 0.0624, None, "passed"),
    (("champion", "difference", "ece", "high"), 0.0625, "ece_kept", "failed"),
    (("champion", "shift", "flips"), 0.126, "shift", "failed"),
    (("champion", "shift", "sensitivity", "low"), -0.0626, "shift", "failed"),
    (("champion", "shift", "specificity", "low"), -0.126, "shift", "failed"),
    (("champion", "difference", "sensitivity", "low"), -0.0626, "shift", "failed"),
    (("champion", "thresholds", "candidate"), [0.25], None, "passed"),
    (("champion", "thresholds", "candidate"), [0.25, 0.5], "shift", "not_evaluable"),
    (("changes", "changed"), {}, None, "passed"),
    (("changes", "changed", "data.version"), ["a.dir", "b.dir"], None, "passed"),
    (("changes", "changed", "image.size"), [64, 128], "plan[image.size]", "failed"),
    (("changes", "changed", "searches"), [64, 128], "plan[searches]", "failed"),
    (("changes", "changed", "data.version.more"), [None, 1], "plan[data.version.more]", "failed"),
]


@pytest.mark.parametrize(("where", "value", "rule", "status"), TABLE)
def test_truth_table(where: Path, value: Any, rule: str | None, status: str) -> None:
    evidence = good_evidence()
    put(evidence, where, value)
    if where == ("subgroups", 2, "positives"):
        # A number of cases is judged with the others left as they are.
        evidence["subgroups"][2]["images"] = 50
    assert bad(evidence) == ({rule: status} if rule else {})


def test_one_group_that_several_rules_look_at_fails_each() -> None:
    evidence = good_evidence()
    evidence["subgroups"][1]["positives"] = 9
    assert bad(evidence) == dict.fromkeys(["subgroup[sex=M]", "honest[sex=M]", "gap[sex]"], "not_evaluable")


@pytest.mark.parametrize("statuses", list(itertools.product(["passed", "failed", "not_evaluable", "not_applicable"], repeat=3)))
def test_a_verdict_passes_only_where_every_rule_passed_or_was_waived(
    statuses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = policy(*({"kind": "data_verdict", "name": name} for name in "abc"))
    said = iter(statuses)
    judges = dict.fromkeys(gate._JUDGES, lambda _, rule: [Reason(rule.name, next(said), None, None, "")])  # type: ignore[arg-type]
    monkeypatch.setattr(gate, "_JUDGES", judges)
    assert decide({}, asked).passed == (set(statuses) <= {"passed", "not_applicable"})


def test_a_rule_that_gives_no_reason_lets_nothing_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_JUDGES", dict.fromkeys(gate._JUDGES, lambda *_: []))
    assert not decide(good_evidence(), POLICY).passed


# What a list or a table holds is content: one entry fewer is another statement, not a missing member.
CONTENT = {("data", "leaks", "findings", "identical"), ("changes", "changed", "search.trials")}
PATHS = list(paths(good_evidence()))
HOWS: list[Any] = ["absent", None, float("nan"), "", []]
CASES = [(path, how) for path in PATHS for how in HOWS if not (how == "absent" and path in CONTENT)]
# Values of a change may be anything; that it is a pair is asked.
CASES = [(path, how) for path, how in CASES if path[:3] != ("changes", "changed", "search.trials") or len(path) == 3]


def test_every_part_of_the_good_evidence_is_tried() -> None:
    assert len(CASES) > 500
    assert {path[0] for path, _ in CASES} == set(good_evidence())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_nothing_with_one_member_missing_passes(path: Path) -> None:
    for how in (how for where, how in CASES if where == path):
        evidence = good_evidence()
        lose(evidence, path, how)
        verdict = decide(evidence, POLICY)
        assert not verdict.passed, how
        assert "not_evaluable" in {reason.status for reason in verdict.reasons}


@settings(max_examples=400, deadline=None)
@given(st.sets(st.sampled_from(range(len(CASES))), min_size=1, max_size=8))
def test_nothing_with_several_members_missing_passes(chosen: set[int]) -> None:
    evidence = good_evidence()
    lost: set[Path] = set()
    for path, how in sorted((CASES[index] for index in chosen), key=lambda case: -len(case[0])):
        if path not in lost:  # the deepest first, so that every place is still there
            lose(evidence, path, how)
        lost.add(path)
    assert not decide(evidence, POLICY).passed


@pytest.mark.parametrize("first", [None, "not_applicable"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_what_tells_of_a_champion_is_never_lost_for_a_first_version(first: str | None, size: int) -> None:
    """A policy that waives a first version must not be had by evidence that lost its champion."""
    asked = policy(*(rule | ({"first": first} if first else {}) for rule in CHAMPION_RULES))
    places: list[Path] = [("champion",), ("changes", "since"), ("changes", "first"), ("changes", "changed"), ("changes",)]
    for chosen in itertools.combinations(places, size):
        for how in (None, "absent"):
            evidence = good_evidence()
            for path in sorted(chosen, key=len, reverse=True):
                lose(evidence, path, how)
            assert not decide(evidence, asked).passed, (chosen, how)


def test_a_first_version_passes_only_where_the_policy_said_so_in_advance() -> None:
    silent = decide(first_evidence(), policy(*CHAMPION_RULES))
    assert {reason.status for reason in silent.reasons} == {"not_evaluable"}
    waived = policy(*(rule | {"first": "not_applicable"} for rule in CHAMPION_RULES))
    said = decide(first_evidence(), waived)
    assert said.passed
    assert {reason.status for reason in said.reasons} == {"not_applicable"}
    assert decide(good_evidence(), waived) == decide(good_evidence(), policy(*CHAMPION_RULES))


@pytest.mark.parametrize("size", [1, 2])
def test_a_first_version_that_lost_a_member_is_none(size: int) -> None:
    waived = policy(*(rule | {"first": "not_applicable"} for rule in CHAMPION_RULES))
    for chosen in itertools.combinations([("champion",), ("changes", "since"), ("changes", "first")], size):
        evidence = first_evidence()
        for path in chosen:
            lose(evidence, path, "absent")
        assert not decide(evidence, waived).passed, chosen


def test_a_gated_group_that_the_policys_list_lost_is_missed() -> None:
    evidence = good_evidence()
    for row in evidence["subgroups"][:2]:
        row["gated"] = True
    assert bad(evidence) == {}
    del evidence["policy_subgroups"][1]
    assert bad(evidence) == dict.fromkeys(["labels", "subgroup", "honest", "gap[sex]"], "not_evaluable")


def test_the_gap_is_that_of_the_groups_that_lie_farthest_apart() -> None:
    # 0.75 - 0.625 + sqrt((0.9375 - 0.75)^2 + (0.625 - 0.375)^2) = 0.125 + 0.3125
    assert apart((0.75, 0.5, 0.9375), (0.625, 0.375, 0.75)) == 0.4375
    reason = next(reason for reason in decide(good_evidence(), POLICY).reasons if reason.rule == "gap[sex]")
    assert (reason.number, reason.limit) == (0.4375, 0.4375)
    assert "sex=F may lie up to 0.438 above that of sex=M" in reason.sentence


def test_the_worst_group_is_named_and_the_small_ones_too() -> None:
    evidence = good_evidence()
    site = evidence["subgroups"][2]
    evidence["subgroups"] += [
        {**site, "value": "unknown", "metrics": {"sensitivity": {"value": 0.5, "low": 0.25}}},
        {**site, "value": "C", "positives": 9, "metrics": {"sensitivity": {"value": 0.0, "low": 0.0}}},
        {**site, "value": "D", "inside_intended_use": False, "metrics": {"sensitivity": {"value": 0.0, "low": 0.0}}},
    ]
    reason = next(reason for reason in decide(evidence, POLICY).reasons if reason.rule == "worst[site]")
    assert (reason.status, reason.number) == ("failed", 0.25)
    assert "site=unknown, is 0.250" in reason.sentence
    assert reason.sentence.endswith("Too few cases to judge: C.")


def test_the_group_whose_labels_are_contradicted_is_named() -> None:
    evidence = good_evidence()
    put(evidence, ("contradictions", "subgroups", 0, "share", "high"), 0.25)
    reason = next(reason for reason in decide(evidence, POLICY).reasons if reason.status == "failed")
    assert reason.sentence == (
        "The share of labels in train that the bundle contradicts for sex=F (upper 95% bound) is 0.250; the policy asks at most "
        "0.125. Look at the labels of sex=F: they are wrong in part, or were not learnt."
    )


def test_a_marker_in_a_corner_is_named() -> None:
    evidence = good_evidence()
    put(evidence, DROP, 0.4)
    put(evidence, CENTRE, -0.01)
    sentences = {reason.rule: reason.sentence for reason in decide(evidence, POLICY).reasons if reason.status == "failed"}
    assert sentences["corner[upper_left]"] == (
        "The fall of AUROC when the upper left corner is hidden (upper 95% bound) is 0.400; the policy asks at most 0.0625. "
        "The model reads what lies in the upper left corner."
    )
    assert sentences["anatomy[centre]"].endswith("Without the centre it does as well: it reads something else.")


def test_the_old_threshold_is_refused_and_the_refitted_one_passes() -> None:
    shifted = {"flips": 0.4, "sensitivity": {"value": -0.5, "low": -0.7}, "specificity": {"value": 0.0, "low": 0.0}}
    evidence = good_evidence()
    evidence["champion"] |= {"version": 3, "shift": shifted}
    asked = policy(
        {"kind": "score_shift", "name": "shift", "max_flips": 0.1, "min_sensitivity": -0.0625, "min_specificity": -0.125}
    )
    kept = decide(evidence, asked)
    assert not kept.passed
    assert kept.reasons[0].sentence.startswith("At the threshold of version 3, 40.0% of decisions change")
    assert "the old threshold is refused. The bundle carries the old threshold" in kept.reasons[0].sentence
    put(evidence, ("champion", "thresholds", "candidate"), [0.25])
    refitted = decide(evidence, asked)
    assert refitted.passed
    assert "the old threshold is refused. The threshold moved from 0.375 to 0.250: refitted, it keeps both rates" in (
        refitted.reasons[0].sentence
    )
    put(evidence, ("champion", "difference", "sensitivity", "low"), -0.07)
    assert decide(evidence, asked).reasons[0].status == "failed"


def test_the_most_probable_class_has_no_threshold_that_could_move() -> None:
    evidence = good_evidence()
    put(evidence, ("champion", "thresholds"), {"champion": [None, None], "candidate": [None, None]})
    assert bad(evidence) == {}
    put(evidence, ("champion", "shift", "flips"), 0.2)
    assert bad(evidence) == {"shift": "failed"}


def test_a_champion_that_could_not_be_asked_is_said_so() -> None:
    evidence = good_evidence()
    evidence["champion"] = {"version": 3, "bundle": "sha256:0", "reason": "its images have another window"}
    assert bad(evidence) == dict.fromkeys(["auroc_kept", "ece_kept", "shift"], "not_evaluable")
    sentence = next(reason.sentence for reason in decide(evidence, POLICY).reasons if reason.rule == "shift")
    assert "version 3 cannot be judged (its images have another window): missing evidence means no." in sentence


def test_each_change_outside_the_plan_is_named_with_its_values() -> None:
    evidence = good_evidence()
    evidence["changes"]["changed"] |= {"image.size": [64, 128], "title": ["a", "b" * 80]}
    assert bad(evidence) == {"plan[image.size]": "failed", "plan[title]": "failed"}
    sentences = [reason.sentence for reason in decide(evidence, POLICY).reasons if reason.rule.startswith("plan")]
    assert sentences[0].startswith("image.size changed since version 3 from 64 to 128; the plan permits data.version, search.*.")
    assert "b" * 59 + "\N{HORIZONTAL ELLIPSIS};" in sentences[1]


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
def test_truth_table_of_several_labels(where: Path, value: Any, rule: str, status: str) -> None:
    evidence = several_evidence()
    put(evidence, where, value)
    found = {reason.rule: reason.status for reason in decide(evidence, SEVERAL).reasons if reason.status != "passed"}
    assert found == {rule: status}


SEVERAL_PATHS = [path for path in paths(several_evidence()) if path[-1] != "images"]


@pytest.mark.parametrize("path", SEVERAL_PATHS, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("how", HOWS, ids=["absent", "null", "nan", "empty", "list"])
def test_nothing_of_several_labels_with_anything_missing_passes(path: Path, how: Any) -> None:
    evidence = several_evidence()
    lose(evidence, path, how)
    assert not decide(evidence, SEVERAL).passed


def test_a_region_is_judged_without_images_that_have_none() -> None:
    rule = {"kind": "subgroup_lower_bound", "name": "subgroup", "metric": "dice", "limit": 0.7}
    row = {"attribute": "sex", "value": "F", "images": 12, "positives": 12, "metrics": {"dice": {"value": 0.8, "low": 0.75}}}
    evidence: dict[str, Any] = {"policy_subgroups": [{"attribute": "sex", "value": "F"}], "subgroups": [row]}
    assert decide(evidence, policy(rule)).passed
    assert decide(evidence, policy(rule | {"metric": "auroc"})).reasons[0].status == "not_evaluable"
    row |= {"images": 9, "positives": 9}
    assert decide(evidence, policy(rule)).reasons[0].status == "not_evaluable"


def test_empty_evidence_is_rejected_by_every_rule() -> None:
    verdict = decide({}, POLICY)
    assert not verdict.passed
    assert {reason.status for reason in verdict.reasons} == {"not_evaluable"}
