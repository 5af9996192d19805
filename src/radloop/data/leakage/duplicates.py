"""Near-duplicates among many images, without comparing all pairs.

Two images are near-duplicates when their difference hashes differ in few bits and their thumbnails are
alike: in the median of 16 blocks they correlate (`radloop.images.fingerprint.correlations`). A block with
its mean taken away and its length made 1 is a point u, and correlation is distance: |u - v|^2 = 2 - 2 corr.

Where the median of 16 blocks is high, nine of them are high, so of any eight pairs of blocks both are in at
least one (a block that is flat in both images counts as alike; it takes as much from the blocks that decide
as from those that may fail). So eight searches, each for images that are close in one pair of blocks, find
every near-duplicate. Each projects its points on a few axes, which never lengthens a distance, and opens
only what is within reach there. What is close is confirmed bit by bit, block by block and by the whole
correlation. Every pair that meets both limits is found: projection and cells only decide how much work it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radloop.data.leakage.neighbours import MARGIN, blocks_in_reach, close_pairs
from radloop.images.fingerprint import THUMBNAIL, correlations

Reader = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
"""Returns the thumbnails, uint8 [k, 64, 64], of k positions."""
Look = Callable[[str], NDArray[np.uint8] | None]
"""Returns the thumbnail of an image, uint8 [64, 64], by its name; None where it is not known."""

_VIEWS = ((0, 10), (3, 9), (12, 6), (15, 5), (4, 11), (8, 7), (1, 14), (2, 13))
"""Pairs of blocks of the 4 x 4, row by row: what is often flat, a corner, goes with what is not."""
_BLOCKS, _SIDE, _CELL = 4, 16, 4
_PIXELS = _SIDE * _SIDE
_FLAT = 4
"""The variance up to which a block is flat, as `correlations` has it."""
_ALIKE = 9
_AXES = 16
_SAMPLE = 8192
_CHUNK = 2048
_CONFIRMED_AT_ONCE = 256
_FILTERED_AT_ONCE = 32_768


@dataclass(frozen=True)
class Pairs:
    """Near-duplicates, in the order of their positions.

    Attributes:
        first: int64 [k], positions of the first image of each pair; smaller than those of the second.
        second: int64 [k].
        distance: int64 [k], bits in which the hashes differ.
        correlation: float64 [k], of the thumbnails.
        compared: how many pairs were measured in the projections, those measured in several counted as often.
        confirmed: how many were close enough to be compared on the thumbnails.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]
    correlation: NDArray[np.float64]
    compared: int
    confirmed: int


def near_pairs(
    read: Reader,
    hashes: NDArray[np.uint64],
    parts: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    max_distance: int,
    min_correlation: float,
) -> Pairs:
    """Return every pair of near-duplicates whose parts may be paired.

    An image that is flat in all its blocks is in no pair.

    Args:
        read: gives thumbnails by position; each is read once, and again where it is compared.
        hashes: uint64 [n, 4], see `radloop.images.fingerprint.dhash_bits`.
        parts: int64 [n], the part of each image, such as its split.
        allowed: bool [p, p], symmetric: which parts are compared with which.
        max_distance: of the hashes, bits.
        min_correlation: of the thumbnails, above 0.
    """
    coordinates = _coordinates(read, len(hashes))
    limit = 2.0 - 2.0 * min_correlation + MARGIN
    reach = float(np.sqrt(2 * limit))
    compared, found = 0, [np.empty((0, 2), np.int64)]
    for view in _VIEWS:
        present, points = _projected(coordinates, view)
        for rows, columns in blocks_in_reach(points, parts[present], allowed, reach):
            compared += rows.size * columns.size
            pairs = present[close_pairs(points, rows, columns, reach)]
            pairs = pairs[_differing(hashes, pairs) <= max_distance]
            found.append(np.sort(pairs[_alike(coordinates, pairs, limit)], axis=1))
    pairs = np.unique(np.concatenate(found), axis=0)
    correlation = _correlations(read, pairs)
    kept = pairs[correlation >= min_correlation]
    correlation = correlation[correlation >= min_correlation]
    return Pairs(kept[:, 0], kept[:, 1], _differing(hashes, kept), correlation, compared, len(pairs))


def thumbnail_reader(look: Look, names: Sequence[str | None]) -> Reader:
    """Return a reader of the thumbnails of named images; one that is not known is black."""
    blank = np.zeros((THUMBNAIL, THUMBNAIL), np.uint8)

    def read(positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        images = np.empty((len(positions), THUMBNAIL, THUMBNAIL), np.uint8)
        for place, position in enumerate(positions.tolist()):
            found = look(names[position] or "")
            images[place] = blank if found is None else found
        return images

    return read


def connected(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the connected sets of a graph, each sorted, by their smallest member.

    Example:
        >>> connected([(4, 2), (7, 9), (2, 1)])
        [[1, 2, 4], [7, 9]]
    """
    parent: dict[int, int] = {}

    def root(node: int) -> int:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]  # path halving
            node = parent[node]
        return node

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    members: dict[int, list[int]] = {}
    for node in sorted(parent):
        members.setdefault(root(node), []).append(node)
    return list(members.values())


def _coordinates(read: Reader, n: int) -> NDArray[np.float32]:
    """Return the blocks as points, float32 [n, 16, 16]: their 4 x 4 cells, zero where a block is flat."""
    made = np.zeros((n, _BLOCKS * _BLOCKS, _SIDE), np.float32)
    for start in range(0, n, _CHUNK):
        positions = np.arange(start, min(start + _CHUNK, n))
        made[positions] = _cells(read(positions))
    return made


def _cells(thumbnails: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the sums of 4 x 4 pixels as coordinates of the blocks' unit vectors, [k, 16, 16].

    Constants on cells are an orthogonal subspace: with 1/4 on its 16 pixels, a cell is a vector of length 1.
    """
    count, cells = len(thumbnails), _SIDE // _CELL
    pixels = thumbnails.reshape(count, _BLOCKS, cells, _CELL, _BLOCKS, cells, _CELL).astype(np.int32)
    sums = pixels.sum(axis=(3, 6)).transpose(0, 1, 3, 2, 4).reshape(count, _BLOCKS * _BLOCKS, -1)
    squares = (pixels * pixels).sum(axis=(2, 3, 5, 6)).reshape(count, -1)
    total = sums.sum(axis=2)
    spread = _PIXELS * squares.astype(np.int64) - total.astype(np.int64) ** 2
    flat = spread <= _FLAT * _PIXELS * _PIXELS
    lengths = np.sqrt(np.where(flat, 1, spread) / _PIXELS)
    centred = sums - total[:, :, None] * (_CELL * _CELL / _PIXELS)
    return np.where(flat[:, :, None], 0.0, centred / _CELL / lengths[:, :, None])


def _projected(coordinates: NDArray[np.float32], view: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return (which images are not flat in both blocks of a view, their points on the axes that vary most)."""
    blocks = coordinates[:, view]
    present = np.flatnonzero(blocks.any(axis=(1, 2)))
    points = blocks[present].reshape(len(present), 2 * _SIDE)
    sample = points[:: max(1, len(points) // _SAMPLE)].astype(np.float64)
    axes = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :_AXES]
    return present, points @ axes.astype(np.float32)


def _differing(hashes: NDArray[np.uint64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return in how many bits the hashes of each pair differ."""
    differing = np.bitwise_count(hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]).sum(axis=1)
    return np.asarray(differing, dtype=np.int64)


def _alike(coordinates: NDArray[np.float32], pairs: NDArray[np.int64], limit: float) -> NDArray[np.bool_]:
    """Tell which pairs are close in the cells of nine blocks: those that are not have no high median."""
    found = np.empty(len(pairs), np.bool_)
    for start in range(0, len(pairs), _FILTERED_AT_ONCE):
        first, second = pairs[start : start + _FILTERED_AT_ONCE].T
        apart = coordinates[first] - coordinates[second]
        near = np.einsum("ijk,ijk->ij", apart, apart) <= limit + MARGIN
        found[start : start + _FILTERED_AT_ONCE] = near.sum(axis=1) >= _ALIKE
    return found


def _correlations(read: Reader, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the correlation of the thumbnails of each pair."""
    found = np.empty(len(pairs), np.float64)
    for start in range(0, len(pairs), _CONFIRMED_AT_ONCE):
        part = pairs[start : start + _CONFIRMED_AT_ONCE]
        names, places = np.unique(part, return_inverse=True)
        images, places = read(names), places.reshape(part.shape)
        found[start : start + len(part)] = correlations(images[places[:, 0]], images[places[:, 1]])
    return found
