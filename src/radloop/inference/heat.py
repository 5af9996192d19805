"""The heat map as a client shows it: the map itself, and its region at the image's own resolution.

`images.preprocessing` squashes an image onto the network's square, borders to borders, so that a map of any size spans
the whole image.
"""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.inference.answer import Region
from radloop.inference.location import Point, regions

RegionKind = Literal["overlay", "box", "contour"]

_GRID = 128
"""The longer side of the grid that a contour follows: finer than any network's map."""
_OPAQUE = 160
"""The opacity, of 255, of the hottest place of an overlay."""


def heat_map(cam: NDArray[np.float32]) -> str:
    """Return a class activation map float32 [h, w] as base64 of an 8-bit grey PNG."""
    return png(np.floor(_share(cam) * 255.0 + 0.5).astype(np.uint8))


def region_of(cam: NDArray[np.float32], shape: tuple[int, int], kind: RegionKind) -> Region:
    """Return where a map is at least half as hot as at its hottest, in pixels of the image.

    Args:
        cam: float32 [h, w], not negative.
        shape: rows and columns of the image as it was sent.
        kind: `box`: the least boxes around connected places, the largest first. `contour`: their outlines and those of their
            holes, each a closed polygon. `overlay`: the whole map in colour, transparent where it is cold, as a PNG of the
            image's size that has no pixel of the image.
    """
    if kind == "overlay":
        return Region(kind=kind, png=_overlay(cam, shape))
    rows, columns = shape
    longest = max(rows, columns)
    grid = (max(1, round(rows * min(1.0, _GRID / longest))), max(1, round(columns * min(1.0, _GRID / longest))))
    hot = _enlarged(_share(cam), grid)
    if kind == "box":
        return Region(kind=kind, boxes=regions(hot, rows, columns))
    found = (tuple((x * columns // grid[1], y * rows // grid[0]) for x, y in loop) for loop in outlines(hot >= 0.5))
    return Region(kind=kind, contours=tuple(found))


def outlines(inside: NDArray[np.bool_]) -> Iterator[tuple[Point, ...]]:
    """Yield the borders of a region [h, w] as closed polygons of pixel corners (x, y), without corners on a straight line.

    The inside lies to the right of the way: outer borders run clockwise as seen on a screen, those of holes the other way.
    """
    padded = np.pad(inside, 1)
    ways: dict[Point, list[Point]] = defaultdict(list)
    # By side of a pixel: what lies beyond it, and the corners that the side leads from and to.
    sides = (((0, 1), (0, 0), (1, 0)), ((1, 2), (1, 0), (1, 1)), ((2, 1), (1, 1), (0, 1)), ((1, 0), (0, 1), (0, 0)))
    height, width = inside.shape
    for (down, right), start, end in sides:
        beyond = padded[down : down + height, right : right + width]
        for y, x in np.argwhere(inside & ~beyond).tolist():
            ways[x + start[0], y + start[1]].append((x + end[0], y + end[1]))
    while ways:
        first = next(iter(ways))
        loop, place = [], first
        while True:
            following = ways[place].pop()
            if not ways[place]:
                del ways[place]
            loop.append(place)
            place = following
            if place == first:
                break
        yield tuple(corner for before, corner, after in _turns(loop) if not _straight(before, corner, after))


def _turns(loop: list[Point]) -> Iterator[tuple[Point, Point, Point]]:
    return zip([loop[-1], *loop[:-1]], loop, [*loop[1:], loop[0]], strict=True)


def _straight(before: Point, corner: Point, after: Point) -> bool:
    return before[0] == corner[0] == after[0] or before[1] == corner[1] == after[1]


def _share(cam: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a map as shares of its largest value; one that is nowhere hot stays cold."""
    top = float(cam.max(initial=0.0))
    return np.clip(cam / top, 0.0, 1.0) if top > 0 else np.zeros_like(cam)


def _enlarged(share: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    image = Image.fromarray(np.ascontiguousarray(share, dtype=np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR), dtype=np.float32)


def _overlay(cam: NDArray[np.float32], shape: tuple[int, int]) -> str:
    """Yellow to red, so that the map is told from grey pixels without its opacity."""
    share = _enlarged(_share(cam), shape)
    colours = np.empty((*shape, 4), np.uint8)
    colours[..., 0], colours[..., 2] = 255, 0
    colours[..., 1] = 220.0 * (1.0 - share)
    colours[..., 3] = _OPAQUE * share
    return png(colours)


def png(pixels: NDArray[np.uint8]) -> str:
    """Return an image uint8 [rows, columns], or [rows, columns, channels], as base64 of a PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=1)
    return base64.b64encode(stream.getvalue()).decode("ascii")
