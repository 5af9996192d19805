"""Expanded BCa by hand and beside SciPy, and what is left to doubt where no draw differs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.interval_coverage import covered
from radloop.statistics.bounds import expanded_bca, perfect_area, unseen
from radloop.statistics.intervals import bootstrap, resample, wilson

GRID = np.linspace(0, 1, 100_001)
"""Draws of which a share q lies below q."""


def test_without_bias_and_skewness_the_bounds_are_percentiles_at_students_t() -> None:
    # Influences 1, -1, 1, -1: no skewness; 2 * 4^2 / (4 - 4^2 / 4) is beyond all bounds, so 3 degrees of freedom.
    low, high = expanded_bca(0.5, GRID, np.array([0.4, 0.6, 0.4, 0.6]), 0.8)
    share = stats.norm.cdf(1.6377)  # t of 3 degrees at 90%
    assert (low, high) == pytest.approx((1 - share, share), abs=1e-4)


def test_bias_and_acceleration_by_hand() -> None:
    # Influences 1, 1, 1, -3: squares 12, cubes -24, so a = -24 / (6 * 12^1.5) = -0.09623; fourth powers 84, so
    # 2 * 144 / (84 - 144 / 4) = 6 degrees, of which four groups leave 3. Of the draws 30% lie below 0.3: bias -0.5244.
    low, high = expanded_bca(0.3, GRID, np.array([0.0, 0.0, 0.0, 4.0]), 0.8)
    below, above = -0.5244 - 1.6377, -0.5244 + 1.6377
    expected = [stats.norm.cdf(-0.5244 + z / (1 + 0.09623 * z)) for z in (below, above)]
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-4)


def test_many_equal_patients_give_scipys_bca() -> None:
    rng = np.random.default_rng(3)
    values = rng.gamma(2.0, size=400)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=rng, batch=2_000)
    left_out = (values.sum() - values) / 399
    low, high = expanded_bca(float(values.mean()), theirs.bootstrap_distribution, left_out, 0.95)
    # Gamma's long tail leaves some 130 degrees of freedom: t is 1.978 in place of 1.960.
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.006)
    assert low <= theirs.confidence_interval.low
    assert high >= theirs.confidence_interval.high


def test_the_value_lies_within_though_every_draw_is_larger() -> None:
    low, high = expanded_bca(0.1, np.linspace(0.2, 0.3, 500), np.array([0.09, 0.11, 0.1, 0.1]), 0.95)
    assert low <= 0.1 <= high


def test_a_single_patient_who_decides_takes_the_outermost_draws() -> None:
    influences = np.zeros(50)
    influences[7] = 1.0
    assert expanded_bca(0.5, GRID, influences, 0.95) == pytest.approx((0.0, 1.0), abs=0.02)


@pytest.mark.parametrize("m", [1, 7, 30, 500])
def test_a_share_of_all_or_none_has_wilsons_bounds(m: int) -> None:
    every, none = wilson(m, m), wilson(0, m)
    assert unseen(1.0, m, 0.95, signed=False) == pytest.approx((every.low, 1.0), abs=1e-12)
    assert unseen(0.0, m, 0.95, signed=False) == pytest.approx((0.0, none.high), abs=1e-12)
    assert unseen(0.0, m, 0.95, signed=True) == pytest.approx((-none.high, none.high), abs=1e-12)


def test_a_number_beyond_one_keeps_its_side() -> None:
    assert unseen(1.5, 10, 0.95, signed=False) == pytest.approx((1.5 - wilson(0, 10).high, 1.5), abs=1e-12)


def test_the_chance_of_a_perfect_area_at_its_bound_is_the_tail() -> None:
    # One pair: its chance to be in order is the area itself.
    assert perfect_area(1, 0.95) == pytest.approx(0.025, abs=1e-6)
    rng = np.random.default_rng(0)
    distance = math.sqrt(2) * stats.norm.ppf(perfect_area(10, 0.9))
    sets = rng.normal(size=(40_000, 20))
    perfect = sets[:, :10].min(axis=1) + distance > sets[:, 10:].max(axis=1)
    assert perfect.mean() == pytest.approx(0.05, abs=0.004)


def test_all_right_is_not_certain() -> None:
    """30 positive and 50 negative patients, two images each, all told apart and called rightly."""
    owner, labels = np.repeat(np.arange(80), 2), np.repeat([1, 0], [60, 100])
    found = bootstrap(0.1 + 0.8 * labels, labels, owner, threshold=0.5, draws=50)
    expected = {"auroc": perfect_area(30, 0.95), "sensitivity": wilson(30, 30).low, "specificity": wilson(50, 50).low}
    expected |= {"accuracy": wilson(80, 80).low, "balanced_accuracy": wilson(30, 30).low}
    assert {name: found[name].low for name in expected} == pytest.approx(expected, abs=1e-12)
    assert all(found[name].high == 1 for name in expected)


def test_a_perfect_area_is_no_worse_than_nearly_perfect_ones() -> None:
    labels = np.repeat([1, 0], 30)
    scores = np.linspace(1, 0, 60)
    lows = []
    for swapped in (0, 2):  # the lowest two positive cases change places with the highest two negative ones: 4 pairs
        changed = scores.copy()
        changed[30 - swapped : 30 + swapped] = changed[30 - swapped : 30 + swapped][::-1]
        lows.append(bootstrap(changed, labels, np.arange(60), threshold=0.5, metrics=["auroc"])["auroc"].low)
    assert lows[0] > lows[1]


def test_classes_that_need_three_patients_find_some() -> None:
    """A number of all three kinds of patients: of 30 at most ten groups, of which joining two by two finds a few."""
    kinds = np.eye(3)[np.arange(30) % 3]

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"x": np.where((kinds.T @ weights > 0).all(axis=0), 1.0, np.nan)}

    found = resample(measure, 30, cases=30, draws=100)["x"]
    assert wilson(3, 3).low <= found.low + 1e-12 <= wilson(10, 10).low


def test_a_difference_of_equals_may_go_either_way() -> None:
    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"x": 0 * weights.sum(axis=0)}

    assert resample(measure, 40, cases=40, draws=100)["x"].low == 0
    found = resample(measure, 40, cases=40, draws=100, signed=lambda name: name == "x")["x"]
    assert (found.low, found.high) == pytest.approx((-wilson(0, 40).high, wilson(0, 40).high), abs=1e-12)


def test_two_perfect_areas_differ_by_no_more_than_one_may_lack() -> None:
    room = 1 - perfect_area(25, 0.95)
    assert unseen(0.0, 25, 0.95, signed=True, area=True) == pytest.approx((-room, room), abs=1e-12)
    assert unseen(0.5, 25, 0.95, area=True) == pytest.approx((0.5 - wilson(0, 25).high, 0.5 + wilson(0, 25).high), abs=1e-12)


def test_groups_of_patients_left_out_say_what_single_ones_say(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    labels = (rng.random(900) < 0.2).astype(int)
    scores = rng.normal(size=900) + 2 * labels
    grouped = bootstrap(scores, labels, np.arange(900), threshold=1, metrics=["auroc", "sensitivity", "ppv"])
    monkeypatch.setattr("radloop.statistics.intervals._GROUPS", 900)
    single = bootstrap(scores, labels, np.arange(900), threshold=1, metrics=["auroc", "sensitivity", "ppv"])
    for name, interval in grouped.items():
        width = single[name].high - single[name].low
        assert (interval.low, interval.high) == pytest.approx((single[name].low, single[name].high), abs=0.04 * width), name


def test_intervals_hold_the_truth_and_percentiles_would_not() -> None:
    """150 sets of few positive patients: the short form of `benchmarks/interval_coverage.py`."""
    found = covered(0.95, 0.2, sets=150, draws=400)
    for tally in found.values():
        assert 0.91 <= tally.coverage <= 0.99
    assert found["auroc"].coverage > np.mean(found["auroc"].percentiles)
