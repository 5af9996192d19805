"""Numbers by which copies of an image are found: exact for identical pixels, close for near-duplicates.

A copy that was compressed again, resized, brightened or labelled has nearly the same difference hash (after Krawetz,
"Kind of like that", 2013), which many images can be searched for; the correlation of the thumbnails then tells it from
another patient in the same pose. Copies that are mirrored, turned by more than a degree or two, or moved by more than
a hundredth of their side are other images here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

THUMBNAIL = 64
"""Side of the thumbnail, pixels."""
BITS = 256
"""Length of the difference hash: 16 rows of 16 differences."""
_GRID = 16
_BLOCKS = 4
"""Thumbnails are compared in 4 x 4 blocks."""
_FLAT = 4
"""The variance up to which a block shows nothing, in greys squared."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of an image to find its copies.

    Attributes:
        pixels: sha256, hexadecimal, of the stored pixels with their type and shape.
        dhash: 256 bits, 64 hexadecimal digits, row by row: 1 where a cell of a 16 x 17 grid is more than one grey
            brighter than the one to its left, so that a flat background is zeros under any noise.
        thumbnail: uint8 [64, 64], area averages of the displayed image.
    """

    pixels: str
    dhash: str
    thumbnail: NDArray[np.uint8] = field(repr=False, compare=False)


def fingerprint(stored: NDArray[Any], pixels: NDArray[np.uint8]) -> Fingerprint:
    """Return the fingerprint of an image; every number in it is exact, so that it is the same on every machine.

    Args:
        stored: the values as they are stored, of any shape; copies with other values have another sha256.
        pixels: uint8 [rows, columns] as displayed.
    """
    rows, columns = pixels.shape
    bands = _banded(pixels)
    sums = (bands @ _overlaps(THUMBNAIL, columns).T).astype(np.int64)
    area = rows * columns
    thumbnail = ((2 * sums + area) // (2 * area)).astype(np.uint8)
    coarse = bands.reshape(_GRID, THUMBNAIL // _GRID, columns).sum(axis=1) @ _overlaps(_GRID + 1, columns).T
    one_grey = (THUMBNAIL // _GRID) * area
    bits = np.packbits(coarse[:, 1:] - coarse[:, :-1] > one_grey)
    return Fingerprint(pixels=_digest(stored), dhash=bits.tobytes().hex(), thumbnail=thumbnail)


def dhash_bits(hexes: Sequence[str]) -> NDArray[np.uint64]:
    """Return hashes as uint64 [n, 4]: `np.bitwise_count(a ^ b).sum(axis=-1)` is how many bits differ."""
    packed = np.frombuffer(bytes.fromhex("".join(hexes)), dtype=">u8")
    return packed.reshape(len(hexes), BITS // 64).astype(np.uint64)


def correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return how alike two thumbnails uint8 [64, 64] are, -1 to 1; see `correlations`."""
    return float(correlations(first[None], second[None])[0])


def correlations(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how alike the thumbnails of each pair are: the median of Pearson's correlation in 16 blocks.

    Pearson's over the whole is above 0.95 for any two chests in the same pose, and a label in a corner spoils it;
    the median block knows neither. Blocks that are flat in both images say nothing and do not count; one that
    is flat in one only counts as 0. Without any that counts, equal thumbnails have 1 and others 0.

    Args:
        first: uint8 [n, 64, 64].
        second: uint8 [n, 64, 64].

    Returns:
        float64 [n]; the lower median, so that no two numbers are averaged.
    """
    a, b = _blocks(first), _blocks(second)
    size = a.shape[-1]
    sum_a, sum_b = a.sum(axis=-1), b.sum(axis=-1)
    spread_a = size * (a * a).sum(axis=-1) - sum_a * sum_a
    spread_b = size * (b * b).sum(axis=-1) - sum_b * sum_b
    shared = size * (a * b).sum(axis=-1) - sum_a * sum_b
    flat_a, flat_b = (spread <= _FLAT * size * size for spread in (spread_a, spread_b))
    scale = np.sqrt((spread_a * spread_b).astype(np.float64))
    values = np.where(flat_a | flat_b, 0.0, shared / np.where(scale > 0, scale, 1.0))
    values[flat_a & flat_b] = np.nan  # sorted to the end
    counted = np.count_nonzero(~(flat_a & flat_b), axis=1)
    middle = np.sort(values, axis=1)[np.arange(len(values)), np.maximum(counted - 1, 0) // 2]
    same = (first == second).all(axis=(1, 2))
    found: NDArray[np.float64] = np.where(counted > 0, middle, same.astype(np.float64))
    return found


def _blocks(thumbnails: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return int64 [n, 16, 256]."""
    side = THUMBNAIL // _BLOCKS
    parts = thumbnails.reshape(-1, _BLOCKS, side, _BLOCKS, side).swapaxes(2, 3)
    return parts.reshape(len(thumbnails), _BLOCKS * _BLOCKS, side * side).astype(np.int64)


def _digest(stored: NDArray[Any]) -> str:
    """Return the sha256 of an array: its type and shape go first, for equal bytes may mean other pixels."""
    little = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.dtype.str} {little.shape}".replace("=", "<").encode())
    digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _banded(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the sums of 64 bands of rows, [64, columns].

    Band by band, for the whole image as floats would leave the cache. All terms are whole numbers and the sums stay
    below 2**24 up to 65,000 rows: float32 holds them exactly, in whichever order they are added.
    """
    rows, columns = pixels.shape
    weights = _overlaps(THUMBNAIL, rows).astype(np.float32 if rows < 65_000 else np.float64)
    sums = np.empty((THUMBNAIL, columns), dtype=np.float64)
    for band, weight in enumerate(weights):
        part = slice(band * rows // THUMBNAIL, -((band + 1) * rows // -THUMBNAIL))
        sums[band] = weight[part] @ pixels[part].astype(weight.dtype)
    return sums


@lru_cache(maxsize=16)
def _overlaps(cells: int, pixels: int) -> NDArray[np.float64]:
    """Return how much of each pixel lies in each of some equal cells, in 1/cells of a pixel: [cells, pixels]."""
    low = np.maximum(np.arange(cells)[:, None] * pixels, np.arange(pixels) * cells)
    high = np.minimum(np.arange(1, cells + 1)[:, None] * pixels, np.arange(1, pixels + 1) * cells)
    overlaps: NDArray[np.float64] = np.maximum(high - low, 0).astype(np.float64)
    overlaps.setflags(write=False)
    return overlaps
