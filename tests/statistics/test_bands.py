"""Bands of curves where every draw gives a curve that is known."""

from __future__ import annotations

import numpy as np

from radloop.statistics.bands import GRID, curve_bands
from radloop.statistics.discrimination import precision_recall_curve, roc_curve


def test_perfect_scores_have_one_curve() -> None:
    found = curve_bands([0.9, 0.8, 0.7, 0.2, 0.1, 0.0], [1, 1, 1, 0, 0, 0], range_of(6), draws=200)
    assert found is not None
    for band in (found.roc, found.precision_recall):
        assert (band.low == 1).all()
        assert (band.high == 1).all()


def test_scores_that_know_nothing_have_the_diagonal() -> None:
    found = curve_bands(np.full(40, 0.5), [0, 1] * 20, range_of(40), draws=200)
    assert found is not None
    np.testing.assert_allclose(found.roc.low, GRID)
    np.testing.assert_allclose(found.roc.high, GRID)
    # Precision is the draw's share of positives: of 40 from 20, within a half less and plus 1.96 * sqrt(0.25 / 40) or so.
    assert 0.3 < found.precision_recall.low[50] < 0.4
    assert 0.6 < found.precision_recall.high[50] < 0.7


def test_the_curve_of_the_cases_lies_in_its_band() -> None:
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(150), 2)
    truth = rng.integers(0, 2, 150)[owner]
    scores = np.round(truth + rng.normal(size=300), 1)
    found = curve_bands(scores, truth, owner)
    assert found is not None
    roc, precision = roc_curve(scores, truth), precision_recall_curve(scores, truth)
    tpr = np.interp(GRID, roc.false_positive_rate, roc.true_positive_rate)
    assert np.mean((tpr >= found.roc.low) & (tpr <= found.roc.high)) > 0.95
    middle = float(precision.precision[np.argmin(np.abs(precision.recall - 0.5))])
    assert found.precision_recall.low[50] < middle < found.precision_recall.high[50]


def test_patients_not_images_are_drawn() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 60)
    scores = truth + rng.normal(size=60)
    once = curve_bands(scores, truth, np.arange(60))
    copies = curve_bands(np.repeat(scores, 3), np.repeat(truth, 3), np.repeat(np.arange(60), 3))
    assert once is not None
    assert copies is not None
    np.testing.assert_allclose(once.roc.low, copies.roc.low)


def test_one_class_or_one_patient_has_no_band() -> None:
    assert curve_bands([0.1, 0.2], [1, 1], [1, 2]) is None
    assert curve_bands([0.1, 0.2], [0, 1], [1, 1]) is None
    assert curve_bands([], [], []) is None


def range_of(count: int) -> list[int]:
    """Return a patient for each case."""
    return list(range(count))
