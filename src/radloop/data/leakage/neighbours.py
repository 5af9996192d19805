"""Points within reach of each other, without measuring all pairs.

Points are put into cells around centres. Along the line from one cell's centre to another's, a point that
lies farther than the reach beyond all of the first cell has no partner in it (hyperplane partitions:
Uhlmann, Information Processing Letters 40, 1991). Where the centres lie decides how much is left to measure,
never what is found.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_PER_CELL, _MOST_CELLS, _ROUNDS = 64, 2048, 4
_ROWS, _COLUMNS = 1024, 8192
_SMALLEST_GAP = 0.02
"""Centres closer than this do not tell points apart: their line's direction would be rounding."""
# float32 products of vectors no longer than 2, over a few axes: their error is near 1e-6.
MARGIN = 2e-5


def blocks_in_reach(
    points: NDArray[np.float32], parts: NDArray[np.int64], allowed: NDArray[np.bool_], reach: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (rows, columns): every pair of allowed parts within reach is in the product of one of them.

    Args:
        points: float32 [n, axes].
        parts: int64 [n], the part of each point.
        allowed: bool [p, p], symmetric: which parts are paired with which.
        reach: the largest distance.
    """
    for members, others in _cells_in_reach(points, reach + MARGIN):
        columns = np.concatenate([members, others])
        for part in np.unique(parts[members]):
            rows, wanted = members[parts[members] == part], columns[allowed[part, parts[columns]]]
            for start in range(0, rows.size, _ROWS):
                for first in range(0, wanted.size, _COLUMNS):
                    yield rows[start : start + _ROWS], wanted[first : first + _COLUMNS]


def close_pairs(
    points: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64], reach: float
) -> NDArray[np.int64]:
    """Return the pairs of positions, [k, 2], within reach of each other; none with itself.

    One matrix product gives half the squared distance: (a, |a|^2 / 2, 1) times (-b, 1, |b|^2 / 2).
    """
    a, b = points[rows], points[columns]
    left = np.concatenate([a, (a * a).sum(axis=1, keepdims=True) / 2, np.ones((len(a), 1), np.float32)], axis=1)
    right = np.concatenate([-b, np.ones((len(b), 1), np.float32), (b * b).sum(axis=1, keepdims=True) / 2], axis=1)
    near = np.flatnonzero(left @ right.T <= np.float32((reach * reach + MARGIN) / 2))
    pairs = np.stack([rows[near // len(columns)], columns[near % len(columns)]], axis=1)
    return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]], dtype=np.int64)


def _cells_in_reach(points: NDArray[np.float32], reach: float) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (the members of a cell, the members of later cells that may lie within reach of one of them)."""
    if not len(points):
        return
    centres = _centres(points)
    owners = _nearest(points, centres)
    order = np.argsort(owners, kind="stable")
    sorted_points, sorted_owners = points[order], owners[order]
    own = np.einsum("ij,ij->i", sorted_points, centres[sorted_owners])
    bounds = np.searchsorted(sorted_owners, np.arange(len(centres) + 1))
    sizes = np.diff(bounds)
    for cell in range(len(centres)):
        start, stop = int(bounds[cell]), int(bounds[cell + 1])
        if start == stop:
            continue
        gaps = np.sqrt(((centres - centres[cell]) ** 2).sum(axis=1))
        gaps[gaps < _SMALLEST_GAP] = np.inf  # everything is within reach
        members = sorted_points[start:stop]
        farthest = ((members @ centres.T - (members @ centres[cell])[:, None]) / gaps).max(axis=0)
        limits = ((farthest + np.float32(reach)) * gaps)[cell + 1 :]
        beyond = own[stop:] - sorted_points[stop:] @ centres[cell]
        yield order[start:stop], order[stop:][beyond <= np.repeat(limits, sizes[cell + 1 :])]


def _centres(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return centres of cells: a few rounds of Lloyd's k-means from evenly spaced points."""
    count = min(max(len(points) // _PER_CELL, 1), _MOST_CELLS)
    centres = points[np.linspace(0, len(points) - 1, count).astype(np.int64)].copy()
    sample = points[:: max(1, len(points) // (16 * count))]
    for _ in range(_ROUNDS if count > 1 else 0):
        owners = _nearest(sample, centres)
        sizes = np.bincount(owners, minlength=count)[:, None]
        sums = np.stack([np.bincount(owners, column, count) for column in sample.T], axis=1)
        centres = np.where(sizes > 0, sums / np.maximum(sizes, 1), centres).astype(np.float32)
    return centres


def _nearest(points: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    half = (centres * centres).sum(axis=1) / 2
    return np.concatenate(
        [np.argmax(points[start : start + _ROWS] @ centres.T - half, axis=1) for start in range(0, len(points), _ROWS)]
    )
