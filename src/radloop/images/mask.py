"""Masks: where a finding is, pixel by pixel, out of an outline's file or of boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radloop.errors import Refusal
from radloop.images.raster import read_raster

INSIDE = 255

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Region:
    """Where a source says that the finding is.

    Attributes:
        outline: an image of the same view, bright inside.
        boxes: left, top, right, bottom each, or centre across, centre down, width, height where they are shares.
        shares: the boxes' numbers are shares of the image's width and height, not pixels.
    """

    outline: Path | None = None
    boxes: tuple[Box, ...] = ()
    shares: bool = False


def draw_mask(region: Region, rows: int, columns: int) -> NDArray[np.uint8]:
    """Return the mask of an image, uint8 [rows, columns]: 255 inside, 0 outside.

    An outline of another size is brought to the image's by its nearest pixels; boxes are filled, and where
    there are both, either counts.

    Raises:
        Refusal: `unreadable_mask`, `mask_aspect` (the outline is of another view or cropped otherwise), or `box_outside`.
    """
    inside = np.zeros((rows, columns), np.bool_)
    if region.outline is not None:
        inside |= _outlined(region.outline, rows, columns)
    for box in region.boxes:
        left, top, right, bottom = _edges(box, rows, columns) if region.shares else box
        across, down = _pixels(left, right, columns), _pixels(top, bottom, rows)
        inside[down, across] = True
    return inside.astype(np.uint8) * np.uint8(INSIDE)


def _outlined(path: Path, rows: int, columns: int) -> NDArray[np.bool_]:
    try:
        stored, _ = read_raster(path)
    except Refusal:
        raise Refusal("unreadable_mask", "the mask cannot be read", "give it as PNG, bright inside") from None
    bright = stored.max(axis=2) if stored.ndim == 3 else stored
    # Half of its own brightest, for some write 1 and some 255; a mask that is dark throughout outlines nothing.
    found: NDArray[np.bool_] = bright.astype(np.int64) * 2 > int(bright.max())
    _check_aspect(found.shape[0], found.shape[1], rows, columns)
    return found[np.ix_(_nearest(found.shape[0], rows), _nearest(found.shape[1], columns))]


def _check_aspect(height: int, width: int, rows: int, columns: int) -> None:
    """Refuse another aspect; where both were resized, each side may be off by half a pixel."""
    if 2 * abs(height * columns - width * rows) > height + width + rows + columns:
        raise Refusal(
            "mask_aspect",
            f"the mask is {height} x {width} pixels and its image {rows} x {columns}: another aspect",
            "give the mask of the image as it is in the source",
        )


def _nearest(there: int, here: int) -> NDArray[np.int64]:
    """Return for each of `here` pixels along a side the one of `there` that holds its centre."""
    return (2 * np.arange(here, dtype=np.int64) + 1) * there // (2 * here)


def _edges(box: Box, rows: int, columns: int) -> Box:
    across, down, width, height = box
    return (
        (across - width / 2) * columns,
        (down - height / 2) * rows,
        (across + width / 2) * columns,
        (down + height / 2) * rows,
    )


def _pixels(low: float, high: float, length: int) -> slice:
    """Return the pixels between two edges, each brought to the nearest border between pixels; at least one."""
    first, last = math.floor(low + 0.5), math.floor(high + 0.5)
    if last == first:
        first = math.floor(low)
        last = first + 1
    if high < low or first >= length or last <= 0:
        raise Refusal(
            "box_outside", "a box lies outside its image or ends before it begins", "mend its numbers, or source.boxes_as"
        )
    return slice(max(first, 0), min(last, length))
