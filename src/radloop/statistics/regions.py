"""How well a marked region covers the true one, and whether a point lies in it."""

from __future__ import annotations

import math

import numpy as np

from radloop.statistics.arrays import BoolArray


def dice(marked: BoolArray, true: BoolArray) -> float:
    """Return Dice's coefficient (Ecology 26:297, 1945): twice the overlap over both areas.

    Args:
        marked: bool [rows, columns].
        true: bool [rows, columns].

    Returns:
        0 to 1. Without a true region 1 if nothing is marked, else 0.

    Raises:
        ValueError: the shapes differ.
    """
    if marked.shape != true.shape:
        raise ValueError(f"regions of shape {marked.shape} and {true.shape}: they must be of one image")
    areas = int(np.count_nonzero(marked)) + int(np.count_nonzero(true))
    return 2 * int(np.count_nonzero(marked & true)) / areas if areas else 1.0


def located(point: tuple[int, int], true: BoolArray, reach: float) -> float:
    """Tell whether a point lies in or near a true region.

    Args:
        point: a pixel's (x, y).
        true: bool [rows, columns].
        reach: how far from the nearest pixel of the region is near enough, pixels.

    Returns:
        1 or 0; NaN without a true region: there was nothing to find.
    """
    x, y = point
    rows, columns = np.nonzero(true)
    if not rows.size:
        return math.nan
    return float(int(np.min((rows - y) ** 2 + (columns - x) ** 2)) <= reach**2)
