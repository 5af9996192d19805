"""The parts of an image that are blanked, to see which of them the answer came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BORDER = 0.12
"""Depth of the border, and of the surroundings that give a part its grey; share of each side."""
CORNER = 0.2
"""Side of a corner, share of each side."""

REGIONS = ("border", "upper_left", "upper_right", "lower_left", "lower_right", "centre")
"""Left and right are the image's. The centre, where the anatomy is, is all that is neither border nor corner."""

Area = NDArray[np.bool_]


def blanked(pixels: NDArray[np.uint8], region: str) -> NDArray[np.uint8]:
    """Return an image, uint8 [rows, columns], with a region filled by the median grey of what surrounds it."""
    inside, around = region_of(region, *pixels.shape)
    found = pixels.copy()
    found[inside] = np.uint8(np.median(pixels[around])) if around.any() else np.uint8(128)
    return found


def alone(pixels: NDArray[np.uint8], region: str) -> NDArray[np.uint8]:
    """Return an image with all but a region filled by the region's own median grey, so that nothing else speaks."""
    inside, _ = region_of(region, *pixels.shape)
    return np.where(inside, pixels, np.uint8(np.median(pixels[inside])) if inside.any() else np.uint8(128))


@lru_cache(maxsize=64)
def region_of(region: str, rows: int, columns: int) -> tuple[Area, Area]:
    """Return where a region and its surroundings lie, bool [rows, columns] each; they are shared, and not to be written to."""
    down, across = np.meshgrid(*((np.arange(side) + 0.5) / side for side in (rows, columns)), indexing="ij")
    if region == "centre":
        inside = ~_border(down, across, BORDER)
        for corner in _CORNERS.values():
            inside &= ~corner(down, across, CORNER)
        return inside, ~inside
    place, depth = (_border, BORDER) if region == "border" else (_CORNERS[region], CORNER)
    inside = place(down, across, depth)
    return inside, place(down, across, depth + BORDER) & ~inside


def _border(down: NDArray[np.float64], across: NDArray[np.float64], depth: float) -> Area:
    return np.asarray(np.minimum(np.minimum(down, 1 - down), np.minimum(across, 1 - across)) < depth)


_Corner = Callable[[NDArray[np.float64], NDArray[np.float64], float], Area]
_CORNERS: Mapping[str, _Corner] = {
    "upper_left": lambda down, across, side: np.asarray((down < side) & (across < side)),
    "upper_right": lambda down, across, side: np.asarray((down < side) & (1 - across < side)),
    "lower_left": lambda down, across, side: np.asarray((1 - down < side) & (across < side)),
    "lower_right": lambda down, across, side: np.asarray((1 - down < side) & (1 - across < side)),
}
