"""Cells, shares and subgroup sizes, by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from validation.frames import manifest, use_case

from radloop.validation.balance import cells, imbalances, indicators, split_shares, subgroup_sizes

FINDINGS = {"kind": "multilabel", "findings": ["mass", "edema"], "none": "healthy"}


def test_cells_count_every_split_and_label_and_absent_ones_as_0() -> None:
    frame = pd.DataFrame({"split": ["train", "train", "train", "test"], "label": ["opacity", "normal", None, "opacity"]})
    found = cells(frame, use_case()).set_index("cell")
    assert list(found.loc["train/opacity", ["images", "known"]]) == [1, 2]
    assert found.loc["train/opacity", "unknown"] == pytest.approx(1 / 3)
    assert list(found.loc["tune/normal", ["images", "known", "unknown"]]) == [0, 0, 0.0]
    assert len(found) == 8


def test_findings_are_counted_where_they_are_known() -> None:
    values = {"split": ["test"] * 4, "finding_mass": [1.0, 0.0, 0.0, math.nan], "finding_edema": [1.0, 0.0, math.nan, math.nan]}
    has = indicators(pd.DataFrame(values), use_case(FINDINGS))
    # Row 0 has findings; row 1 has none; in rows 2 and 3 one that is unknown might be there.
    assert list(has["healthy"])[:2] == [0.0, 1.0]
    assert has["healthy"][2:].isna().all()
    found = cells(pd.DataFrame(values), use_case(FINDINGS)).set_index("cell")
    assert list(found.loc["test/mass", ["images", "known", "unknown"]]) == [1, 3, 0.25]
    assert list(found.loc["test/edema", ["images", "known", "unknown"]]) == [1, 2, 0.5]
    assert list(found.loc["test/healthy", ["images", "known"]]) == [1, 2]


def test_imbalance_is_the_distance_from_the_whole() -> None:
    # opacity: 8 of 10 in train, 1 of 5 in test, 9 of 15 in all: |0.8 - 0.6| and |0.2 - 0.6|
    table = pd.DataFrame(
        {
            "cell": ["train/opacity", "tune/opacity", "test/opacity"],
            "label": ["opacity"] * 3,
            "images": [8, 0, 1],
            "known": [10, 0, 5],
        }
    )
    assert imbalances(table) == {"train/opacity": pytest.approx(0.2), "test/opacity": pytest.approx(0.4)}


def test_splits_share_patients_not_images() -> None:
    frame = pd.DataFrame({"split": ["train"] * 5 + ["test"], "patient": ["A", "A", "A", "A", "B", "C"]})
    assert split_shares(frame) == {"train": pytest.approx(2 / 3), "tune": 0, "calibrate": 0, "test": pytest.approx(1 / 3)}
    assert set(split_shares(frame.assign(split=None)).values()) == {0.0}


def test_subgroups_are_counted_in_test_only() -> None:
    frame = manifest(use_case(), 64)
    groups = [{"attribute": "sex", "value": "F"}, {"attribute": "sex", "value": "O"}]
    assert subgroup_sizes(frame, groups) == {"sex=F": 8, "sex=O": 0}
