"""How well scores tell positive cases from negative ones: areas, curves, and rates at a threshold.

A case is called positive when its score is at or above the threshold. With one class only, or no case
at all, an area is NaN, never 0.5: nothing was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics import rates
from radloop.statistics.arrays import (
    FloatArray,
    checked_labels,
    checked_scores,
    checked_threshold,
    checked_weights,
    divided,
)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of cases at one threshold."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def counts(self) -> rates.Counts:
        """Return the counts as `rates` takes them."""
        return rates.Counts(self.true_positives, self.false_positives, self.true_negatives, self.false_negatives)


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """Points from (0, 0) to (1, 1), one for each distinct score; each array has shape [k + 1]."""

    false_positive_rate: FloatArray
    """1 - specificity; all NaN without negative cases."""
    true_positive_rate: FloatArray
    """Sensitivity; all NaN without positive cases."""
    thresholds: FloatArray
    """Falling, from infinity, where nothing is positive, to the lowest score."""


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionRecallCurve:
    """Points by rising recall, one for each distinct score; each array has shape [k + 1]."""

    recall: FloatArray
    """Sensitivity; all NaN without positive cases."""
    precision: FloatArray
    """PPV; 1 by convention at the first point, where nothing is called positive."""
    thresholds: FloatArray
    """Falling, from infinity to the lowest score."""


def auroc(scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the area under the ROC curve: the chance that a positive case scores above a negative one.

    A tie counts one half, which makes it the Mann-Whitney statistic (Hanley and McNeil, Radiology
    143:29, 1982).

    Args:
        scores: shape [n]; higher means more likely positive.
        labels: shape [n], 0 or 1.
        weights: shape [n], not negative; None weighs every case 1.

    Returns:
        The area, 0 to 1; NaN unless both classes have weight.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    _, tp, fp = _cumulated(scores, labels, weights)
    area = np.sum(np.diff(fp, prepend=0.0) * (tp + np.concatenate(([0.0], tp[:-1]))) / 2)
    return float(divided(area, tp[-1] * fp[-1])) if tp.size else float("nan")


def average_precision(scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the average precision: the PPV at each positive case's score, averaged; no interpolation.

    Interpolating between points would flatter (Davis and Goadrich, ICML 2006).

    Args:
        scores: shape [n]; higher means more likely positive.
        labels: shape [n], 0 or 1.
        weights: shape [n], not negative; None weighs every case 1.

    Returns:
        0 to 1; NaN unless both classes have weight (without negative cases it would be 1 for any model).

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    _, tp, fp = _cumulated(scores, labels, weights)
    if not tp.size or tp[-1] == 0 or fp[-1] == 0:
        return float("nan")
    steps = np.diff(tp, prepend=0.0)
    gains = steps > 0
    return float(np.sum(steps[gains] * tp[gains] / (tp[gains] + fp[gains])) / tp[-1])


def roc_curve(scores: npt.ArrayLike, labels: npt.ArrayLike) -> RocCurve:
    """Return the ROC curve, with every distinct score as a point.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    thresholds, tp, fp = _with_origin(scores, labels)
    return RocCurve(divided(fp, fp[-1]), divided(tp, tp[-1]), thresholds)


def precision_recall_curve(scores: npt.ArrayLike, labels: npt.ArrayLike) -> PrecisionRecallCurve:
    """Return the precision-recall curve, with every distinct score as a point.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    thresholds, tp, fp = _with_origin(scores, labels)
    precision = divided(tp, tp + fp)
    precision[0] = 1.0
    return PrecisionRecallCurve(divided(tp, tp[-1]), precision, thresholds)


def confusion(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: npt.ArrayLike) -> Confusion:
    """Return the four counts at a threshold, or at one a case [n]; a score at the threshold is positive.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    values = checked_scores(scores)
    positive = checked_labels(labels, values.size) == 1
    called = values >= checked_threshold(threshold)
    return Confusion(
        true_positives=int(np.count_nonzero(called & positive)),
        false_positives=int(np.count_nonzero(called & ~positive)),
        true_negatives=int(np.count_nonzero(~called & ~positive)),
        false_negatives=int(np.count_nonzero(~called & positive)),
    )


def sensitivity(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: npt.ArrayLike) -> float:
    """Return the share of positive cases at or above the threshold; NaN without positive cases."""
    return float(rates.sensitivity(confusion(scores, labels, threshold).counts))


def specificity(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: npt.ArrayLike) -> float:
    """Return the share of negative cases below the threshold; NaN without negative cases."""
    return float(rates.specificity(confusion(scores, labels, threshold).counts))


def ppv(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: npt.ArrayLike) -> float:
    """Return the share of positive cases among those called positive; NaN where none is called so.

    It holds for this sample's prevalence only.
    """
    return float(rates.ppv(confusion(scores, labels, threshold).counts))


def npv(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: npt.ArrayLike) -> float:
    """Return the share of negative cases among those called negative; NaN where none is called so.

    It holds for this sample's prevalence only.
    """
    return float(rates.npv(confusion(scores, labels, threshold).counts))


def f1(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: npt.ArrayLike) -> float:
    """Return the harmonic mean of sensitivity and PPV; NaN without positive cases."""
    return float(rates.f1(confusion(scores, labels, threshold).counts))


def accuracy(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: npt.ArrayLike) -> float:
    """Return the share of cases called rightly; NaN without cases."""
    return float(rates.accuracy(confusion(scores, labels, threshold).counts))


def balanced_accuracy(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: npt.ArrayLike) -> float:
    """Return the mean of sensitivity and specificity; NaN unless both classes are there."""
    return float(rates.balanced_accuracy(confusion(scores, labels, threshold).counts))


def _cumulated(
    scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the distinct scores, falling, with the positive and negative weight at or above each; shape [k]."""
    values = checked_scores(scores)
    positive = checked_labels(labels, values.size)
    weight = checked_weights(weights, values.size)
    order = np.argsort(-values, kind="stable")
    values, positive, weight = values[order], positive[order], weight[order]
    last = np.flatnonzero(np.diff(values, append=-np.inf))
    return values[last], np.cumsum(weight * positive)[last], np.cumsum(weight * (1 - positive))[last]


def _with_origin(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return `_cumulated` of unit weights, led by the point where nothing is positive; shape [k + 1]."""
    thresholds, tp, fp = _cumulated(scores, labels, None)
    return np.concatenate(([np.inf], thresholds)), np.concatenate(([0.0], tp)), np.concatenate(([0.0], fp))
