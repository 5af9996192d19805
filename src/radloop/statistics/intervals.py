"""Confidence intervals: the patient bootstrap for any metric, Wilson's for a share of patients."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import (
    FloatArray,
    IntArray,
    checked_labels,
    checked_level,
    checked_probabilities,
    checked_scores,
    checked_threshold,
    owners,
)
from radloop.statistics.bounds import constant, expanded_bca, unseen
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

_GROUPS = 200
"""Patients are left out one by one, or in this many groups: enough for a skewness, and a tenth of the usual draws."""

_PROBED = 500
"""Patients among whom trials are counted where no draw differs; more would only narrow what is narrow."""


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
    """Return metrics with intervals from resampling patients, not images.

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
        An interval for each metric, in the order asked, with the value of the sample. Draws that leave a metric
        undefined are dropped; where they are more than `MAX_UNDEFINED`, where the value is NaN or hangs on a single
        patient, or where there are fewer than two patients, both bounds are NaN.

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
    measure: Measure[Name],
    patients: int,
    *,
    cases: int,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    signed: Callable[[Name], bool] = lambda _: False,
) -> dict[Name, Interval]:
    """Return every number of a measure with its interval, as `bootstrap` does; all from the same draws.

    The bounds are those of `bounds.expanded_bca`. With one seed, measures of the same patients see the same draws however
    many cases they have, so that their numbers can be compared draw by draw.

    Args:
        measure: of the weights of P patients.
        patients: P.
        cases: how many arrays of `draws` the measure holds at once, about; it bounds the memory.
        draws: how many resamples.
        seed: of the draws.
        level: of confidence, between 0 and 1.
        signed: which numbers may be negative, such as differences: where no draw differs from 0, their lower bound lies
            below it too (`bounds.unseen`).

    Raises:
        ValueError: there is no draw, or the level is not between 0 and 1.
    """
    if draws < 1:
        raise ValueError(f"{draws} draws: there must be at least one")
    checked_level(level)
    point = {name: float(value[0]) for name, value in measure(np.ones((patients, 1))).items()}
    if patients < 2:
        return {name: Interval(value, float("nan"), float("nan")) for name, value in point.items()}
    size = max(1, _BLOCK // max(cases, 1))
    rng = np.random.default_rng(seed)
    resampled = _joined([measure(drawn(rng, patients, min(size, draws - start))) for start in range(0, draws, size)])
    groups = min(patients, _GROUPS)
    left_out = _by_group(measure, np.arange(patients) % groups, groups, size, alone=False)
    defined = {name: _defined(point[name], resampled[name], left_out[name]) for name in point}
    settled = [name for name, values in defined.items() if values is not None and constant(point[name], values)]
    trials = _trials(measure, settled, patients, size) if settled else {}

    def bounds(name: Name) -> tuple[float, float]:
        values = defined[name]
        if values is None:
            return float("nan"), float("nan")
        if name in settled:
            return unseen(point[name], trials[name], level, signed=signed(name), area=_metric(name) == "auroc")
        return expanded_bca(point[name], values, left_out[name], level)

    return {name: Interval(value, *bounds(name)) for name, value in point.items()}


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
    checked_level(level)
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))) / (1 + z**2 / n)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(share, low, high)


def _metric(name: Hashable) -> Hashable:
    """Return the metric that a number is of: the last word of its name."""
    return name[-1] if isinstance(name, tuple) else name


def _joined(blocks: Sequence[Mapping[Name, FloatArray]]) -> dict[Name, FloatArray]:
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _by_group(measure: Measure[Name], group: IntArray, groups: int, size: int, *, alone: bool) -> dict[Name, FloatArray]:
    """Return the measure of each group of patients alone, or of all but it, shape [groups], at most `size` groups at once."""
    columns = [np.arange(start, min(start + size, groups)) for start in range(0, groups, size)]
    return _joined([measure(((group[:, None] == some) == alone).astype(np.float64)) for some in columns])


def _defined(value: float, resampled: FloatArray, left_out: FloatArray) -> FloatArray | None:
    """Return the draws that have a value; None where they are too few, or where a single group of patients decides that."""
    known = resampled[~np.isnan(resampled)]
    undefined = resampled.size - known.size
    if np.isnan(value) or not known.size or undefined > MAX_UNDEFINED * resampled.size or np.any(np.isnan(left_out)):
        return None
    return known


def _trials(measure: Measure[Name], names: Sequence[Name], patients: int, size: int) -> dict[Name, int]:
    """Return how many disjoint groups of patients each give a number alone: of a share, its patients; of an area, pairs.

    Where no patient gives it alone, those who give it together with one of them all are of another kind than those who do
    not: kinds take turns in the order in which groups are sought. Where that finds too few, bounds become wider, never narrower.
    """
    members = np.random.default_rng(0).permutation(patients)[:_PROBED]
    alone = _by_group(measure, _placed(members, patients), members.size, size, alone=True)
    first = np.isin(np.arange(patients), members[:1])[:, None]
    beside = _by_group(lambda w: measure(np.maximum(w, first)), _placed(members, patients), members.size, size, alone=True)
    kinds = {name: tuple(np.isnan(alone[name]).all() & ~np.isnan(beside[name])) for name in names}
    found = {kind: _disjoint(measure, members[_turns(np.array(kind) * 1)], patients, size) for kind in set(kinds.values())}
    return {name: found[kinds[name]][name] for name in names}


def _disjoint(measure: Measure[Name], members: IntArray, patients: int, size: int) -> dict[Name, int]:
    """Return how many disjoint groups give each number, in a tree: neighbours among the members are joined two by two."""
    group, groups = _placed(members, patients), members.size
    best = {name: ~np.isnan(value) * 1 for name, value in _by_group(measure, group, groups, size, alone=True).items()}
    while groups > 1:
        group, groups = group // 2, (groups + 1) // 2
        alone = _by_group(measure, group, groups, size, alone=True)
        best = {name: np.maximum(~np.isnan(alone[name]), _paired(found)) for name, found in best.items()}
    return {name: int(found[0]) for name, found in best.items()}


def _placed(members: IntArray, patients: int) -> IntArray:
    """Return each patient's place among the members, -1 for all others, shape [P]."""
    places = np.full(patients, -1)
    places[members] = np.arange(members.size)
    return places


def _turns(kinds: IntArray) -> IntArray:
    """Return an order of members in which every kind takes its turn until it is used up."""
    by_kind = np.argsort(kinds, kind="stable")
    turn = np.empty(kinds.size, np.int64)
    turn[by_kind] = np.arange(kinds.size) - np.searchsorted(kinds[by_kind], kinds[by_kind])
    return np.lexsort((kinds, turn))


def _paired(counts: IntArray) -> IntArray:
    """Return the sums of neighbours; an odd last one stands alone."""
    return np.add.reduceat(counts, np.arange(0, counts.size, 2))
