"""Two AUROCs on the same cases, compared without a single draw."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from radloop.statistics.arrays import FloatArray, IntArray, checked_labels, checked_level, checked_scores, owners
from radloop.statistics.intervals import Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two AUROCs on the same cases."""

    first: float
    second: float
    difference: Interval
    """First less second, with normal bounds; NaN where a class comes from fewer than two patients."""
    p: float
    """Two-sided, of the hypothesis that both areas are equal; 1 where every case is ranked alike, NaN where unknown."""


def delong(
    first: npt.ArrayLike, second: npt.ArrayLike, labels: npt.ArrayLike, patients: npt.ArrayLike, *, level: float = 0.95
) -> Comparison:
    """Return how the AUROCs of two scores of the same cases differ.

    DeLong et al., Biometrics 44:837 (1988), the components from midranks as in Sun and Xu, IEEE Signal Process Lett
    21:1389 (2014). Where patients have several images, their components are summed by patient first (Obuchowski,
    Biometrics 53:567, 1997); with one image each that is DeLong's own variance.

    Args:
        first: scores, shape [n]; higher means more likely positive.
        second: scores of the same cases, shape [n]; on any scale.
        labels: shape [n], 0 or 1.
        patients: who each case belongs to, shape [n], strings or integers.
        level: of confidence, between 0 and 1.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    scores = [checked_scores(first), checked_scores(second)]
    if scores[0].shape != scores[1].shape:
        raise ValueError(f"scores have shapes {scores[0].shape} and {scores[1].shape}: both must be of the same cases")
    positive = checked_labels(labels, scores[0].size) == 1
    owner, count = owners(patients, scores[0].size)
    z = NormalDist().inv_cdf((1 + checked_level(level)) / 2)
    if positive.all() or not positive.any():
        return Comparison(math.nan, math.nan, Interval(math.nan, math.nan, math.nan), math.nan)
    components = [_components(values, positive) for values in scores]
    areas = [float(np.mean(each[positive])) for each in components]
    gained = components[0] - components[1]
    difference = areas[0] - areas[1]
    error = math.sqrt(_variance(gained, positive, owner, count))
    if error == 0 and np.any(gained):
        error = math.nan  # every case gained the same: nothing varies, and nothing tells how far off that is
    bounds = Interval(difference, difference - z * error, difference + z * error)
    return Comparison(areas[0], areas[1], bounds, _p(difference, error))


def _components(scores: FloatArray, positive: npt.NDArray[np.bool_]) -> FloatArray:
    """Return each case's share of cases of the other class that it is ranked rightly against, ties one half, shape [n]."""
    p, q = int(np.count_nonzero(positive)), int(np.count_nonzero(~positive))
    together = rankdata(scores)
    found = np.empty(scores.size)
    found[positive] = (together[positive] - rankdata(scores[positive])) / q
    found[~positive] = 1 - (together[~positive] - rankdata(scores[~positive])) / p
    return found


def _variance(components: FloatArray, positive: npt.NDArray[np.bool_], owner: IntArray, patients: int) -> float:
    """Return the variance of the mean of the positive components, by patient; NaN without two patients of each class."""
    sums = []
    for chosen in (positive, ~positive):
        part, whose = components[chosen], owner[chosen]
        holders = np.unique(whose).size
        if holders < 2:
            return math.nan
        summed = np.bincount(whose, weights=part - part.mean(), minlength=patients) / part.size
        sums.append((summed, holders / (holders - 1)))
    (hits, of_hits), (rest, of_rest) = sums
    own = of_hits * np.sum(hits**2) + of_rest * np.sum(rest**2)
    # Patients with images of both classes tie the two sums together; without any this is exactly nothing. As an estimate it
    # may take away more than there is where such patients are few.
    return max(float(own + 2 * patients / (patients - 1) * np.sum(hits * rest)), 0.0)


def _p(difference: float, error: float) -> float:
    """Return the two-sided p of a normal difference."""
    if error == 0:
        return 1.0
    return math.erfc(abs(difference) / error / math.sqrt(2))
