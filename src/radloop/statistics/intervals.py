"""Confidence intervals: the patient bootstrap for any metric, Wilson's for a share of patients."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import (
    FloatArray,
    checked_labels,
    checked_probabilities,
    checked_scores,
    checked_threshold,
    owners,
)
from radloop.statistics.rates import RATES
from radloop.statistics.resamples import AREAS, ERRORS, drawn, evaluate, presorted

Name = TypeVar("Name", bound=Hashable)
Measure = Callable[[FloatArray], Mapping[Name, FloatArray]]
"""From how often each patient counts, shape [P, draws], to each number of each draw, shape [draws]; NaN where undefined."""

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
    unknown = sorted(set(metrics) - set(METRICS))
    if unknown:
        raise ValueError(f"unknown metrics {unknown}: choose among {list(METRICS)}")
    values = checked_probabilities(scores) if set(metrics) & set(ERRORS) else checked_scores(scores)
    truth = checked_labels(labels, values.size)
    owner, count = owners(patients, values.size)
    cases = presorted(values, truth, owner, count, values >= checked_threshold(threshold))
    return resample(
        lambda weights: evaluate(cases, weights, metrics), count, cases=values.size, draws=draws, seed=seed, level=level
    )


def resample(
    measure: Measure[Name], patients: int, *, cases: int, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> dict[Name, Interval]:
    """Return every number of a measure with its percentile interval, as `bootstrap` does; all from the same draws.

    With one seed, measures of the same patients see the same draws however many cases they have, so that their
    numbers can be compared draw by draw.

    Args:
        measure: of the weights of P patients.
        patients: P.
        cases: how many arrays of `draws` the measure holds at once, about; it bounds the memory.
        draws: how many resamples.
        seed: of the draws.
        level: of confidence, between 0 and 1.

    Raises:
        ValueError: there is no draw, or the level is not between 0 and 1.
    """
    if draws < 1:
        raise ValueError(f"{draws} draws: there must be at least one")
    _check_level(level)
    point = measure(np.ones((patients, 1)))
    blocks = list(_blocks(measure, patients, cases, draws, seed))
    resampled = {name: np.concatenate([block[name] for block in blocks]) if blocks else np.empty(0) for name in point}
    return {name: _interval(float(value[0]), resampled[name], level) for name, value in point.items()}


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


def _blocks(measure: Measure[Name], patients: int, cases: int, draws: int, seed: int) -> Iterator[Mapping[Name, FloatArray]]:
    """Yield the measure of all draws, block by block; of none with fewer than two patients."""
    if patients < 2:
        return
    rng = np.random.default_rng(seed)
    size = max(1, _BLOCK // max(cases, 1))
    for start in range(0, draws, size):
        yield measure(drawn(rng, patients, min(size, draws - start)))


def _interval(value: float, resampled: FloatArray, level: float) -> Interval:
    """Return the percentile interval, NaN where too few draws define it."""
    defined = resampled[~np.isnan(resampled)]
    undefined = resampled.size - defined.size
    if np.isnan(value) or not defined.size or undefined > MAX_UNDEFINED * resampled.size:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level of {level}: it must lie between 0 and 1, such as 0.95")
