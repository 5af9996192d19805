"""Confidence intervals: the patient bootstrap for any metric, Wilson's for a share of patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import (
    FloatArray,
    checked_labels,
    checked_probabilities,
    checked_scores,
    checked_threshold,
)
from radloop.statistics.rates import RATES
from radloop.statistics.resamples import AREAS, ERRORS, Cases, drawn, evaluate, presorted

METRICS: tuple[str, ...] = (*AREAS, *RATES, *ERRORS)
"""Every metric that `bootstrap` knows."""

MAX_UNDEFINED = 0.05
"""A larger share of draws without a value, and the bounds are NaN: missing evidence means no."""

_BLOCK = 500_000
"""Cases times draws that are held at once; a few arrays of this many float64."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its confidence bounds; NaN is what the cases cannot tell."""

    value: float
    low: float
    high: float


def bootstrap(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    threshold: float,
    draws: int = 2000,
    seed: int = 0,
    metrics: Sequence[str] = METRICS,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Return metrics with percentile intervals from resampling patients, not images.

    Images of one patient resemble each other, so patients are drawn with replacement and bring all
    their images (the cluster bootstrap: Davison and Hinkley, Bootstrap Methods, 1997, section 3.8;
    Rutter, Acad Radiol 7:413, 2000). One set of draws serves every metric. Draws go by the
    sorted ids: the numbers do not depend on the order of the rows, but renamed patients are drawn anew,
    so give numbers in place of pseudonyms that depend on a key.

    Args:
        scores: shape [n]; probabilities where `brier` or `ece` is asked for.
        labels: shape [n], 0 or 1.
        patients: who each case belongs to, shape [n], strings or integers.
        threshold: a score at or above it is positive.
        draws: how many resamples.
        seed: of the draws.
        metrics: names out of `METRICS`.
        level: of confidence, between 0 and 1.

    Returns:
        An interval for each metric, in the order asked. The value is the sample's own. Draws that leave
        a metric undefined are dropped; where they are more than `MAX_UNDEFINED`, where the value is
        NaN, or where there are fewer than two patients, both bounds are NaN.

    Raises:
        ValueError: an argument is unknown, does not fit the others, or cannot be meant.
    """
    _check_arguments(metrics, draws, level)
    values = checked_probabilities(scores) if set(metrics) & set(ERRORS) else checked_scores(scores)
    cases = presorted(
        values, checked_labels(labels, values.size), _checked_patients(patients, values.size), checked_threshold(threshold)
    )
    point = evaluate(cases, np.ones((cases.patients, 1)), metrics)
    resampled = _resampled(cases, draws, seed, metrics)
    return {name: _interval(float(point[name][0]), resampled[name], level) for name in metrics}


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return a share with Wilson's score interval (Wilson, JASA 22:209, 1927), for independent patients.

    Args:
        successes: 0 to n.
        n: patients; 0 gives NaN.
        level: of confidence, between 0 and 1.

    Raises:
        ValueError: successes are not among n, or the level is not between 0 and 1.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}: there must be between 0 and {n}")
    _check_level(level)
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))) / (1 + z**2 / n)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(share, low, high)


def _resampled(cases: Cases, draws: int, seed: int, metrics: Sequence[str]) -> dict[str, FloatArray]:
    """Return each metric of each draw, shape [draws]; no draw at all with fewer than two patients."""
    if cases.patients < 2:
        return {name: np.empty(0) for name in metrics}
    rng = np.random.default_rng(seed)
    size = max(1, _BLOCK // (cases.positives.size + cases.negatives.size))
    blocks = [evaluate(cases, drawn(rng, cases.patients, min(size, draws - start)), metrics) for start in range(0, draws, size)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in metrics}


def _interval(value: float, resampled: FloatArray, level: float) -> Interval:
    """Return the percentile interval, NaN where too few draws define it."""
    defined = resampled[~np.isnan(resampled)]
    undefined = resampled.size - defined.size
    if np.isnan(value) or not defined.size or undefined > MAX_UNDEFINED * resampled.size:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def _check_arguments(metrics: Sequence[str], draws: int, level: float) -> None:
    unknown = sorted(set(metrics) - set(METRICS))
    if unknown:
        raise ValueError(f"unknown metrics {unknown}: choose among {list(METRICS)}")
    if draws < 1:
        raise ValueError(f"{draws} draws: there must be at least one")
    _check_level(level)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level of {level}: it must lie between 0 and 1, such as 0.95")


def _checked_patients(patients: npt.ArrayLike, n: int) -> npt.NDArray[np.generic]:
    """Return patient ids that sort, shape [n].

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
    return ids
