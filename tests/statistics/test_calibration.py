"""Brier score, calibration error and temperature, by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from radloop.statistics import calibration


def cases(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return overconfident logits (three times too large) and labels."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(size=n)
    labels = (rng.random(n) < 1 / (1 + np.exp(-honest))).astype(int)
    return 3 * honest, labels


def test_brier_by_hand() -> None:
    assert calibration.brier([0.9, 0.2, 0.6], [1, 0, 0]) == pytest.approx((0.01 + 0.04 + 0.36) / 3)
    assert calibration.brier([1, 0], [1, 0]) == 0
    assert calibration.brier([0.5, 0.5], [1, 0]) == 0.25
    assert math.isnan(calibration.brier([], []))


def test_brier_equals_scikit_learn() -> None:
    logits, labels = cases(1)
    probabilities = calibration.apply_temperature(logits, 1)
    assert calibration.brier(probabilities, labels) == pytest.approx(brier_score_loss(labels, probabilities), abs=1e-14)


def test_ece_by_hand() -> None:
    # Two bins: [0, 0.5] says 0.2 and sees 1/2; (0.5, 1] says 0.8 and sees 1. Weights 2/5 and 3/5.
    probabilities, labels = [0.1, 0.3, 0.7, 0.8, 0.9], [0, 1, 1, 1, 1]
    assert calibration.ece(probabilities, labels, bins=2) == pytest.approx(2 / 5 * 0.3 + 3 / 5 * 0.2)
    # One bin: it says 0.56 and sees 0.8.
    assert calibration.ece(probabilities, labels, bins=1) == pytest.approx(0.24)
    assert calibration.ece([0, 1, 1], [0, 1, 1]) == 0
    assert math.isnan(calibration.ece([], []))


def test_ece_is_of_the_positive_class() -> None:
    # Guo's form over the predicted class would call these calibrated: confidence 0.9, accuracy 0.9.
    probabilities = [0.9] * 10 + [0.1] * 10
    labels = [1] * 10 + [0] * 8 + [1] * 2
    assert calibration.ece(probabilities, labels) == pytest.approx(0.1)


def test_bins_own_their_upper_edge() -> None:
    table = calibration.reliability([0, 0.5, 0.500001, 1], [0, 1, 1, 1], bins=2)
    assert table.cases.tolist() == [2, 2]
    assert table.positives.tolist() == [1, 2]
    assert table.mean_probability[0] == 0.25
    assert table.observed.tolist() == [0.5, 1]


def test_reliability_equals_scikit_learn() -> None:
    logits, labels = cases(2)
    probabilities = calibration.apply_temperature(logits, 1)
    table = calibration.reliability(probabilities, labels)
    observed, said = calibration_curve(labels, probabilities, n_bins=10)
    full = table.cases > 0
    np.testing.assert_allclose(table.observed[full], observed, atol=1e-14)
    np.testing.assert_allclose(table.mean_probability[full], said, atol=1e-14)


def test_an_empty_bin_is_nan() -> None:
    table = calibration.reliability([0.05, 0.95], [0, 1], bins=10)
    assert np.isnan(table.observed).sum() == 8
    assert table.cases.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("probabilities", [[-0.1, 0.5], [0.5, 1.1]])
def test_scores_are_not_probabilities(probabilities: list[float]) -> None:
    for function in (calibration.brier, calibration.ece):
        with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
            function(probabilities, [0, 1])


def test_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        calibration.ece([0.5], [1], bins=0)


def test_temperature_by_hand() -> None:
    # Three of four right at the same |logit|: the best is sigmoid(2 / T) = 3/4, so T = 2 / ln 3.
    fitted = calibration.fit_temperature([2, 2, -2, -2], [1, 1, 0, 1])
    assert fitted.value == pytest.approx(2 / math.log(3), abs=1e-12)
    assert fitted.fitted
    assert not fitted.at_bound
    assert fitted.nll_before == pytest.approx(math.log(1 + math.exp(-2)) + 2 / 4)
    assert fitted.nll_after == pytest.approx(-(3 * math.log(0.75) + math.log(0.25)) / 4)


@pytest.mark.parametrize("seed", range(3))
def test_temperature_equals_a_logistic_regression_without_bias(seed: int) -> None:
    logits, labels = cases(seed)
    slope = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(logits[:, None], labels).coef_[0, 0]
    fitted = calibration.fit_temperature(logits, labels)
    assert fitted.value == pytest.approx(1 / slope, rel=1e-5)
    assert 2 < fitted.value < 4.5
    assert fitted.nll_after < fitted.nll_before
    assert fitted.nll_after == pytest.approx(log_loss(labels, calibration.apply_temperature(logits, fitted.value)), abs=1e-12)


def test_temperature_scales_with_the_logits() -> None:
    logits, labels = cases(5)
    assert calibration.fit_temperature(2 * logits, labels).value == pytest.approx(
        2 * calibration.fit_temperature(logits, labels).value, rel=1e-12
    )


@pytest.mark.parametrize(("logits", "labels"), [([1, 2, 3], [1, 1, 1]), ([1, 2], [0, 0]), ([], []), ([0, 0], [0, 1])])
def test_what_cannot_be_fitted_stays_one_and_says_so(logits: list[float], labels: list[int]) -> None:
    fitted = calibration.fit_temperature(logits, labels)
    assert fitted.value == 1
    assert not fitted.fitted
    assert not fitted.at_bound


def test_reversed_logits_stop_at_a_bound() -> None:
    fitted = calibration.fit_temperature([1, -1], [0, 1])
    assert (fitted.value, fitted.at_bound, fitted.fitted, fitted.separable) == (20.0, True, True, False)


def test_small_logits_with_a_mistake_stop_at_a_bound_and_are_not_called_separable() -> None:
    fitted = calibration.fit_temperature([0.01, 0.01, -0.01, -0.01], [1, 1, 0, 1])
    assert (fitted.value, fitted.at_bound, fitted.separable) == (0.05, True, False)


def test_separable_logits_are_fitted_to_platts_targets() -> None:
    # One case a class: its target is 2/3, and sigmoid(1 / T) = 2/3 at T = 1 / ln 2.
    fitted = calibration.fit_temperature([-1, 1], [0, 1])
    assert fitted.value == pytest.approx(1 / math.log(2), abs=1e-12)
    assert (fitted.fitted, fitted.at_bound, fitted.separable) == (True, False, True)
    # Eight cases a class, all at the same logit: 9/10, so that no next case is said to be impossible.
    fitted = calibration.fit_temperature([-30] * 8 + [30] * 8, [0] * 8 + [1] * 8)
    assert calibration.apply_temperature([30], fitted.value)[0] == pytest.approx(0.9)


def test_applied_temperature_by_hand_and_at_the_extremes() -> None:
    applied = calibration.apply_temperature([0, 2 * math.log(3), -2 * math.log(3), 1e6, -1e6], 2)
    np.testing.assert_allclose(applied, [0.5, 0.75, 0.25, 1, 0], atol=1e-15)


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_a_strange_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        calibration.apply_temperature([1], temperature)
