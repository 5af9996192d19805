"""Levels of severity against scikit-learn, SciPy and hand-worked numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from radloop.statistics import resamples
from radloop.statistics.intervals import resample
from radloop.statistics.ordinal import ORDINAL, levels, nearest_level


def numbers(expected: object, truth: object, extents: object, patients: object, count: int) -> dict[str, float]:
    """Return the numbers of the cases as they are."""
    size = len(np.unique(np.asarray(patients)))
    measure = levels(expected, truth, extents, patients, count=count)  # type: ignore[arg-type]
    return {name: float(value[0]) for (_, name), value in measure(np.ones((size, 1))).items()}


def test_by_hand() -> None:
    # Nearest levels 0, 1, 2, 1 against 0, 1, 2, 2: three of four, and one off by one.
    found = numbers([0.2, 0.6, 1.9, 1.4], [0, 1, 2, 2], [0.0, 1.0, 5.0, 6.0], [0, 1, 2, 3], 3)
    assert found["exact"] == 3 / 4
    assert found["mean_absolute_error"] == pytest.approx((0.2 + 0.4 + 0.1 + 0.6) / 4)
    # Costs: seen 1; by chance over rows (1, 1, 2) and columns (1, 2, 1): (2 + 4 + 1 + 1 + 8 + 4) / 4 = 5.
    assert found["kappa"] == pytest.approx(1 - 1 / 5)
    # Ranks 1, 2, 4, 3 against 1, 2, 3, 4.
    assert found["spearman"] == pytest.approx(0.8)


def test_it_agrees_with_scikit_learn_and_scipy_with_ties() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, 120)
    expected = np.round(np.clip(truth + rng.normal(size=120), 0, 3), 1)
    extents = np.round(truth * 3 + 3 * rng.random(120))
    found = numbers(expected, truth, extents, np.arange(120), 4)
    kappa = sklearn_metrics.cohen_kappa_score(truth, nearest_level(expected, 4), weights="quadratic")
    assert found["kappa"] == pytest.approx(kappa)
    assert found["spearman"] == pytest.approx(stats.spearmanr(expected, extents).statistic)


def test_each_draw_equals_images_written_out() -> None:
    rng = np.random.default_rng(2)
    owner = rng.integers(0, 30, 60)
    owner[:30] = np.arange(30)
    truth = rng.integers(0, 3, 60)
    expected, extents = np.clip(truth + rng.normal(size=60), 0, 2), truth + rng.integers(0, 3, 60).astype(float)
    weights = resamples.drawn(np.random.default_rng(0), 30, 8)
    found = levels(expected, truth, extents, owner, count=3)(weights)
    for draw in range(8):
        rows = np.repeat(np.arange(60), weights[owner, draw].astype(int))
        written = numbers(expected[rows], truth[rows], extents[rows], np.arange(len(rows)), 3)
        for name in ORDINAL:
            assert found[None, name][draw] == pytest.approx(written[name], abs=1e-12), name


def test_the_unknown_are_left_out() -> None:
    known = numbers([0.1, 1.9], [0, 2], [0.0, 9.0], ["p", "q"], 3)
    with_unknown = numbers([0.1, 1.9, 1.0, math.nan], [0, 2, -1, 1], [0.0, 9.0, 4.0, 4.0], ["p", "q", "r", "s"], 3)
    assert with_unknown == known


def test_what_cannot_be_computed_is_nan() -> None:
    found = numbers([0.9, 1.1], [1, 1], [4.0, 4.0], [0, 1], 3)
    assert (found["exact"], math.isnan(found["kappa"]), math.isnan(found["spearman"])) == (1, True, True)
    assert all(math.isnan(value) for value in numbers([0.5], [-1], [math.nan], [0], 2).values())


def test_intervals_hold_their_value() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 100)
    said = np.clip(truth + 0.7 * rng.normal(size=100), 0, 2)
    found = resample(levels(said, truth, truth + rng.random(100), np.arange(100), count=3), 100, cases=100, draws=300, seed=1)
    assert all(interval.low < interval.value < interval.high for interval in found.values())


def test_halfway_is_the_graver_and_no_level_is_beyond_the_last() -> None:
    assert nearest_level([0.49, 0.5, 1.5, 2.0, 2.6], 3).tolist() == [0, 1, 2, 2, 2]


@pytest.mark.parametrize(("expected", "truth"), [([0.5], [3]), ([0.5], [-2]), ([0.5, 0.1], [1])])
def test_what_cannot_be_meant_is_refused(expected: list[float], truth: list[int]) -> None:
    with pytest.raises(ValueError, match="level"):
        levels(expected, truth, [1.0] * len(truth), [0] * len(truth), count=3)
