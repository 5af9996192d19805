"""Every metric of `intervals.METRICS` on random cases, beside scikit-learn and torchmetrics, which count by themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torchmetrics.functional import classification as torchmetrics

from radloop.statistics.intervals import METRICS, bootstrap
from radloop.statistics.ordinal import levels

THRESHOLD = 0.5
BINS = 10


def cases(seed: int, decimals: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities (with ties, and never on a bin's edge), labels, calls and patients."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(50, 600))
    labels = (rng.random(n) < rng.uniform(0.1, 0.6)).astype(int)
    labels[:2] = [0, 1]
    said = np.round(1 / (1 + np.exp(-(1.5 * labels + rng.normal(size=n) - 0.7))), decimals)
    said = np.clip(said + 1 / 8192, 0, 1)
    return said, labels, (said >= THRESHOLD).astype(int), np.arange(n)


def ours(seed: int, decimals: int) -> dict[str, float]:
    said, labels, _, patients = cases(seed, decimals)
    return {name: each.value for name, each in bootstrap(said, labels, patients, threshold=THRESHOLD, draws=1).items()}


@pytest.mark.parametrize("decimals", [2, 12], ids=["ties", "no ties"])
@pytest.mark.parametrize("seed", range(6))
def test_scikit_learn(seed: int, decimals: int) -> None:
    said, labels, called, _ = cases(seed, decimals)
    tn, fp, _, _ = sklearn_metrics.confusion_matrix(labels, called).ravel()
    expected = {
        "auroc": sklearn_metrics.roc_auc_score(labels, said),
        "average_precision": sklearn_metrics.average_precision_score(labels, said),
        "sensitivity": sklearn_metrics.recall_score(labels, called),
        "specificity": tn / (tn + fp),
        "ppv": sklearn_metrics.precision_score(labels, called),
        "npv": sklearn_metrics.precision_score(1 - labels, 1 - called),
        "f1": sklearn_metrics.f1_score(labels, called),
        "accuracy": sklearn_metrics.accuracy_score(labels, called),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, called),
        "brier": sklearn_metrics.brier_score_loss(labels, said),
    }
    found = ours(seed, decimals)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert set(METRICS) - set(expected) == {"ece"}  # scikit-learn has none; torchmetrics has


@pytest.mark.parametrize("decimals", [2, 12], ids=["ties", "no ties"])
@pytest.mark.parametrize("seed", range(6))
def test_torchmetrics(seed: int, decimals: int) -> None:
    said, labels, _, _ = cases(seed, decimals)
    scores, truth = torch.from_numpy(said), torch.from_numpy(labels)
    # Its binary calibration error is of the positive class, as ours; its bins own their lower edges. It has no Brier score.
    expected = {
        "auroc": torchmetrics.binary_auroc(scores, truth),
        "average_precision": torchmetrics.binary_average_precision(scores, truth),
        "accuracy": torchmetrics.binary_accuracy(scores, truth, threshold=THRESHOLD),
        "f1": torchmetrics.binary_f1_score(scores, truth, threshold=THRESHOLD),
        "sensitivity": torchmetrics.binary_recall(scores, truth, threshold=THRESHOLD),
        "specificity": torchmetrics.binary_specificity(scores, truth, threshold=THRESHOLD),
        "ece": torchmetrics.binary_calibration_error(scores, truth, n_bins=BINS, norm="l1"),
    }
    found = ours(seed, decimals)
    assert {name: found[name] for name in expected} == pytest.approx({k: float(v) for k, v in expected.items()}, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_kappa_of_levels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, 150)
    answer = np.clip(truth + rng.integers(-1, 2, 150), 0, 3)
    measure = levels(answer.astype(float), truth, truth + rng.random(150), np.arange(150), count=4)
    expected = sklearn_metrics.cohen_kappa_score(truth, answer, weights="quadratic")
    assert measure(np.ones((150, 1)))[None, "kappa"][0] == pytest.approx(expected, abs=1e-9)
