"""Whether two samples come from one population: permutation tests, exact at any size.

A p-value here is valid: where both samples are exchangeable, it is at most x with a probability of at most x. That
needs no distribution and no large sample. Nulls are drawn one after another and stop early where the answer is clear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from radloop.statistics.arrays import FloatArray, IntArray

_BLOCK = 100
"""Draws that are held at once."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a test found.

    Attributes:
        statistic: in units of its own.
        p: how often a difference as large comes about by chance alone.
        draws: how many nulls that rests on; 0 is none, the p-value is exact.
        column: of several columns, the one with the largest difference; None where there are none.
    """

    statistic: float
    p: float
    draws: int
    column: int | None = None


def sequential_p(observed: float, draw: Callable[[int], FloatArray], most: int, enough: int = 20) -> tuple[float, int]:
    """Return a Monte Carlo p-value that stops once enough nulls are as large, and how many were drawn.

    Besag and Clifford, Biometrika 78:301 (1991): with h = `enough` exceedances after l draws the p-value is h / l; with g
    exceedances in all `most` of them it is (g + 1) / (most + 1). Both are valid.

    Args:
        observed: the statistic of the samples.
        draw: returns so many statistics of random relabellings.
        most: draws at most.
        enough: exceedances after which no more are drawn.
    """
    exceeding = drawn = 0
    # A relabelling that gives the very same sums may differ in the last bit: it counts as equal.
    least = observed - 1e-9 * abs(observed)
    while drawn < most:
        found = draw(min(_BLOCK, most - drawn)) >= least
        counts = exceeding + np.cumsum(found)
        if counts[-1] >= enough:
            last = drawn + int(np.argmax(counts >= enough)) + 1
            return enough / last, last
        exceeding, drawn = int(counts[-1]), drawn + found.size
    return (exceeding + 1) / (most + 1), drawn


def mmd(reference: npt.ArrayLike, window: npt.ArrayLike, *, rng: np.random.Generator, most: int = 1999) -> Compared:
    """Return the kernel two-sample test of vectors.

    The squared maximum mean discrepancy with a Gaussian kernel (Gretton et al., J Mach Learn Res 13:723, 2012); its width is the
    median distance of the pooled vectors, which does not depend on which sample a vector belongs to: the test stays exact.

    Args:
        reference: shape [m, C].
        window: shape [n, C].
        rng: of the relabellings.
        most: relabellings at most.

    Raises:
        ValueError: fewer than two vectors in a sample, or widths that differ.
    """
    first, second = _vectors(reference), _vectors(window)
    if first.shape[1] != second.shape[1] or min(len(first), len(second)) < 2:
        raise ValueError(f"samples {first.shape} and {second.shape}: give two vectors or more of one width in each")
    pooled = np.concatenate([first, second])
    squares = np.einsum("ij,ij->i", pooled, pooled)
    distances = np.maximum(squares[:, None] + squares[None, :] - 2 * (pooled @ pooled.T), 0)
    width = float(np.median(distances[np.triu_indices(len(pooled), 1)]))
    if not width > 0:  # more than half of all pairs are alike: the mean tells more than the median
        width = float(distances.mean()) or 1.0
    kernel = np.exp(-distances / width)

    def measure(sides: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("bi,bi->b", sides @ kernel, sides))

    observed = float(measure(_sides(np.arange(len(first), len(pooled))[None, :], len(pooled)))[0])
    p, draws = sequential_p(observed, lambda count: measure(_relabelled(rng, count, len(second), len(pooled))), most)
    return Compared(observed, p, draws)


def kolmogorov(reference: npt.ArrayLike, window: npt.ArrayLike, *, rng: np.random.Generator, most: int = 1999) -> Compared:
    """Return the test of the largest Kolmogorov-Smirnov distance among several columns, one p-value for all of them.

    Smirnov, Ann Math Stat 19:279 (1948), by relabelling rows, so that ties and columns that go together are allowed for.

    Args:
        reference: shape [m, d].
        window: shape [n, d].
        rng: of the relabellings.
        most: relabellings at most.

    Raises:
        ValueError: an empty sample, or numbers of columns that differ.
    """
    first, second = _vectors(reference), _vectors(window)
    if first.shape[1] != second.shape[1] or not (len(first) and len(second) and first.shape[1]):
        raise ValueError(f"samples {first.shape} and {second.shape}: give rows of the same columns")
    pooled = np.concatenate([first, second])
    order = np.argsort(pooled, axis=0, kind="stable")
    ranked = np.take_along_axis(pooled, order, axis=0)
    last = np.concatenate([ranked[1:] != ranked[:-1], np.ones((1, ranked.shape[1]), bool)])  # the last of equal values

    def distances(sides: FloatArray) -> FloatArray:
        found = [np.abs(np.cumsum(sides[:, order[:, d]], axis=1)[:, last[:, d]]).max(axis=1) for d in range(order.shape[1])]
        return np.stack(found)

    each = distances(_sides(np.arange(len(first), len(pooled))[None, :], len(pooled)))[:, 0]
    observed, total, size = float(each.max()), len(pooled), len(second)
    p, draws = sequential_p(observed, lambda count: distances(_relabelled(rng, count, size, total)).max(axis=0), most)
    return Compared(observed, p, draws, int(each.argmax()))


def counts(reference: npt.ArrayLike, window: npt.ArrayLike, *, rng: np.random.Generator, most: int = 1999) -> Compared:
    """Return Pearson's test of two rows of counts, its null drawn with both margins fixed, so that cells may be small.

    Args:
        reference: shape [k], whole numbers.
        window: shape [k], likewise.
        rng: of the draws.
        most: draws at most.

    Returns:
        The test; its column is the one that gives most to the statistic.

    Raises:
        ValueError: shapes that differ, negative counts, or an empty row.
    """
    first, second = np.asarray(reference, dtype=np.int64), np.asarray(window, dtype=np.int64)
    if first.shape != second.shape or first.ndim != 1 or min(first.min(initial=0), second.min(initial=0)) < 0:
        raise ValueError(f"counts {first.shape} and {second.shape}: give two rows of whole numbers")
    if not (first.sum() and second.sum()):
        raise ValueError("a row of counts is empty")
    totals = first + second
    expected = totals * (second.sum() / totals.sum())

    def parts(rows: IntArray) -> FloatArray:
        # With both margins fixed, what the other row adds is in proportion.
        return np.where(totals > 0, (rows - expected) ** 2 / np.maximum(expected, 1e-12), 0.0)

    each = parts(second[None, :])[0]
    size = int(second.sum())
    p, draws = sequential_p(
        float(each.sum()), lambda count: parts(rng.multivariate_hypergeometric(totals, size, count)).sum(axis=1), most
    )
    return Compared(float(each.sum()), p, draws, int(each.argmax()))


def more(reference: tuple[int, int], window: tuple[int, int]) -> Compared:
    """Return Fisher's exact test of whether an event has become more frequent.

    Args:
        reference: events and cases.
        window: likewise.

    Returns:
        The test; its statistic is the difference of the shares.

    Raises:
        ValueError: no cases, or more events than cases.
    """
    for events, cases in (reference, window):
        if not 0 <= events <= cases or not cases:
            raise ValueError(f"{events} events in {cases} cases: there must be between 0 and as many as cases")
    total, events = reference[1] + window[1], reference[0] + window[0]
    p = float(stats.hypergeom.sf(window[0] - 1, total, events, window[1]))
    return Compared(window[0] / window[1] - reference[0] / reference[1], min(p, 1.0), 0)


def _vectors(values: npt.ArrayLike) -> FloatArray:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or not np.isfinite(found).all():
        raise ValueError(f"a sample of shape {found.shape}: give finite numbers [rows, columns]")
    return found


def _relabelled(rng: np.random.Generator, count: int, size: int, total: int) -> FloatArray:
    return _sides(rng.random((count, total)).argpartition(size - 1, axis=1)[:, :size], total)


def _sides(chosen: IntArray, total: int) -> FloatArray:
    """Return 1/n for the chosen rows of each draw and -1/m for all others, shape [draws, total]."""
    size = chosen.shape[1]
    sides = np.full((len(chosen), total), -1 / (total - size))
    np.put_along_axis(sides, chosen, 1 / size, axis=1)
    return sides
