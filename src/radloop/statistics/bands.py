"""Bands of curves: where ROC and precision-recall curves run when patients are drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, checked_labels, checked_scores, divided, owners
from radloop.statistics.resamples import drawn

GRID: FloatArray = np.linspace(0.0, 1.0, 101)
"""Where the curves are looked at."""
_BLOCK = 2_000_000
"""Thresholds times draws that are held at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Percentiles of a curve at each place of `GRID`, shape [101] each; NaN where no draw has a value."""

    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class Bands:
    """Pointwise bands of both curves."""

    roc: Band
    """Sensitivity by 1 - specificity, straight between the points of a curve."""
    precision_recall: Band
    """Precision at the highest threshold that reaches a recall."""


def curve_bands(
    scores: npt.ArrayLike, labels: npt.ArrayLike, patients: npt.ArrayLike, *, draws: int = 500, seed: int = 0, level: float = 0.95
) -> Bands | None:
    """Return the bands of the curves of scores, patients resampled; None without two patients and both classes.

    They are percentiles at each place by itself (vertical averaging: Fawcett, Pattern Recognit Lett 27:861, 2006), for the
    eye; a gate judges areas by their own intervals.

    Args:
        scores: shape [n].
        labels: shape [n], 0 or 1.
        patients: who each case belongs to, shape [n].
        draws: how many resamples.
        seed: of the draws.
        level: of confidence, between 0 and 1.
    """
    values = checked_scores(scores)
    truth = checked_labels(labels, values.size)
    owner, count = owners(patients, values.size)
    if count < 2 or not 0 < truth.sum() < truth.size:
        return None
    order = np.argsort(-values, kind="stable")
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    kept = last[np.unique(np.linspace(0, last.size - 1, min(last.size, 1024)).round().astype(np.intp))]
    positive, holder = truth[order] == 1, owner[order]
    rng, size = np.random.default_rng(seed), max(1, _BLOCK // values.size)
    curves = []
    for start in range(0, draws, size):
        weights = drawn(rng, count, min(size, draws - start))[holder]
        found, alarms = (np.cumsum(weights * mask[:, None], axis=0)[kept] for mask in (positive, ~positive))
        curves += [_curves(found[:, k], alarms[:, k]) for k in range(weights.shape[1])]
    drawn_curves = [curve for curve in curves if curve is not None]
    if not drawn_curves:
        return None
    together = np.stack(drawn_curves)
    tail = 50 * (1 - level)
    low, high = np.percentile(together, [tail, 100 - tail], axis=0)
    return Bands(Band(low[0], high[0]), Band(low[1], high[1]))


def _curves(found: FloatArray, alarms: FloatArray) -> FloatArray | None:
    """Return sensitivity and precision on the grid [2, 101], from cumulated positives and negatives by falling score."""
    p, q = found[-1], alarms[-1]
    if p == 0 or q == 0:
        return None
    recall = found / p
    rising = np.interp(GRID, np.concatenate([[0.0], alarms / q]), np.concatenate([[0.0], recall]))
    first = np.searchsorted(recall, np.maximum(GRID, recall[recall > 0][0]) - 1e-12)
    return np.stack([rising, divided(found[first], found[first] + alarms[first])])
