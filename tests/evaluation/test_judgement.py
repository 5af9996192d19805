"""The judgement: who counts for what, with numbers worked by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from installations import small_phantom_config

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.judgement import judge
from radloop.evaluation.measures import intervals_as_json
from radloop.statistics.intervals import Interval
from radloop.use_case import GatedSubgroup, Policy, Subgroups

SUBGROUPS = Subgroups(gated=(GatedSubgroup(attribute="sex", value="F"), GatedSubgroup(attribute="site", value="C")))
POLICY = Policy.model_validate_json(json.dumps(small_phantom_config()["policy"]))
BINARY = Outputs("binary", ("opacity",), (0.5,))
CLASSES = Outputs("multiclass", ("cyst", "stone", "normal"), (None, None, None))
FINDINGS = Outputs("multilabel", ("mass", "nodule"), (0.5, None))


def frame(n: int, patients: int) -> pd.DataFrame:
    """Return n rows of so many patients, of all subgroups."""
    return pd.DataFrame(
        {
            "id": [f"{number:016x}" for number in range(n)],
            "patient": [f"P{number % patients}" for number in range(n)],
            "sex": ["F" if number % patients % 2 else "M" for number in range(n)],
            "site": ["A"] * n,
            "view": [None] * n,
            "device": [None] * n,
            "age_band": ["18-39"] * n,
            "extent": [float(number % 5) for number in range(n)],
        }
    )


def cases() -> Cases:
    """Eight patients: the model is right on all but one woman outside the intended use."""
    table = pd.DataFrame(
        {
            "id": list("abcdefgh"),
            "patient": [f"P{number}" for number in range(8)],
            "sex": ["F", "F", "F", "F", "M", "M", "M", None],
            "site": ["A"] * 8,
            "view": [None] * 8,
            "device": [None] * 8,
            "age_band": ["18-39"] * 3 + ["0-17"] + ["18-39"] * 4,
        }
    )
    truth = np.array([1.0, 1, 0, 1, 1, 0, 0, 0])[:, None]
    probabilities = np.array([0.9, 0.8, 0.1, 0.2, 0.9, 0.3, 0.1, 0.2])[:, None]
    return Cases(table, probabilities, truth, np.array([True, True, True, False, True, True, True, True]))


def several(outputs: Outputs, n: int = 60, patients: int = 30) -> Cases:
    """Return cases of several outputs, drawn with a seed; the probabilities know something."""
    rng, k = np.random.default_rng(3), len(outputs.labels)
    truth = np.eye(k)[rng.integers(0, k, n)] if outputs.kind == "multiclass" else (rng.random((n, k)) < 0.4).astype(float)
    chances = np.clip(0.35 * truth + 0.6 * rng.random((n, k)), 0, 1)
    if outputs.kind == "multiclass":
        chances /= chances.sum(axis=1, keepdims=True)
    return Cases(frame(n, patients), chances, truth, np.ones(n, np.bool_))


def test_the_gate_sees_the_intended_population_and_the_report_all() -> None:
    found = judge(cases(), BINARY, SUBGROUPS, POLICY)
    assert found.population == {
        "gated": {"images": 7, "patients": 7, "positives": 3},
        "all_test": {"images": 8, "patients": 8, "positives": 4},
    }
    assert found.metrics["sensitivity"].value == 1.0
    assert found.metrics_all_test["sensitivity"].value == 0.75
    assert found.metrics["specificity"].value == 1.0
    # over all: of 16 pairs, the missed woman's 0.2 beats two 0.1 and ties one 0.2 -> 14.5 of 16
    assert found.metrics_all_test["auroc"].value == 14.5 / 16


def test_one_output_has_no_keys_of_several() -> None:
    keys = {"population", "metrics", "metrics_all_test", "subgroups", "fairness", "net_benefit"}
    assert set(judge(cases(), BINARY, SUBGROUPS, POLICY).as_dict()) == keys


def test_pairs_are_reported_never_gated_and_only_of_known_words() -> None:
    given = cases()
    table = given.frame.assign(site=["A", "B"] * 4, device=["X"] * 8)
    rows = judge(replace(given, frame=table), BINARY, SUBGROUPS, POLICY).subgroups
    pairs = {(row["attribute"], row["value"]): row for row in rows if "+" in row["attribute"]}
    assert rows[-len(pairs) :] == list(pairs.values())
    # The view is unknown and the device the same for all; sex F is at A (rows 0, 2) and B (1, 3), M at A (4, 6) and B (5).
    assert {key[0] for key in pairs} == {"sex+age_band", "sex+site", "age_band+site"}
    assert {key[1]: row["images"] for key, row in pairs.items() if key[0] == "sex+site"} == {
        "F+A": 2,
        "F+B": 2,
        "M+A": 2,
        "M+B": 1,
    }
    assert not any(row["gated"] for row in pairs.values())
    assert pairs["sex+age_band", "F+0-17"]["inside_intended_use"] is False
    women_at_b = pairs["sex+site", "F+B"]
    assert women_at_b["metrics"]["sensitivity"].value == 0.5  # 0.8 is found, 0.2 missed
    assert women_at_b["metrics"]["accuracy"].value == 0.5
    assert set(women_at_b["metrics"]) == {"auroc", "accuracy", "sensitivity", "specificity"}


def test_a_pair_has_fewer_draws() -> None:
    many = POLICY.model_copy(update={"draws": 900})
    given = several(BINARY)
    rows = judge(replace(given, frame=given.frame.assign(site=["A", "B", "B"] * 20)), BINARY, SUBGROUPS, many).subgroups
    assert [row["draws"] for row in rows if row["attribute"] == "sex+site"] == [500] * 4
    assert all("draws" not in row for row in rows if "+" not in row["attribute"])


def test_gated_groups_are_judged_inside_and_others_reported_over_all() -> None:
    rows = {(row["attribute"], row["value"]): row for row in judge(cases(), BINARY, SUBGROUPS, POLICY).subgroups}
    assert (rows["sex", "F"]["images"], rows["sex", "F"]["gated"]) == (3, True)
    assert (rows["sex", "M"]["images"], rows["sex", "M"]["gated"]) == (3, False)
    assert rows["age_band", "0-17"]["inside_intended_use"] is False


def test_unknown_is_a_row_and_an_absent_gated_group_is_one_too() -> None:
    rows = {(row["attribute"], row["value"]): row for row in judge(cases(), BINARY, SUBGROUPS, POLICY).subgroups}
    assert rows["sex", "unknown"]["images"] == 1
    assert rows["site", "C"]["images"] == 0
    assert np.isnan(rows["site", "C"]["metrics"]["auroc"].value)
    assert rows["view", "unknown"]["images"] == rows["device", "unknown"]["images"] == 8


def test_nan_becomes_null() -> None:
    found = intervals_as_json({"auroc": Interval(0.5, float("nan"), float("inf"))})
    assert found == {"auroc": {"value": 0.5, "low": None, "high": None}}


def test_classes_have_a_table_and_each_its_numbers() -> None:
    # Answers cyst, stone, normal, normal; the last is a stone.
    said = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.0, 0.4, 0.6]])
    given = Cases(frame(4, 4), said, np.eye(3)[[0, 1, 2, 1]], np.ones(4, np.bool_))
    found = judge(given, CLASSES, SUBGROUPS, POLICY).as_dict()
    assert found["confusion"] == {"labels": ["cyst", "stone", "normal"], "counts": [[1, 0, 0], [0, 1, 1], [0, 0, 1]]}
    assert found["metrics"]["accuracy"]["value"] == 0.75
    assert found["labels"]["stone"]["metrics"]["sensitivity"]["value"] == 0.5
    assert found["labels"]["normal"]["metrics"]["ppv"]["value"] == 0.5
    assert (found["labels"]["stone"]["images"], found["labels"]["stone"]["positives"]) == (4, 2)
    assert found["population"]["gated"]["fewest"] == {"positives": 1, "negatives": 2}
    assert "positives" not in found["population"]["gated"]


def test_subgroups_of_several_outputs_have_each_label() -> None:
    rows = judge(several(CLASSES), CLASSES, SUBGROUPS, POLICY).as_dict()["subgroups"]
    row = next(row for row in rows if row["value"] == "F")
    assert row["images"] == 30
    assert row["fewest"]["positives"] == min(label["positives"] for label in row["labels"].values())
    assert sum(label["positives"] for label in row["labels"].values()) == 30
    assert set(row["metrics"]) == {"auroc", "accuracy", "balanced_accuracy"}
    assert set(row["labels"]["cyst"]["metrics"]) == {"auroc", "accuracy", "balanced_accuracy"}


def test_a_finding_of_too_few_patients_is_not_evaluable_and_not_in_the_mean() -> None:
    given = several(FINDINGS)
    truth = given.truths.copy()
    truth[:, 1] = 0
    truth[::30, 1] = 1  # two images of one patient
    found = judge(replace(given, truths=truth), FINDINGS, SUBGROUPS, POLICY).as_dict()
    mass, nodule = found["labels"]["mass"], found["labels"]["nodule"]
    assert (mass["judged"], nodule["judged"], nodule["positives"]) == (True, False, 2)
    assert all(interval == {"value": None, "low": None, "high": None} for interval in nodule["metrics"].values())
    assert found["metrics"]["auroc"] == mass["metrics"]["auroc"]
    assert found["population"]["gated"]["fewest"]["positives"] == 2


def test_a_judged_finding_without_a_threshold_leaves_the_mean_rates_unknown() -> None:
    found = judge(several(FINDINGS), FINDINGS, SUBGROUPS, POLICY)
    assert found.judged == (True, True)
    assert math.isnan(found.metrics["sensitivity"].value)
    assert not math.isnan(found.labels["mass"]["sensitivity"].value)
    mean = (found.labels["mass"]["auroc"].value + found.labels["nodule"]["auroc"].value) / 2
    assert found.metrics["auroc"].value == pytest.approx(mean)


def test_unknown_truth_counts_for_nobody() -> None:
    given = several(FINDINGS)
    truth = given.truths.copy()
    truth[:7, 0] = np.nan
    found = judge(replace(given, truths=truth), FINDINGS, SUBGROUPS, POLICY).as_dict()
    assert (found["labels"]["mass"]["images"], found["labels"]["nodule"]["images"]) == (53, 60)


def test_regions_are_judged_where_there_are_any() -> None:
    dice, hits = np.array([0.5, 1.0, np.nan, 0.9] * 2), np.array([1.0, 0.0, np.nan, np.nan] * 2)
    found = judge(replace(cases(), dice=dice, location=hits), BINARY, SUBGROUPS, POLICY)
    # The fourth case lies outside the intended use.
    assert found.metrics["dice"].value == pytest.approx((0.5 + 1 + 0.5 + 1 + 0.9) / 5)
    assert found.metrics["location"].value == 0.5
    assert found.metrics_all_test["dice"].value == pytest.approx(4.8 / 6)
    row = next(row for row in found.subgroups if row["value"] == "F")
    assert row["metrics"]["dice"].value == 0.75
    assert found.metrics["auroc"] == judge(cases(), BINARY, SUBGROUPS, POLICY).metrics["auroc"]


def test_severity_is_judged_against_levels_and_extent() -> None:
    given = several(BINARY, n=40)
    levels = np.array([0, 1, 2, 1, -1] * 8)
    expected = np.where(levels >= 0, levels + 0.25, 1.0)
    outputs = replace(BINARY, levels=("none", "small", "large"))
    found: dict[str, Any] = judge(replace(given, levels=levels, expected=expected), outputs, SUBGROUPS, POLICY).as_dict()[
        "severity"
    ]
    assert found["images"] == 32
    assert found["metrics"]["mean_absolute_error"]["value"] == pytest.approx(0.25)
    assert found["metrics"]["exact"]["value"] == 1
    assert found["confusion"] == [[8, 0, 0], [0, 16, 0], [0, 0, 8]]
    # Levels 0, 1, 2, 1 with extents 0, 1, 2, 3: ranks 1, 2.5, 4, 2.5 against 1, 2, 3, 4.
    assert found["metrics"]["spearman"]["value"] == pytest.approx(3 / math.sqrt(4.5 * 5))


def test_what_the_clinical_values_add_is_a_difference_of_the_same_draws() -> None:
    given = several(BINARY, n=80)
    found = judge(replace(given, hidden=np.full((80, 1), 0.5)), BINARY, SUBGROUPS, POLICY)
    assert found.without_clinical is not None
    assert found.without_clinical.metrics["auroc"].value == 0.5  # chance, in every draw
    both, difference = found.metrics["auroc"], found.without_clinical.difference["auroc"]
    for end in ("value", "low", "high"):
        assert getattr(difference, end) == pytest.approx(getattr(both, end) - 0.5)
    same = judge(replace(given, hidden=given.probabilities), BINARY, SUBGROUPS, POLICY).without_clinical
    assert same is not None
    brier = same.difference["brier"]
    assert brier.low == -brier.high < brier.value == 0  # no patient differs, and another might, either way


def test_the_numbers_do_not_depend_on_pseudonyms() -> None:
    given = several(CLASSES)
    renamed = given.frame.assign(patient=[f"{hash_}" for hash_ in given.frame["patient"].map(lambda word: word[::-1])])
    first, second = (judge(replace(given, frame=table), CLASSES, SUBGROUPS, POLICY).as_dict() for table in (given.frame, renamed))
    assert first == second


def test_groups_are_drawn_where_patients_are_not_named() -> None:
    given = several(BINARY, n=60, patients=60)
    blocks = replace(given, frame=given.frame.assign(group=[f"G{number // 10}" for number in range(60)]))
    images, groups = (judge(one, BINARY, SUBGROUPS, POLICY).metrics["auroc"] for one in (given, blocks))
    by_hand = judge(replace(given, frame=given.frame.assign(patient=blocks.frame["group"])), BINARY, SUBGROUPS, POLICY)
    assert groups.value == images.value
    assert groups == by_hand.metrics["auroc"] != images


def test_a_judgement_is_json_without_nan() -> None:
    for outputs in (CLASSES, FINDINGS, BINARY):
        json.dumps(judge(several(outputs), outputs, SUBGROUPS, POLICY).as_dict(), allow_nan=False)
