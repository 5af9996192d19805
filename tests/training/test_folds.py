"""Folds: no patient, group or picture in two of them, labels spread, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.errors import InputError
from radloop.training.folds import assign_folds, fold_pixels, mean_value, median_fold
from radloop.training.pixels import Pixels

NAN = float("nan")


def column(*values: float) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)[:, None]


def test_labels_are_spread_evenly_when_every_patient_has_one_image() -> None:
    truth = column(*[1.0] * 9 + [0.0] * 21)
    places = assign_folds({"patient": [f"p{number}" for number in range(30)]}, truth, 3, seed=1)
    assert [int(truth[places == fold, 0].sum()) for fold in range(3)] == [3, 3, 3]
    assert np.bincount(places).tolist() == [10, 10, 10]


def test_patients_groups_and_pictures_that_share_rows_stay_together() -> None:
    # a and b share a group, b and c a picture: one unit of 4 rows; d, e and f are alone.
    columns = {
        "patient": ["a", "b", "b", "c", "d", "e", "f"],
        "group": ["g", "g", None, None, NAN, None, "h"],
        "pixels": ["1", "2", "3", "3", "4", "5", "6"],
    }
    places = assign_folds(columns, column(1, 1, 1, 1, 1, 1, 1), 2, seed=1)
    assert len(set(places[:4].tolist())) == 1
    assert sorted(np.bincount(places).tolist()) == [3, 4]
    assert set(places[4:].tolist()) == {1 - int(places[0])}


def test_the_largest_patients_are_dealt_first() -> None:
    # 5, 3, 2 and 1 rows into two folds: 5 | 3, then 2 to the three (5 | 5), then 1 to the first of equals.
    patients = ["a"] * 5 + ["b"] * 3 + ["c"] * 2 + ["d"]
    places = assign_folds({"patient": patients}, column(*[0.0] * 11), 2, seed=3)
    assert places.tolist() == [0] * 5 + [1] * 5 + [0]


def test_a_rare_finding_decides_and_an_unknown_row_is_its_own_stratum() -> None:
    # Finding 0 in everybody but the negatives, finding 1 in two patients only: they go to different folds.
    truth = np.asarray([[1, 1], [1, 1], [1, 0], [1, 0], [1, NAN], [1, 0], [0, 0], [0, 0], [NAN, NAN], [NAN, NAN]])
    for seed in range(5):
        places = assign_folds({"patient": list(range(10))}, truth, 2, seed)
        assert places[0] != places[1]
        assert sorted(places[2:6].tolist()) == [0, 0, 1, 1]
        assert places[6] != places[7]
        assert places[8] != places[9]


def test_the_cut_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    draw = np.random.default_rng(0)
    patients = [f"p{number // 2}" for number in range(40)]
    truth = column(*[float(number // 2 % 3 == 0) for number in range(40)])
    places = assign_folds({"patient": patients}, truth, 4, seed=5)
    order = draw.permutation(40)
    shuffled = assign_folds({"patient": [patients[row] for row in order]}, truth[order], 4, seed=5)
    assert shuffled.tolist() == places[order].tolist()
    assert assign_folds({"patient": patients}, truth, 4, seed=6).tolist() != places.tolist()


def test_more_folds_than_patients_are_refused() -> None:
    with pytest.raises(InputError, match="3 folds need as many patients, and train and tune have 2"):
        assign_folds({"patient": ["a", "a", "b"], "group": [None, None, None]}, column(0, 1, 1), 3, seed=1)


def test_each_row_of_train_and_tune_is_tune_once_and_the_rest_is_untouched() -> None:
    splits = ["train"] * 6 + ["tune"] * 3 + ["calibrate", "test"]
    frame = pd.DataFrame({"patient": [f"p{number}" for number in range(11)], "split": splits})
    images = np.zeros((11, 2, 2), np.uint8)
    pixels = Pixels(images=images, truths=column(*[0, 1] * 5, 0).astype(np.float32), frame=frame)
    cut = fold_pixels(pixels, 3, seed=2)
    tuned = np.concatenate([part.indices("tune") for part in cut])
    assert sorted(tuned.tolist()) == list(range(9))
    for part in cut:
        assert part.images is images
        assert len(part.indices("train")) == 6
        assert part.indices("calibrate").tolist() == [9]
        assert part.indices("test").tolist() == [10]
    assert frame["split"].tolist() == splits


def test_the_mean_is_exact_and_the_median_fold_is_never_the_luckier() -> None:
    assert mean_value([0.1] * 10) == 0.1  # a running sum gives 0.09999999999999999
    assert mean_value([0.7]) == 0.7
    assert median_fold([0.7, 0.9, 0.8], larger_is_better=True) == 2
    assert median_fold([0.7, 0.9, 0.8, 0.6], larger_is_better=True) == 0  # of 0.7 and 0.8
    assert median_fold([0.7, 0.9, 0.8, 0.6], larger_is_better=False) == 2
    assert median_fold([0.5, 0.5, 0.5], larger_is_better=True) == 1
    assert median_fold([0.5], larger_is_better=False) == 0
