"""The judgement: who counts for what, with numbers worked by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from installations import small_phantom_config

from radloop.evaluation.judgement import Cases, _intended, cases_as_csv, intervals_as_json, judge
from radloop.statistics.intervals import Interval
from radloop.use_case import GatedSubgroup, IntendedUse, Policy, Subgroups

SUBGROUPS = Subgroups(gated=(GatedSubgroup(attribute="sex", value="F"), GatedSubgroup(attribute="site", value="C")))
POLICY = Policy.model_validate_json(json.dumps(small_phantom_config()["policy"]))


def cases() -> Cases:
    """Eight patients: the model is right on all but one woman outside the intended use."""
    frame = pd.DataFrame(
        {
            "id": list("abcdefgh"),
            "patient": [f"P{number}" for number in range(8)],
            "sex": ["F", "F", "F", "F", "M", "M", "M", None],
            "site": ["A"] * 8,
            "view": [None] * 8,
            "age_band": ["18-39"] * 3 + ["0-17"] + ["18-39"] * 4,
        }
    )
    labels = np.array([1, 1, 0, 1, 1, 0, 0, 0])
    probabilities = np.array([0.9, 0.8, 0.1, 0.2, 0.9, 0.3, 0.1, 0.2])
    return Cases(frame, probabilities, labels, np.array([True, True, True, False, True, True, True, True]))


def test_the_gate_sees_the_intended_population_and_the_report_all() -> None:
    found = judge(cases(), 0.5, SUBGROUPS, POLICY)
    assert found.population == {
        "gated": {"images": 7, "patients": 7, "positives": 3},
        "all_test": {"images": 8, "patients": 8, "positives": 4},
    }
    assert found.metrics["sensitivity"].value == 1.0
    assert found.metrics_all_test["sensitivity"].value == 0.75
    assert found.metrics["specificity"].value == 1.0
    # over all: of 16 pairs, the missed woman's 0.2 beats two 0.1 and ties one 0.2 -> 14.5 of 16
    assert found.metrics_all_test["auroc"].value == 14.5 / 16


def test_gated_groups_are_judged_inside_and_others_reported_over_all() -> None:
    rows = {(row["attribute"], row["value"]): row for row in judge(cases(), 0.5, SUBGROUPS, POLICY).subgroups}
    assert (rows["sex", "F"]["images"], rows["sex", "F"]["gated"]) == (3, True)
    assert (rows["sex", "M"]["images"], rows["sex", "M"]["gated"]) == (3, False)
    assert rows["age_band", "0-17"]["inside_intended_use"] is False


def test_unknown_is_a_row_and_an_absent_gated_group_is_one_too() -> None:
    rows = {(row["attribute"], row["value"]): row for row in judge(cases(), 0.5, SUBGROUPS, POLICY).subgroups}
    assert rows["sex", "unknown"]["images"] == 1
    assert rows["site", "C"]["images"] == 0
    assert np.isnan(rows["site", "C"]["metrics"]["auroc"].value)
    assert rows["view", "unknown"]["images"] == 8


def test_nan_becomes_null() -> None:
    found = intervals_as_json({"auroc": Interval(0.5, float("nan"), float("inf"))})
    assert found == {"auroc": {"value": 0.5, "low": None, "high": None}}


def test_unknown_age_is_inside_as_in_serving_and_both_ends_count() -> None:
    ages = np.array([17.9, 18.0, 59.9, 60.0, np.nan])
    assert _intended(ages, IntendedUse(statement="x", age=(18.0, 59.0))).tolist() == [False, True, True, False, True]
    assert _intended(ages, IntendedUse(statement="x")).all()


def test_the_cases_table_keeps_every_digit() -> None:
    lines = cases_as_csv(cases()).decode().splitlines()
    assert lines[0] == "id,label,probability,intended"
    assert lines[4] == "d,1,0.2,0"
