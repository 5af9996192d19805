"""How well an expected level tells an ordinal truth, as a measure for `intervals.resample`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, IntArray, divided, owners
from radloop.statistics.intervals import Measure
from radloop.statistics.outputs import Name

ORDINAL = ("mean_absolute_error", "exact", "kappa", "spearman")
"""The numbers of `levels`."""


def nearest_level(expected: npt.ArrayLike, count: int) -> IntArray:
    """Return the level nearest to each expected one, 0 to count - 1; halfway goes to the graver."""
    return np.clip(np.floor(np.asarray(expected, dtype=np.float64) + 0.5), 0, count - 1).astype(np.int64)


def levels(
    expected: npt.ArrayLike, truth: npt.ArrayLike, extents: npt.ArrayLike, patients: npt.ArrayLike, *, count: int
) -> Measure[Name]:
    """Return the measure of a severity.

    `mean_absolute_error` is of the expected level, in levels. `exact` is the share of images whose nearest level is the
    true one, and `kappa` those levels' agreement beyond chance with quadratic weights (Cohen, Psychol Bull 70:213, 1968).
    `spearman` is the rank correlation of the expected level with the extent behind the truth, ties at their mean rank.

    Args:
        expected: levels, from 0 to count - 1, shape [n]; NaN leaves the image out.
        truth: levels, shape [n], -1 where unknown; such an image is left out.
        extents: the raw value that the levels cut, shape [n].
        patients: who each image belongs to, shape [n].
        count: how many levels there are.

    Raises:
        ValueError: the arrays do not fit together, or a level is not one.
    """
    said, seen, raw = np.asarray(expected, np.float64), np.asarray(truth, np.int64), np.asarray(extents, np.float64)
    if not said.shape == seen.shape == raw.shape == np.shape(patients) or said.ndim != 1:
        raise ValueError("expected levels, true levels, extents and patients differ in shape: give one of each an image")
    if seen.size and (seen.min() < -1 or seen.max() >= count):
        raise ValueError(f"levels run from {seen.min()} to {seen.max()}: they must be -1 (unknown) to {count - 1}")
    owner, patients_count = owners(patients, said.size)
    known = (seen >= 0) & ~np.isnan(said) & ~np.isnan(raw)
    said, seen, raw, owner = said[known], seen[known], raw[known], owner[known]
    sums = np.zeros((count * count + 1, patients_count))
    np.add.at(sums, (seen * count + nearest_level(said, count), owner), 1.0)
    sums[-1] = np.bincount(owner, weights=np.abs(said - seen), minlength=patients_count)
    ranks = _Ranks(said), _Ranks(raw)

    def measure(weights: FloatArray) -> dict[Name, FloatArray]:
        summed = np.einsum("kp,pd->kd", sums, weights)
        table = summed[:-1].reshape(count, count, -1)
        n = table.sum(axis=(0, 1))
        return {
            (None, "mean_absolute_error"): divided(summed[-1], n),
            (None, "exact"): divided(np.einsum("ggd->d", table), n),
            (None, "kappa"): _kappa(table),
            (None, "spearman"): _correlation(ranks[0].of(weights[owner]), ranks[1].of(weights[owner]), weights[owner]),
        }

    return measure


def _kappa(table: FloatArray) -> FloatArray:
    """Return the quadratic-weighted kappa of confusion matrices [G, G, draws]; NaN where chance alone would always agree."""
    levels_ = np.arange(len(table), dtype=np.float64)
    cost = (levels_[:, None] - levels_[None, :]) ** 2
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    seen = np.einsum("gh,ghd->d", cost, table)
    by_chance = divided(np.einsum("gh,gd,hd->d", cost, rows, columns), table.sum(axis=(0, 1)))
    return 1.0 - divided(seen, by_chance)


class _Ranks:
    """Mean ranks of n values whose weights change from draw to draw; sorted once."""

    def __init__(self, values: FloatArray) -> None:
        distinct, self._group = np.unique(values, return_inverse=True)
        self._order = np.argsort(self._group, kind="stable")
        self._starts = np.searchsorted(self._group[self._order], np.arange(distinct.size))

    def of(self, weights: FloatArray) -> FloatArray:
        """Return the rank of each value, less one half, shape [n, draws]: the weight below it and half of its equals'."""
        if not self._group.size:
            return np.zeros(weights.shape)
        tied = np.add.reduceat(weights[self._order], self._starts, axis=0)
        return (np.cumsum(tied, axis=0) - tied / 2)[self._group]


def _correlation(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted Pearson correlation of `_Ranks` of each draw, all [n, draws]; NaN where one is constant."""
    middle = weights.sum(axis=0) / 2  # the mean of such ranks, exactly: what is constant leaves exactly nothing
    x, y = x - middle, y - middle
    spread = np.sqrt((weights * x * x).sum(axis=0) * (weights * y * y).sum(axis=0))
    return divided((weights * x * y).sum(axis=0), spread)
