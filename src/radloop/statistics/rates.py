"""Rates from the four counts at a threshold, elementwise, so that one formula serves a sample and its bootstrap.

Every function returns the rate in the shape of the counts, NaN where its denominator is zero.
Definitions: Altman and Bland, BMJ 308:1552 (1994) and 309:102 (1994).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, divided


class Counts(NamedTuple):
    """Counts of cases at a threshold: numbers, or arrays of one shape with a count a draw."""

    tp: npt.ArrayLike
    """Positive cases called positive."""
    fp: npt.ArrayLike
    """Negative cases called positive."""
    tn: npt.ArrayLike
    """Negative cases called negative."""
    fn: npt.ArrayLike
    """Positive cases called negative."""


Rate = Callable[[Counts], FloatArray]


def sensitivity(counts: Counts) -> FloatArray:
    """Return the share of positive cases that are called positive; NaN without positive cases."""
    return divided(counts.tp, np.add(counts.tp, counts.fn))


def specificity(counts: Counts) -> FloatArray:
    """Return the share of negative cases that are called negative; NaN without negative cases."""
    return divided(counts.tn, np.add(counts.tn, counts.fp))


def ppv(counts: Counts) -> FloatArray:
    """Return the positive predictive value, precision; NaN where nothing is called positive."""
    return divided(counts.tp, np.add(counts.tp, counts.fp))


def npv(counts: Counts) -> FloatArray:
    """Return the negative predictive value; NaN where nothing is called negative."""
    return divided(counts.tn, np.add(counts.tn, counts.fn))


def f1(counts: Counts) -> FloatArray:
    """Return the harmonic mean of sensitivity and PPV; NaN without positive cases, 0 when none is found."""
    value = divided(np.multiply(2, counts.tp), np.add(np.multiply(2, counts.tp), np.add(counts.fp, counts.fn)))
    return np.where(np.add(counts.tp, counts.fn) == 0, np.nan, value)


def accuracy(counts: Counts) -> FloatArray:
    """Return the share of cases that are called rightly; NaN without cases."""
    right = np.add(counts.tp, counts.tn)
    return divided(right, np.add(right, np.add(counts.fp, counts.fn)))


def balanced_accuracy(counts: Counts) -> FloatArray:
    """Return the mean of sensitivity and specificity; NaN unless both classes are there."""
    return (sensitivity(counts) + specificity(counts)) / 2


RATES: Mapping[str, Rate] = MappingProxyType(
    {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": ppv,
        "npv": npv,
        "f1": f1,
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy,
    }
)
