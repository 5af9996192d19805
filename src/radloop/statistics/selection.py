"""Choosing few of many so that the rest have one like themselves among those chosen or known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen, in order, k of them.

    Attributes:
        places: among the vectors, [k].
        distances: of each to the nearest of the known and of those chosen before it, in units of `spacing`, [k].
        gains: the part of all weighted distances that each takes away, [k]; they never rise.
        stands_for: vectors that it was nearer to than anything known or chosen before it, itself included, [k].
    """

    places: npt.NDArray[np.int64]
    distances: FloatArray
    gains: FloatArray
    stands_for: npt.NDArray[np.int64]


def cover(vectors: npt.ArrayLike, weights: npt.ArrayLike, known: npt.ArrayLike, number: int) -> Chosen:
    """Choose greedily what most lessens the sum of weight times distance of every vector to the nearest known or chosen.

    It is the facility location of Wei, Iyer and Bilmes (ICML 2015, Submodularity in data subset selection); greedy choices
    come within 1 - 1/e of the best (Nemhauser, Wolsey and Fisher, Math Program 14:265, 1978). What is crowded and unlike
    the known comes first, a lone outlier late, and of two copies the second last.

    Args:
        vectors: to choose from, [n, C]; takes memory as n squared.
        weights: of each, positive, [n].
        known: what needs no more choosing, [m, C]; with none, everything is as far as the two farthest vectors are.
        number: how many are wanted; fewer where there are fewer.
    """
    left, weight = np.asarray(vectors, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    before = np.asarray(known, dtype=np.float64)
    unit, apart = spacing(before if len(before) > 1 else left), distances(left, left)
    far = float(apart.max(initial=0.0)) or 1.0
    nearest = distances(left, before).min(axis=1) if len(before) else np.full(len(left), far)
    whole = float(weight @ nearest) or 1.0
    free = np.ones(len(left), dtype=np.bool_)
    places, found, gains, stands = [], [], [], []
    for _ in range(min(number, len(left))):
        gain = np.where(free, weight @ np.maximum(nearest[:, None] - apart, 0.0), -1.0)
        place = int(gain.argmax())
        places.append(place)
        found.append(nearest[place] / unit)
        gains.append(gain[place] / whole)
        free[place] = False
        stands.append(max(1, int((apart[:, place] < nearest).sum())))
        nearest = np.minimum(nearest, apart[:, place])
    return Chosen(np.array(places, dtype=np.int64), np.array(found), np.array(gains), np.array(stands, dtype=np.int64))


def spacing(vectors: FloatArray) -> float:
    """Return the median distance of a vector to the nearest other that differs from it; 1 where there is none."""
    apart = distances(vectors, vectors)
    apart[apart == 0] = np.inf
    nearest = apart.min(axis=1, initial=np.inf)
    known = nearest[np.isfinite(nearest)]
    return float(np.median(known)) if len(known) else 1.0


def distances(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the Euclidean distances, [n, m], of [n, C] and [m, C]; what rounding cannot tell from 0 is 0."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * left @ right.T
    return np.asarray(np.sqrt(np.where(squares < 1e-9 * (1 + (left**2).sum(axis=1)[:, None]), 0.0, squares)))
