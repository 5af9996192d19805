"""From the draws of a number to its bounds: expanded BCa, and what is left to doubt where no draw differs.

Percentiles of the draws are too narrow where a number is skewed or hangs on few patients: with a fifth of 150 patients
positive, 95% intervals of an AUROC of 0.95 held 91% (`benchmarks/interval_coverage.py`). BCa (Efron, JASA 82:171, 1987)
shifts the percentiles for the draws' bias and for a spread that grows with the number; taking them from Student's t in place
of the normal (the expansion of Hesterberg, Am Stat 69:371, 2015) pays for the spread being estimated itself, from
as many patients as really speak (Satterthwaite, Biometrics Bulletin 2:110, 1946).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtrit

from radloop.statistics.arrays import FloatArray

METHOD = "expanded BCa"
"""How every interval of `intervals` is made; evidence carries it."""

_EQUAL = 1e-12
"""Numbers nearer than this differ by rounding only."""

_LEAST = 1e-9
"""Where the correction for skewness would turn round, the bound is the outermost draw."""


def constant(value: float, resampled: FloatArray) -> bool:
    """Tell whether no draw differs from the sample's own value."""
    return bool(np.all(np.abs(resampled - value) <= _EQUAL))


def expanded_bca(value: float, resampled: FloatArray, left_out: FloatArray, level: float) -> tuple[float, float]:
    """Return the expanded BCa bounds of a number whose draws differ.

    Args:
        value: the sample's own.
        resampled: the number of each draw, shape [draws], none NaN.
        left_out: the number with each group of patients left out in turn, shape [groups], none NaN.
        level: of confidence, between 0 and 1.

    Returns:
        Low and high; the value always lies between them, even of a number whose draws are all larger, as a calibration
        error's may be.
    """
    below = np.sum(resampled < value - _EQUAL) + np.sum(np.abs(resampled - value) <= _EQUAL) / 2
    bias = float(ndtri(np.clip(below, 0.5, resampled.size - 0.5) / resampled.size))
    acceleration, freedom = _acceleration(left_out)
    z = bias + float(stdtrit(freedom, (1 + level) / 2)) * np.array([-1.0, 1.0])
    shares = ndtr(bias + z / np.maximum(1 - acceleration * z, _LEAST))
    low, high = np.quantile(resampled, shares)
    return min(float(low), value), max(float(high), value)


def unseen(value: float, trials: int, level: float, *, signed: bool = False, area: bool = False) -> tuple[float, float]:
    """Return the bounds of a number that no draw changes: every patient says the same, and others might not.

    Of m trials that all went one way, up to z^2 / (m + z^2) may go the other (Wilson, JASA 22:209, 1927, at m of m), and a
    trial moves the number by one at most. So a share of m of m has Wilson's own bounds. An AUROC of 1, or two that do not
    differ, leave the room of `perfect_area`.

    Args:
        value: the sample's own.
        trials: m, how many disjoint groups of patients each give the number alone.
        level: of confidence, between 0 and 1.
        signed: whether the number is a difference, which may lie below zero.
        area: whether it is an AUROC, or a difference of two.
    """
    z = float(ndtri((1 + level) / 2))
    ordered = area and value == (0.0 if signed else 1.0)
    room = 1 - perfect_area(trials, level) if ordered else z**2 / (trials + z**2)
    floor = -1.0 if signed else 0.0
    return max(value - room, min(value, floor)), min(value + room, max(value, 1.0))


@lru_cache
def perfect_area(pairs: int, level: float) -> float:
    """Return the lower bound of an AUROC of exactly 1, of m positive and m negative patients.

    It is the area whose chance to look perfect is the level's lower tail, between two normal distributions of equal spread
    (the binormal bound of Obuchowski and Lieber, Acad Radiol 9:526, 2002). Wilson's bound of m pairs would lie below that
    of samples with a pair out of order, and a gate would punish the better model.

    Args:
        pairs: m, at least 1.
        level: of confidence, between 0 and 1.
    """
    y, steps = np.linspace(-9.0, 9.0, 4001), 18 / 4000
    largest = pairs * np.exp(-(y**2) / 2) / math.sqrt(2 * math.pi) * ndtr(y) ** (pairs - 1)

    def surplus(distance: float) -> float:
        return float(np.sum(largest * ndtr(distance - y) ** pairs)) * steps - (1 - level) / 2

    return float(ndtr(brentq(surplus, -9.0, 18.0) / math.sqrt(2)))


def _acceleration(left_out: FloatArray) -> tuple[float, float]:
    """Return the acceleration, a sixth of the skewness of the influences, and their degrees of freedom.

    Groups keep both: sums of independent influences have the sums of their second and third moments. Degrees of freedom are
    twice the squared spread over the variance of its estimate, at least 1 and at most one less than the groups.
    """
    influences = np.mean(left_out) - left_out
    influences = influences / np.max(np.abs(influences), initial=_EQUAL)
    square, groups = float(np.sum(influences**2)), influences.size
    if square == 0:
        return 0.0, 1.0
    acceleration = float(np.sum(influences**3)) / (6 * square**1.5)
    doubt = float(np.sum(influences**4)) - square**2 / groups
    freedom = 2 * square**2 / doubt if doubt > 0 else np.inf
    return acceleration, float(np.clip(freedom, 1, max(groups - 1, 1)))
