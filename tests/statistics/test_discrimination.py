"""Areas, curves and rates, by hand and against scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from radloop.statistics import discrimination, rates

SCORES = [0.1, 0.4, 0.35, 0.8]
LABELS = [0, 0, 1, 1]

TABLE = [
    # scores, labels, AUROC (pairs won + half the ties, of all pairs), average precision
    ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 1.0, 1.0),
    ([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1], 0.0, (1 / 3 + 2 / 4) / 2),
    (SCORES, LABELS, 3 / 4, (1 / 1 + 2 / 3) / 2),
    ([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 1], 1 / 2, 2 / 4),
    ([0.3, 0.3, 0.7, 0.1], [0, 1, 1, 0], 3.5 / 4, (1 / 1 + 2 / 3) / 2),
    ([0.3, 0.3, 0.3, 0.6], [1, 1, 0, 0], 1 / 4, 2 / 4),
]


def random_cases(seed: int, n: int, decimals: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores with ties, and labels that they say something about."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.3).astype(int)
    labels[:2] = [0, 1]
    return np.round(1 / (1 + np.exp(-rng.normal(size=n) - labels)), decimals), labels


@pytest.mark.parametrize(("scores", "labels", "area", "precision"), TABLE)
def test_areas_by_hand(scores: list[float], labels: list[int], area: float, precision: float) -> None:
    assert discrimination.auroc(scores, labels) == pytest.approx(area, abs=1e-15)
    assert discrimination.average_precision(scores, labels) == pytest.approx(precision, abs=1e-15)


@pytest.mark.parametrize("decimals", [1, 2, 12])
@pytest.mark.parametrize("seed", range(5))
def test_areas_equal_scikit_learn(seed: int, decimals: int) -> None:
    scores, labels = random_cases(seed, 200, decimals)
    weights = np.random.default_rng(seed + 100).integers(0, 4, size=200)
    for given in (None, weights):
        assert discrimination.auroc(scores, labels, given) == pytest.approx(
            sklearn_metrics.roc_auc_score(labels, scores, sample_weight=given), abs=1e-12
        )
        assert discrimination.average_precision(scores, labels, given) == pytest.approx(
            sklearn_metrics.average_precision_score(labels, scores, sample_weight=given), abs=1e-12
        )


def test_a_weight_of_two_is_the_case_twice() -> None:
    twice_scores, twice_labels = [*SCORES, 0.35], [*LABELS, 1]
    assert discrimination.auroc(SCORES, LABELS, [1, 1, 2, 1]) == discrimination.auroc(twice_scores, twice_labels)
    # Positives: 0.35 (twice) wins one of two, 0.8 both: 4 of 6 pairs.
    assert discrimination.auroc(SCORES, LABELS, [1, 1, 2, 1]) == pytest.approx(4 / 6)


def test_a_monotone_transform_changes_no_area() -> None:
    scores, labels = random_cases(3, 150, 2)
    assert discrimination.auroc(scores**3, labels) == discrimination.auroc(scores, labels)
    assert discrimination.auroc(-scores, labels) == pytest.approx(1 - discrimination.auroc(scores, labels))


@pytest.mark.parametrize("area", [discrimination.auroc, discrimination.average_precision])
@pytest.mark.parametrize("labels", [[], [1], [0], [1, 1, 1], [0, 0, 0]])
def test_one_class_is_nan_and_never_a_half(area: Callable[..., float], labels: list[int]) -> None:
    assert math.isnan(area(np.linspace(0, 1, len(labels)), labels))


def test_a_class_without_weight_is_not_there() -> None:
    assert math.isnan(discrimination.auroc(SCORES, LABELS, [0, 0, 1, 1]))
    assert math.isnan(discrimination.average_precision(SCORES, LABELS, [0, 0, 1, 1]))


def test_roc_curve_by_hand() -> None:
    curve = discrimination.roc_curve(SCORES, LABELS)
    assert curve.thresholds.tolist() == [np.inf, 0.8, 0.4, 0.35, 0.1]
    assert curve.true_positive_rate.tolist() == [0, 0.5, 0.5, 1, 1]
    assert curve.false_positive_rate.tolist() == [0, 0, 0.5, 0.5, 1]


@pytest.mark.parametrize("decimals", [1, 12])
def test_curves_equal_scikit_learn(decimals: int) -> None:
    scores, labels = random_cases(7, 120, decimals)
    roc = discrimination.roc_curve(scores, labels)
    fpr, tpr, thresholds = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(roc.false_positive_rate, fpr, atol=1e-15)
    np.testing.assert_allclose(roc.true_positive_rate, tpr, atol=1e-15)
    assert roc.thresholds.tolist() == thresholds.tolist()
    curve = discrimination.precision_recall_curve(scores, labels)
    precision, recall, rising = sklearn_metrics.precision_recall_curve(labels, scores)
    np.testing.assert_allclose(curve.precision, precision[::-1], atol=1e-15)
    np.testing.assert_allclose(curve.recall, recall[::-1], atol=1e-15)
    assert curve.thresholds[1:].tolist() == rising[::-1].tolist()


def test_the_area_lies_under_the_curve() -> None:
    scores, labels = random_cases(11, 90, 2)
    curve = discrimination.roc_curve(scores, labels)
    assert np.trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(
        discrimination.auroc(scores, labels), abs=1e-12
    )


def test_a_curve_without_one_class_is_nan_on_that_axis() -> None:
    curve = discrimination.roc_curve([0.2, 0.9], [1, 1])
    assert np.isnan(curve.false_positive_rate).all()
    assert curve.true_positive_rate.tolist() == [0, 0.5, 1]
    assert np.isnan(discrimination.precision_recall_curve([0.2, 0.9], [0, 0]).recall).all()


def test_a_score_at_the_threshold_is_positive() -> None:
    assert discrimination.confusion([0.5, 0.5, 0.49, 0.51], [1, 0, 1, 0], 0.5) == discrimination.Confusion(1, 2, 0, 1)


def test_rates_by_hand() -> None:
    # 8 positives, 5 found; 12 negatives, 9 cleared.
    scores = [0.9] * 5 + [0.1] * 3 + [0.9] * 3 + [0.1] * 9
    labels = [1] * 8 + [0] * 12
    assert discrimination.confusion(scores, labels, 0.5).counts == (5, 3, 9, 3)
    assert discrimination.sensitivity(scores, labels, 0.5) == 5 / 8
    assert discrimination.specificity(scores, labels, 0.5) == 9 / 12
    assert discrimination.ppv(scores, labels, 0.5) == 5 / 8
    assert discrimination.npv(scores, labels, 0.5) == 9 / 12
    assert discrimination.f1(scores, labels, 0.5) == 10 / 16
    assert discrimination.accuracy(scores, labels, 0.5) == 14 / 20
    assert discrimination.balanced_accuracy(scores, labels, 0.5) == (5 / 8 + 9 / 12) / 2


@pytest.mark.parametrize("seed", range(4))
def test_rates_equal_scikit_learn(seed: int) -> None:
    scores, labels = random_cases(seed, 150, 2)
    called = (scores >= 0.6).astype(int)
    expected = {
        "sensitivity": sklearn_metrics.recall_score(labels, called),
        "specificity": sklearn_metrics.recall_score(labels, called, pos_label=0),
        "ppv": sklearn_metrics.precision_score(labels, called),
        "npv": sklearn_metrics.precision_score(labels, called, pos_label=0),
        "f1": sklearn_metrics.f1_score(labels, called),
        "accuracy": sklearn_metrics.accuracy_score(labels, called),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, called),
    }
    assert set(expected) == set(rates.RATES)
    for name, number in expected.items():
        assert getattr(discrimination, name)(scores, labels, 0.6) == pytest.approx(number, abs=1e-15), name


ONE_SIDED = [
    # labels, scores, the rates that are defined; every other is NaN
    ([1, 1], [0.9, 0.1], {"sensitivity": 0.5, "ppv": 1.0, "npv": 0.0, "f1": 2 / 3, "accuracy": 0.5}),
    ([0, 0], [0.9, 0.1], {"specificity": 0.5, "ppv": 0.0, "npv": 1.0, "accuracy": 0.5}),
    (
        [0, 1],
        [0.1, 0.2],
        {"sensitivity": 0.0, "specificity": 1.0, "npv": 0.5, "f1": 0.0, "accuracy": 0.5, "balanced_accuracy": 0.5},
    ),
    ([], [], {}),
]


@pytest.mark.parametrize(("labels", "scores", "defined"), ONE_SIDED)
def test_a_rate_without_its_cases_is_nan(labels: list[int], scores: list[float], defined: dict[str, float]) -> None:
    for name in rates.RATES:
        number = getattr(discrimination, name)(scores, labels, 0.5)
        if name in defined:
            assert number == pytest.approx(defined[name]), name
        else:
            assert math.isnan(number), name


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.1, math.nan], [0, 1], "1 of 2 scores are NaN"),
        ([0.1, math.inf], [0, 1], "1 of 2 scores are NaN or infinite"),
        ([0.1, 0.2], [0, math.nan], "1 of 2 labels are neither 0 nor 1"),
        ([0.1, 0.2], [1, 2], "1 of 2 labels are neither 0 nor 1"),
        ([0.1, 0.2], [1], r"labels have shape \(1,\)"),
        ([[0.1, 0.2]], [1, 0], r"scores have shape \(1, 2\)"),
    ],
)
def test_what_cannot_be_meant_is_refused(scores: list[float], labels: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        discrimination.auroc(scores, labels)
    with pytest.raises(ValueError, match=message):
        discrimination.confusion(scores, labels, 0.5)


@pytest.mark.parametrize("weights", [[1, 1, 1, -1], [1, 1, 1, math.nan], [1, 1]])
def test_strange_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        discrimination.auroc(SCORES, LABELS, weights)


def test_a_threshold_of_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold is NaN"):
        discrimination.confusion(SCORES, LABELS, math.nan)
