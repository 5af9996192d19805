"""The patient bootstrap against a plain loop over scikit-learn, and Wilson's interval by hand."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from radloop.statistics import calibration, discrimination, intervals, rates, resamples
from radloop.statistics.bounds import expanded_bca
from radloop.statistics.intervals import METRICS, bootstrap, wilson

THRESHOLD = 0.55


def cohort(seed: int, patients: int, images: int, decimals: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities, labels and patients: every patient has an image, some have more."""
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(patients), rng.integers(0, patients, size=images - patients)])
    labels = (rng.random(patients) < 0.4).astype(int)[owner]
    logits = rng.normal(size=patients)[owner] + 0.5 * rng.normal(size=images) + 1.5 * labels - 0.5
    return np.round(1 / (1 + np.exp(-logits)), decimals), labels, np.array([f"p{number:05d}" for number in owner])


def by_loop(metric: Callable[[np.ndarray, np.ndarray], float], weights: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
    """Return a metric of each draw, every drawn image written out as often as its patient was drawn."""
    scores, labels, owner = arrays
    return np.array([metric(*(np.repeat(array, draw[owner].astype(int)) for array in (scores, labels))) for draw in weights.T])


SLOW: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "auroc": lambda s, y: sklearn_metrics.roc_auc_score(y, s),
    "average_precision": lambda s, y: sklearn_metrics.average_precision_score(y, s),
    "sensitivity": lambda s, y: sklearn_metrics.recall_score(y, s >= THRESHOLD),
    "specificity": lambda s, y: sklearn_metrics.recall_score(y, s >= THRESHOLD, pos_label=0),
    "ppv": lambda s, y: sklearn_metrics.precision_score(y, s >= THRESHOLD),
    "npv": lambda s, y: sklearn_metrics.precision_score(y, s >= THRESHOLD, pos_label=0),
    "f1": lambda s, y: sklearn_metrics.f1_score(y, s >= THRESHOLD),
    "accuracy": lambda s, y: sklearn_metrics.accuracy_score(y, s >= THRESHOLD),
    "balanced_accuracy": lambda s, y: sklearn_metrics.balanced_accuracy_score(y, s >= THRESHOLD),
    "brier": lambda s, y: sklearn_metrics.brier_score_loss(y, s),
    "ece": calibration.ece,
}


@pytest.mark.parametrize("decimals", [1, 12], ids=["ties", "no ties"])
@pytest.mark.parametrize("metric", METRICS)
def test_each_draw_equals_a_plain_loop(metric: str, decimals: int) -> None:
    scores, labels, patients = cohort(4, 60, 90, decimals)
    owner = np.unique(patients, return_inverse=True)[1]
    weights = resamples.drawn(np.random.default_rng(0), 60, 25)
    fast = resamples.evaluate(
        resamples.presorted(scores, labels.astype(float), owner, 60, scores >= THRESHOLD), weights, [metric]
    )
    np.testing.assert_allclose(fast[metric], by_loop(SLOW[metric], weights, scores, labels, owner), rtol=0, atol=1e-12)


def test_the_bounds_are_those_of_the_loop() -> None:
    scores, labels, patients = cohort(8, 50, 70)
    owner = np.unique(patients, return_inverse=True)[1]
    weights = resamples.drawn(np.random.default_rng(3), 50, 200)
    slow = by_loop(SLOW["auroc"], weights, scores, labels, owner)
    value = sklearn_metrics.roc_auc_score(labels, scores)
    without_one = by_loop(SLOW["auroc"], 1 - np.eye(50), scores, labels, owner)
    fast = bootstrap(scores, labels, patients, threshold=THRESHOLD, draws=200, seed=3, metrics=["auroc"])["auroc"]
    assert (fast.low, fast.high) == pytest.approx(expanded_bca(value, slow, without_one, 0.95), abs=1e-9)
    assert fast.value == pytest.approx(value, abs=1e-12)
    assert fast.low < fast.value < fast.high


def test_values_equal_the_plain_functions() -> None:
    scores, labels, patients = cohort(5, 80, 120, 2)
    found = bootstrap(scores, labels, patients, threshold=THRESHOLD, draws=10)
    assert tuple(found) == METRICS
    expected = {
        "auroc": discrimination.auroc(scores, labels),
        "average_precision": discrimination.average_precision(scores, labels),
    }
    expected |= {name: getattr(discrimination, name)(scores, labels, THRESHOLD) for name in rates.RATES}
    expected |= {"brier": calibration.brier(scores, labels), "ece": calibration.ece(scores, labels)}
    assert {name: interval.value for name, interval in found.items()} == pytest.approx(expected, abs=1e-12)


def test_drawn_weights_by_hand() -> None:
    weights = resamples.drawn(np.random.default_rng(9), 5, 40)
    picks = np.random.default_rng(9).integers(0, 5, size=(40, 5))
    assert weights.shape == (5, 40)
    assert weights.T.tolist() == [[int(np.sum(row == patient)) for patient in range(5)] for row in picks]


def test_the_order_of_rows_changes_no_bit() -> None:
    scores, labels, patients = cohort(6, 70, 140, 2)
    found = bootstrap(scores, labels, patients, threshold=THRESHOLD, draws=100, seed=1)
    for seed in range(3):
        shuffled = np.random.default_rng(seed).permutation(140)
        assert bootstrap(scores[shuffled], labels[shuffled], patients[shuffled], threshold=THRESHOLD, draws=100, seed=1) == found


def test_blocks_change_no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, labels, patients = cohort(6, 70, 140)
    names = ["auroc", "average_precision", "sensitivity"]
    whole = bootstrap(scores, labels, patients, threshold=THRESHOLD, draws=101, metrics=names)
    monkeypatch.setattr(intervals, "_BLOCK", 140 * 7)
    assert bootstrap(scores, labels, patients, threshold=THRESHOLD, draws=101, metrics=names) == whole


def test_a_seed_is_repeatable_and_matters() -> None:
    scores, labels, patients = cohort(6, 70, 140)
    one, again, other = (
        bootstrap(scores, labels, patients, threshold=THRESHOLD, draws=100, seed=seed)["auroc"] for seed in (1, 1, 2)
    )
    assert one == again
    assert one.value == other.value
    assert one.low != other.low


def test_ids_may_be_strings_integers_or_objects() -> None:
    scores, labels, patients = cohort(6, 30, 50)
    numbers = np.unique(patients, return_inverse=True)[1]
    found = [
        bootstrap(scores, labels, ids, threshold=THRESHOLD, draws=50)
        for ids in (patients, patients.astype(object), numbers, numbers.astype(object))
    ]
    assert all(other == found[0] for other in found[1:])


def test_images_of_one_patient_are_not_independent() -> None:
    """Four copies of each image say no more than one: by patient the interval stays, by image it would halve."""
    scores, labels, patients = cohort(2, 150, 150)
    once = bootstrap(scores, labels, patients, threshold=THRESHOLD, metrics=["auroc"])["auroc"]
    four = [np.tile(array, 4) for array in (scores, labels, patients)]
    clustered = bootstrap(*four, threshold=THRESHOLD, metrics=["auroc"])["auroc"]
    by_image = bootstrap(four[0], four[1], np.arange(600), threshold=THRESHOLD, metrics=["auroc"])["auroc"]
    assert (clustered.value, clustered.low, clustered.high) == pytest.approx((once.value, once.low, once.high), abs=1e-12)
    assert (by_image.high - by_image.low) / (once.high - once.low) == pytest.approx(0.5, abs=0.05)


def test_the_interval_covers_what_it_should() -> None:
    """Of 200 cohorts of 120 patients, a 90% interval of the accuracy misses the truth, 0.8, in about one of ten."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        labels = rng.integers(0, 2, size=120)
        right = rng.random(120) < 0.8
        scores = np.where(right, labels, 1 - labels)
        found = bootstrap(scores, labels, np.arange(120), threshold=0.5, draws=300, metrics=["accuracy"], level=0.9)["accuracy"]
        covered += found.low <= 0.8 <= found.high
    assert 168 <= covered <= 192


def test_one_class_is_nan_with_its_bounds() -> None:
    found = bootstrap([0.2, 0.7, 0.9], [1, 1, 1], ["a", "b", "c"], threshold=0.5, draws=100)
    assert found["sensitivity"].value == pytest.approx(2 / 3)
    for name in ("auroc", "average_precision", "specificity", "balanced_accuracy"):
        assert all(math.isnan(number) for number in (found[name].value, found[name].low, found[name].high)), name


def test_too_many_undefined_draws_take_the_bounds_away() -> None:
    # One of four patients is positive: a draw misses them with (3/4)^4 = 0.32, far beyond 5%.
    scores, labels, patients = [0.9, 0.1, 0.2, 0.3], [1, 0, 0, 0], [1, 2, 3, 4]
    found = bootstrap(scores, labels, patients, threshold=0.5, draws=400, metrics=["auroc", "specificity", "accuracy"])
    assert found["auroc"].value == 1
    assert math.isnan(found["auroc"].low)
    assert math.isnan(found["auroc"].high)
    # Without a negative patient: (1/4)^4 = 0.004, within 5%: what is left is right every time, as Wilson has it.
    assert (found["specificity"].low, found["specificity"].high) == pytest.approx((wilson(3, 3).low, 1), abs=1e-12)
    assert (found["accuracy"].low, found["accuracy"].high) == pytest.approx((wilson(4, 4).low, 1), abs=1e-12)


def test_a_number_of_one_patient_has_no_interval() -> None:
    # One of 60 patients is called positive; in a third of all draws nobody is, and without her the PPV is not defined.
    labels = np.repeat([1, 0], 30)
    found = bootstrap(np.where(np.arange(60) == 4, 0.9, 0.1), labels, np.arange(60), threshold=0.5, draws=100, metrics=["ppv"])
    assert found["ppv"].value == 1
    assert math.isnan(found["ppv"].low)


def test_one_patient_has_no_interval() -> None:
    found = bootstrap([0.9, 0.1], [1, 0], ["a", "a"], threshold=0.5, draws=50, metrics=["auroc"])["auroc"]
    assert found.value == 1
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_no_case_has_no_value() -> None:
    found = bootstrap([], [], [], threshold=0.5, draws=50)
    assert set(found) == set(METRICS)
    assert all(math.isnan(interval.value) and math.isnan(interval.low) for interval in found.values())


def test_scores_need_not_be_probabilities_unless_errors_are_asked() -> None:
    scores, labels, patients = [-3.0, 1.0, 2.0, 8.0], [0, 0, 1, 1], ["a", "b", "c", "d"]
    assert bootstrap(scores, labels, patients, threshold=1.5, draws=20, metrics=["auroc"])["auroc"].value == 1
    with pytest.raises(ValueError, match="probabilities run from -3 to 8"):
        bootstrap(scores, labels, patients, threshold=1.5, draws=20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patients": ["a", "b"]}, "patients have shape"),
        ({"patients": ["a", None, "c"]}, "a patient is missing"),
        ({"patients": ["a", "", "c"]}, "empty string"),
        ({"patients": [1.0, math.nan, 2.0]}, "strings or integers"),
        ({"threshold": math.nan}, "threshold is NaN"),
        ({"metrics": ["auc"]}, r"unknown metrics \['auc'\]"),
        ({"draws": 0}, "0 draws"),
        ({"level": 95}, "confidence level of 95"),
    ],
)
def test_strange_arguments_are_refused(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"scores": [0.1, 0.5, 0.9], "labels": [0, 1, 1], "patients": ["a", "b", "c"], "threshold": 0.5}
    with pytest.raises(ValueError, match=message):
        bootstrap(**(arguments | change))  # type: ignore[arg-type]


def test_ten_thousand_cases_take_seconds() -> None:
    scores, labels, patients = cohort(1, 7000, 10_000)
    start = time.perf_counter()
    found = bootstrap(scores, labels, patients, threshold=THRESHOLD)
    assert time.perf_counter() - start < 10
    assert 0.01 < found["auroc"].high - found["auroc"].low < 0.04


# Newcombe, Stat Med 17:857 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_equals_newcombes_table(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert found.value == successes / n
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_symmetric_and_stays_inside() -> None:
    none, every = wilson(0, 7), wilson(7, 7)
    assert none.low == 0
    assert every.high == 1
    assert (1 - every.low) == pytest.approx(none.high, abs=1e-15)
    assert wilson(3, 7, level=0.5).high < wilson(3, 7).high
    assert all(math.isnan(number) for number in (wilson(0, 0).value, wilson(0, 0).low, wilson(0, 0).high))


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_wilson_refuses_more_successes_than_cases(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(successes, n)
