"""Seven numbers that say how an image was taken, not what it shows."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_UNIFORM = 8
"""A margin's row or column spans at most so many greys: JPEG leaves that much on a flat area."""
_BRIGHT = 250
"""The least grey of a marker."""
_EDGE = 100
"""How much darker it is beside a marker, in at least half of its outline."""
_GRID = 512
"""Markers are looked for on a grid of at most this side."""
_MARKER_SIDE = 6
"""A marker is no longer than one in so many parts of the image's longer side."""
_MARKER_AREA = 4
"""A marker has at least so many cells: less is noise."""
_STRIP = 64
"""Rows that are worked on at a time: their 16-bit and float copies stay in the cache."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Properties of an 8-bit image, comparable between images of different size.

    Each is one division of whole numbers, rounded to 6 decimals: the same on every machine.

    Attributes:
        black: share of pixels at 0.
        saturated: share of pixels at 255.
        contrast: 99th minus 1st percentile, as a share of 255.
        sharpness: variance of the 4-neighbour Laplacian of the grey in 0 to 1.
        mean: mean grey in 0 to 1.
        border: share of the area in rows and columns at the four sides that each show one grey, give or
            take JPEG: collimation, padding, and empty background that reaches across the image.
        marker: share of the area in small (a sixth of the image or less), nearly white objects with a sharp
            outline on something darker: side markers and labels; metal is not told apart from them.
    """

    black: float
    saturated: float
    contrast: float
    sharpness: float
    mean: float
    border: float = 0.0
    marker: float = 0.0


QUALITY = tuple(sorted(field.name for field in fields(Quality)))
"""The order of the numbers where they stand in an array."""


def quality(pixels: NDArray[np.uint8]) -> Quality:
    """Return the quality of an image uint8 [rows, columns]; it depends on nothing else."""
    counts = np.asarray(Image.fromarray(pixels).histogram(), dtype=np.int64)
    total = pixels.size
    cumulated = np.cumsum(counts)
    # Nearest-rank percentiles: the smallest grey that at least this share of pixels does not exceed.
    low, high = (int(np.searchsorted(cumulated, share * total)) for share in (0.01, 0.99))
    return Quality(
        black=_ratio(int(counts[0]), total),
        saturated=_ratio(int(counts[255]), total),
        contrast=_ratio(high - low, 255),
        sharpness=_sharpness(pixels),
        mean=_ratio(int(counts @ np.arange(256)), 255 * total),
        border=_border(pixels),
        marker=_marker(pixels) if counts[_BRIGHT:].any() else 0.0,
    )


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, 6)


def _sharpness(pixels: NDArray[np.uint8]) -> float:
    """Return the variance from the sums of the Laplacian and of its square.

    The floats hold whole numbers far below 2**53: the sums are exact in whichever order they are made.
    """
    rows, columns = pixels.shape
    if min(rows, columns) < 3:
        return 0.0
    first = second = 0
    for top in range(0, rows - 2, _STRIP):
        grey = pixels[top : top + _STRIP + 2].astype(np.int16)
        laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1]
        laplacian += grey[1:-1, :-2]
        laplacian += grey[1:-1, 2:]
        laplacian -= grey[1:-1, 1:-1] << 2
        flat = laplacian.astype(np.float64).ravel()
        first += int(flat.sum())
        second += int(flat @ flat)
    number = (rows - 2) * (columns - 2)
    return _ratio(number * second - first * first, (255 * number) ** 2)


def _border(pixels: NDArray[np.uint8]) -> float:
    """Strip uniform rows and columns until none is left at a side: one may show only once the other is gone."""
    inner = pixels
    while inner.size:
        before = inner.shape
        inner = _stripped(_stripped(inner).T).T
        if inner.shape == before:
            break
    return _ratio(pixels.size - inner.size, pixels.size)


def _stripped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the rows from the first to the last that is not uniform."""
    varied = np.flatnonzero(pixels.max(axis=1, initial=0) - pixels.min(axis=1, initial=255) > _UNIFORM)
    return pixels[varied[0] : varied[-1] + 1] if varied.size else pixels[:0]


def _marker(pixels: NDArray[np.uint8]) -> float:
    """Return the share of the grid's cells in small bright objects whose outline is sharp.

    What is too large or too little by its area alone is left out first: most of what is bright is bone.
    """
    from scipy import ndimage  # 0.3 s, which a process that only passes numbers on does without

    brightest, darkest = _cells(pixels, -(-max(pixels.shape) // _GRID))
    bright = brightest >= _BRIGHT
    longest = max(bright.shape) // _MARKER_SIDE
    labels, number = ndimage.label(bright, structure=np.ones((3, 3), dtype=np.int8))
    place = np.flatnonzero(bright)
    member = labels.ravel()[place]
    area = np.bincount(member, minlength=number + 1)
    fits = (area >= _MARKER_AREA) & (area <= longest * longest)
    kept = fits[member]
    place, member = place[kept], member[kept]
    at = np.divmod(place, bright.shape[1])
    outline, sharp = _outline(at, bright, darkest)
    edge, sharp_edge = (np.bincount(member[chosen], minlength=number + 1) for chosen in (outline, outline & sharp))
    for side in at:
        least, most = np.full(number + 1, bright.size), np.full(number + 1, -1)
        np.minimum.at(least, member, side)
        np.maximum.at(most, member, side)
        fits &= most - least < longest
    return _ratio(int(area[fits & (2 * sharp_edge >= edge) & (edge > 0)].sum()), bright.size)


def _cells(pixels: NDArray[np.uint8], factor: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the brightest and the darkest grey of every square of `factor` pixels; the last ones may be smaller."""
    if factor == 1:
        return pixels, pixels
    below, right = (-length % factor for length in pixels.shape)
    whole = np.pad(pixels, ((0, below), (0, right)), mode="edge") if below or right else pixels
    found = []
    for extreme in (np.maximum, np.minimum):
        lines = extreme.reduce(whole.reshape(-1, factor, whole.shape[1]), axis=1)
        found.append(extreme.reduce([lines[:, start::factor] for start in range(factor)], axis=0))
    return found[0], found[1]


def _outline(
    at: tuple[NDArray[np.int64], NDArray[np.int64]], bright: NDArray[np.bool_], darkest: NDArray[np.uint8]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell of bright cells at (rows, columns) which lie beside one that is not, and within two of which it is much darker."""

    def around(distance: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        rows, columns = at
        last, end = bright.shape[0] - 1, bright.shape[1] - 1
        return [
            (np.maximum(rows - distance, 0), columns),
            (np.minimum(rows + distance, last), columns),
            (rows, np.maximum(columns - distance, 0)),
            (rows, np.minimum(columns + distance, end)),
        ]

    inside = np.logical_and.reduce([bright[one] for one in around(1)])
    return ~inside, np.minimum.reduce([darkest[one] for one in around(2)]) <= _BRIGHT - _EDGE
