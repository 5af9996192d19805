"""Thresholds by hand, and what they promise on random cases."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from radloop.statistics import discrimination
from radloop.statistics.thresholds import LeastCost, Policy, TargetSensitivity, Threshold, Youden, fit_threshold

PROBABILITIES = [0.1, 0.2, 0.3, 0.4, 0.6, 0.8]
LABELS = [0, 0, 1, 0, 1, 1]

TABLE = [
    # Two of three positives lie above 0.5, no negative does; for the third the 0.4 must go along.
    (TargetSensitivity(0.5), Threshold(0.5, 2 / 3, 1.0)),
    (TargetSensitivity(2 / 3), Threshold(0.5, 2 / 3, 1.0)),
    (TargetSensitivity(0.67), Threshold(0.25, 1.0, 2 / 3)),
    (TargetSensitivity(1.0), Threshold(0.25, 1.0, 2 / 3)),
    (TargetSensitivity(0.1), Threshold(0.7, 1 / 3, 1.0)),
    # 2/3 + 1 equals 1 + 2/3: of equal thresholds the lowest.
    (Youden(), Threshold(0.25, 1.0, 2 / 3)),
    # Half of the cases are positive: a miss that costs ten alarms is not risked, and the other way round.
    (LeastCost(miss=10, alarm=1), Threshold(0.25, 1.0, 2 / 3)),
    (LeastCost(miss=1, alarm=10), Threshold(0.5, 2 / 3, 1.0)),
    (LeastCost(miss=1, alarm=1), Threshold(0.25, 1.0, 2 / 3)),
    # One in twenty: 0.5 x 1 + 0.95 x 2/3 is saved at 0.25, and 0.5 x 2/3 + 0.95 at 0.5.
    (LeastCost(miss=10, alarm=1, prevalence=0.05), Threshold(0.5, 2 / 3, 1.0)),
]


@pytest.mark.parametrize(("policy", "expected"), TABLE)
def test_by_hand(policy: Policy, expected: Threshold) -> None:
    fitted = fit_threshold(PROBABILITIES, LABELS, policy)
    assert fitted.value == pytest.approx(expected.value, abs=1e-15)
    assert (fitted.sensitivity, fitted.specificity) == (expected.sensitivity, expected.specificity)


def test_ties_stay_on_one_side_and_exceed_the_target() -> None:
    fitted = fit_threshold([0.2, 0.6, 0.6, 0.6, 0.6], [0, 1, 1, 0, 0], TargetSensitivity(0.5))
    assert fitted == Threshold(0.4, 1.0, 1 / 3)


def test_the_lowest_candidate_is_half_the_lowest_probability() -> None:
    fitted = fit_threshold([0.2, 0.4], [1, 0], TargetSensitivity(1.0))
    assert fitted == Threshold(0.1, 1.0, 0.0)
    assert fit_threshold([0.0, 0.4], [1, 0], TargetSensitivity(1.0)).value == 0


def test_neighbouring_floats_are_still_told_apart() -> None:
    upper = 0.5
    lower = float(np.nextafter(upper, 0))
    for low, high in ((lower, upper), (upper, float(np.nextafter(upper, 1)))):
        fitted = fit_threshold([low, high], [0, 1], Youden())
        assert low < fitted.value <= high
        assert (fitted.sensitivity, fitted.specificity) == (1, 1)


def test_ninety_five_percent_of_twenty_is_nineteen() -> None:
    probabilities = np.linspace(0.05, 1, 20)
    fitted = fit_threshold([0.01, *probabilities], [0] + [1] * 20, TargetSensitivity(0.95))
    assert fitted.sensitivity == 19 / 20


@pytest.mark.parametrize("seed", range(6))
def test_what_is_promised_holds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.append(rng.integers(0, 2, size=80), [0, 1])
    probabilities = np.round(1 / (1 + np.exp(-rng.normal(size=82) - labels)), 2)
    distinct = np.unique(probabilities)
    for policy in (TargetSensitivity(0.9), Youden()):
        fitted = fit_threshold(probabilities, labels, policy)
        assert fitted.sensitivity == discrimination.sensitivity(probabilities, labels, fitted.value)
        assert fitted.specificity == discrimination.specificity(probabilities, labels, fitted.value)
        shuffled = rng.permutation(82)
        assert fit_threshold(probabilities[shuffled], labels[shuffled], policy) == fitted
    kept = fit_threshold(probabilities, labels, TargetSensitivity(0.9))
    assert kept.sensitivity >= 0.9
    higher = distinct[distinct > kept.value][1]
    assert discrimination.sensitivity(probabilities, labels, higher) < 0.9
    fpr, tpr, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    youden = fit_threshold(probabilities, labels, Youden())
    assert youden.sensitivity + youden.specificity - 1 == pytest.approx((tpr - fpr).max(), abs=1e-12)


@pytest.mark.parametrize("labels", [[1, 1], [0, 0], []])
@pytest.mark.parametrize("policy", [TargetSensitivity(0.9), Youden()])
def test_one_class_is_refused(labels: list[int], policy: Policy) -> None:
    with pytest.raises(ValueError, match="both classes"):
        fit_threshold(np.linspace(0.2, 0.8, len(labels)), labels, policy)


@pytest.mark.parametrize("value", [0, -0.1, 1.01, float("nan")])
def test_a_strange_target_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="target sensitivity"):
        TargetSensitivity(value)


@pytest.mark.parametrize("wrong", [{"miss": 0, "alarm": 1}, {"miss": 1, "alarm": -1}, {"miss": 1, "alarm": 1, "prevalence": 1.0}])
def test_strange_costs_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"cost|prevalence"):
        LeastCost(**wrong)
