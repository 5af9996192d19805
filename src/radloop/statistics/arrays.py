"""What every statistic asks of its arrays before it counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def checked_scores(scores: npt.ArrayLike) -> FloatArray:
    """Return scores as float64, shape [n].

    Raises:
        ValueError: they are not one-dimensional, or one is NaN or infinite.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"scores have shape {values.shape}: give one score a case, shape [n]")
    unknown = int(np.count_nonzero(~np.isfinite(values)))
    if unknown:
        raise ValueError(f"{unknown} of {values.size} scores are NaN or infinite: leave those cases out, and say so")
    return values


def checked_probabilities(probabilities: npt.ArrayLike) -> FloatArray:
    """Return probabilities of the positive class as float64, shape [n].

    Raises:
        ValueError: as `checked_scores`, or one lies outside [0, 1].
    """
    values = checked_scores(probabilities)
    if values.size and (values.min() < 0 or values.max() > 1):
        raise ValueError(f"probabilities run from {values.min():g} to {values.max():g}: outside [0, 1] they are scores")
    return values


def checked_labels(labels: npt.ArrayLike, n: int) -> FloatArray:
    """Return labels as float64 zeros (negative) and ones (positive), shape [n].

    Raises:
        ValueError: there are not n of them, or one is neither 0 nor 1; NaN is a label that nobody knows.
    """
    values = np.asarray(labels, dtype=np.float64)
    if values.shape != (n,):
        raise ValueError(f"labels have shape {values.shape}, the scores [{n}]: give one label a case")
    strange = int(np.count_nonzero((values != 0) & (values != 1)))
    if strange:
        raise ValueError(f"{strange} of {n} labels are neither 0 nor 1: leave unknown cases out, and say so")
    return values


def checked_weights(weights: npt.ArrayLike | None, n: int) -> FloatArray:
    """Return case weights as float64, shape [n]; ones where none are given.

    Raises:
        ValueError: there are not n of them, or one is negative, NaN or infinite.
    """
    if weights is None:
        return np.ones(n)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (n,):
        raise ValueError(f"weights have shape {values.shape}, the scores [{n}]: give one weight a case")
    if not np.all(np.isfinite(values) & (values >= 0)):
        raise ValueError("weights must be finite and not negative")
    return values


def checked_threshold(threshold: npt.ArrayLike) -> FloatArray:
    """Return a threshold, or one a case, as an array of its shape: [] or [n].

    Raises:
        ValueError: one is NaN, above which no case would ever be positive.
    """
    found = np.asarray(threshold, dtype=np.float64)
    if np.isnan(found).any():
        raise ValueError("the threshold is NaN: fit it first")
    return found


def checked_level(level: float) -> float:
    """Return a level of confidence.

    Raises:
        ValueError: it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level of {level}: it must lie between 0 and 1, such as 0.95")
    return float(level)


def divided(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FloatArray:
    """Return the quotient, NaN where the denominator is zero: there was nothing to count."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64))
    quotient = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=quotient, where=bottom != 0)
    return quotient


def owners(patients: npt.ArrayLike, n: int) -> tuple[IntArray, int]:
    """Return the number of each case's patient, 0 to P - 1 by their sorted ids, shape [n], and P.

    Raises:
        ValueError: there are not n, or one is missing: merging the unknown into one patient would lie.
    """
    ids: npt.NDArray[np.generic] = np.asarray(patients)
    if ids.shape != (n,):
        raise ValueError(f"patients have shape {ids.shape}, the scores [{n}]: give one patient a case")
    if ids.dtype == object:
        if not all(isinstance(patient, str | int) for patient in ids):
            raise ValueError("a patient is missing or neither a string nor an integer: every case needs one")
        ids = np.asarray(ids.tolist())
    if n and ids.dtype.kind not in "USiu":
        raise ValueError(f"patients are of type {ids.dtype}: give strings or integers")
    if ids.dtype.kind in "US" and np.any(ids == ids.dtype.type()):
        raise ValueError("a patient is an empty string: every case needs a known patient")
    distinct, owner = np.unique(ids, return_inverse=True)
    return owner.astype(np.int64), int(distinct.size)
