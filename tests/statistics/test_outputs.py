"""Several outputs at once: hand-worked numbers, scikit-learn's, and one set of draws for all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from radloop.statistics import outputs, resamples
from radloop.statistics.intervals import METRICS, bootstrap, resample
from radloop.statistics.outputs import Name

LABELS = ("a", "b", "c")
RATES = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy", "balanced_accuracy")


def point(measure: object, patients: int) -> dict[Name, float]:
    """Return a measure's numbers for the cases as they are."""
    return {name: float(value[0]) for name, value in measure(np.ones((patients, 1))).items()}  # type: ignore[operator]


def softmaxed(seed: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities [n, k] that know something, truth [n, k], and the patients of n images."""
    rng = np.random.default_rng(seed)
    truth = np.eye(k)[rng.integers(0, k, n)]
    logits = 1.2 * truth + rng.normal(size=(n, k))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), truth, rng.integers(0, n // 2, n)


def test_classes_by_hand() -> None:
    # Answers a, b, b, c; the third is a class c called b.
    said = [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.1, 0.5, 0.4], [0.0, 0.1, 0.9]]
    truth = np.eye(3)[[0, 1, 2, 2]]
    found = point(outputs.classes(said, truth, [0, 1, 2, 3], labels=LABELS), 4)
    assert found[None, "accuracy"] == 3 / 4
    assert [found[label, "sensitivity"] for label in LABELS] == [1, 1, 1 / 2]
    assert found[None, "balanced_accuracy"] == pytest.approx(2.5 / 3)
    assert found["b", "ppv"] == 1 / 2
    assert found[None, "f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    # Squared errors summed over classes: 0.14, 0.26, 0.62, 0.02.
    assert found[None, "brier"] == pytest.approx((0.14 + 0.26 + 0.62 + 0.02) / 4)
    # The answers' own probabilities 0.7, 0.6, 0.9 were right, 0.5 was wrong.
    assert found[None, "ece"] == pytest.approx((0.3 + 0.4 + 0.1 + 0.5) / 4)
    assert found["c", "auroc"] == 1
    assert found["b", "auroc"] == 1
    assert found[None, "auroc"] == 1


def test_classes_agree_with_scikit_learn() -> None:
    said, truth, patients = softmaxed(3, 200, 4)
    seen, answer = truth.argmax(axis=1), said.argmax(axis=1)
    found = point(outputs.classes(said, truth, patients, labels="abcd"), len(np.unique(patients)))
    assert found[None, "auroc"] == pytest.approx(sklearn_metrics.roc_auc_score(seen, said, multi_class="ovr"))
    assert found[None, "accuracy"] == sklearn_metrics.accuracy_score(seen, answer)
    assert found[None, "balanced_accuracy"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(seen, answer))
    assert found[None, "f1"] == pytest.approx(sklearn_metrics.f1_score(seen, answer, average="macro"))
    assert found[None, "ppv"] == pytest.approx(sklearn_metrics.precision_score(seen, answer, average="macro"))
    assert found[None, "average_precision"] == pytest.approx(sklearn_metrics.average_precision_score(truth, said))
    assert found["c", "sensitivity"] == pytest.approx(sklearn_metrics.recall_score(seen == 2, answer == 2))
    matrix = outputs.confusion_matrix(answer, seen, 4)
    np.testing.assert_array_equal(matrix, sklearn_metrics.confusion_matrix(seen, answer))


def test_a_class_that_is_absent_leaves_its_mean_undefined() -> None:
    said = [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]]
    found = point(outputs.classes(said, np.eye(3)[[0, 1]], [0, 1], labels=LABELS), 2)
    assert math.isnan(found["c", "auroc"])
    assert math.isnan(found[None, "auroc"])
    assert found[None, "accuracy"] == 1


def test_findings_mask_what_is_unknown() -> None:
    said = np.array([[0.9, 0.2], [0.1, 0.8], [0.6, 0.4], [0.4, 0.3]])
    truth = np.array([[1, 0], [0, 1], [np.nan, 0], [1, np.nan]])
    measure = outputs.findings(said, truth, [0, 1, 2, 3], labels="ab", thresholds=(0.5, 0.5), judged=(True, True))
    found = point(measure, 4)
    assert found["a", "sensitivity"] == 1 / 2
    assert found["a", "accuracy"] == 2 / 3
    assert found["b", "accuracy"] == 1
    assert found[None, "accuracy"] == pytest.approx(5 / 6)
    assert found["a", "brier"] == pytest.approx((0.01 + 0.01 + 0.36) / 3)


def test_a_finding_without_a_threshold_has_areas_and_no_rates() -> None:
    said, truth = np.array([[0.9, 0.2], [0.1, 0.8]]), np.array([[1, 0], [0, 1]])
    found = point(outputs.findings(said, truth, [0, 1], labels="ab", thresholds=(None, 0.5), judged=(True, True)), 2)
    assert all(math.isnan(found["a", name]) and math.isnan(found[None, name]) for name in RATES)
    assert (found["a", "auroc"], found["a", "brier"]) == (1, pytest.approx(0.01))
    assert found["b", "sensitivity"] == 1


def test_only_judged_findings_count_and_the_others_have_no_number() -> None:
    said, truth = np.array([[0.9, 0.2], [0.1, 0.8]]), np.array([[1, 1], [0, 0]])
    found = point(outputs.findings(said, truth, [0, 1], labels="ab", thresholds=(0.5, 0.5), judged=(True, False)), 2)
    assert found[None, "auroc"] == 1
    assert all(math.isnan(found["b", name]) for name in METRICS)
    none = point(outputs.findings(said, truth, [0, 1], labels="ab", thresholds=(0.5, 0.5), judged=(False, False)), 2)
    assert all(math.isnan(value) for value in none.values())


def test_ten_positives_of_five_patients_make_a_finding_evaluable() -> None:
    patients = np.repeat(np.arange(6), 2)  # two images each
    truth = np.zeros((12, 4))
    truth[:10, 0] = 1  # 10 of 5 patients
    truth[:9, 1] = 1  # 9 of 5
    truth[:8, 2] = 1
    truth[8:, 2] = np.nan  # 8 of 4
    assert outputs.evaluable(truth, patients) == [True, False, False, False]
    assert outputs.evaluable(np.ones((12, 1)), np.repeat(np.arange(4), 3)) == [False]  # 12 of 4


def test_one_output_gives_the_numbers_of_bootstrap_to_the_bit() -> None:
    rng = np.random.default_rng(5)
    truth, patients = rng.integers(0, 2, 80).astype(float), rng.integers(0, 60, 80)
    said = np.clip(0.3 * truth + 0.7 * rng.random(80), 0, 1)
    old = bootstrap(said, truth, patients, threshold=0.4, draws=300, seed=2)
    measure = outputs.one(said, truth, patients, threshold=0.4)
    new = resample(measure, len(np.unique(patients)), cases=80, draws=300, seed=2)
    assert {name: interval for (_, name), interval in new.items()} == old


def test_each_finding_has_the_interval_it_would_have_alone() -> None:
    """The draws are shared: where every image is known, a finding's bounds are those of `bootstrap`."""
    said, truth, patients = softmaxed(9, 90, 2)
    measure = outputs.findings(said, truth, patients, labels="ab", thresholds=(0.5, 0.4), judged=(True, True))
    found = resample(measure, len(np.unique(patients)), cases=90, draws=400, seed=4)
    for k, (label, threshold) in enumerate((("a", 0.5), ("b", 0.4))):
        alone = bootstrap(said[:, k], truth[:, k], patients, threshold=threshold, draws=400, seed=4)
        assert {name: found[label, name] for name in METRICS} == alone


def test_the_mean_of_a_draw_is_the_mean_of_that_draw() -> None:
    said, truth, patients = softmaxed(11, 60, 3)
    count = len(np.unique(patients))
    weights = resamples.drawn(np.random.default_rng(1), count, 50)
    found = outputs.classes(said, truth, patients, labels=LABELS)(weights)
    mean = (found["a", "auroc"] + found["b", "auroc"] + found["c", "auroc"]) / 3
    np.testing.assert_allclose(found[None, "auroc"], mean, rtol=0, atol=1e-15)
    owner = np.unique(patients, return_inverse=True)[1]
    for draw in range(5):
        rows = np.repeat(np.arange(60), weights[owner, draw].astype(int))
        slow = sklearn_metrics.roc_auc_score(truth[rows].argmax(axis=1), said[rows], multi_class="ovr")
        assert found[None, "auroc"][draw] == pytest.approx(slow, abs=1e-12)


def test_draws_do_not_depend_on_how_many_cases_are_held_at_once() -> None:
    said, truth, patients = softmaxed(2, 70, 3)
    measure, count = outputs.classes(said, truth, patients, labels=LABELS), len(np.unique(patients))
    few, many = (resample(measure, count, cases=cases, draws=500, seed=6) for cases in (70, 50_000))
    for name, interval in few.items():
        found = many[name]
        expected = (interval.value, interval.low, interval.high)
        np.testing.assert_allclose((found.value, found.low, found.high), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("said", "truth", "words"),
    [
        ([[0.5, 0.5]], [[1, 1]], "exactly one"),
        ([[0.5, 0.5]], [[0, 0]], "exactly one"),
        ([[0.5, 0.5]], [[1]], "give"),
        ([[1.5, 0.5]], [[1, 0]], "outside"),
    ],
)
def test_what_cannot_be_meant_is_refused(said: list[list[float]], truth: list[list[float]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        outputs.classes(said, truth, [0], labels="ab")
