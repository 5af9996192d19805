"""Choosing few of many: each far from what is known and from each other, the heavier first."""

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
        scores: distance times weight, [k]; they never rise.
    """

    places: npt.NDArray[np.int64]
    distances: FloatArray
    scores: FloatArray


def farthest_first(vectors: npt.ArrayLike, weights: npt.ArrayLike, known: npt.ArrayLike, number: int) -> Chosen:
    """Choose greedily what has the largest weight times distance to all that is known or chosen already.

    With equal weights it is the 2-approximation of the k-center problem (Gonzalez, Theor Comput Sci 38:293, 1985), which
    Sener and Savarese (arXiv 1708.00489) choose labels by. A copy of what is known or chosen scores 0 and comes last.

    Args:
        vectors: to choose from, [n, C].
        weights: of each, positive, [n].
        known: what needs no more choosing, [m, C]; m may be 0, and the heaviest comes first then.
        number: how many are wanted; fewer where there are fewer.
    """
    left, weight = np.asarray(vectors, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    before = np.asarray(known, dtype=np.float64)
    unit = spacing(before if len(before) > 1 else left)
    nearest = distances(left, before).min(axis=1) / unit if len(before) else np.ones(len(left))
    free = np.ones(len(left), dtype=np.bool_)
    places, found, scores = [], [], []
    for _ in range(min(number, len(left))):
        score = np.where(free, weight * nearest, -1.0)
        place = int(score.argmax())
        places.append(place)
        found.append(nearest[place])
        scores.append(score[place])
        free[place] = False
        nearest = np.minimum(nearest, distances(left, left[place : place + 1])[:, 0] / unit)
    return Chosen(np.array(places, dtype=np.int64), np.array(found), np.array(scores))


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
