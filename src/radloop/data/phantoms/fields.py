"""Integer image arithmetic: ramps, bumps, curves and blurs that give the same bits on every CPU."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Field: TypeAlias = npt.NDArray[np.int32]
Mask: TypeAlias = npt.NDArray[np.bool_]

ONE = 256
"""The unit of the fixed point: a weight of 1."""


def ramp(margin: Field, width: int) -> Field:
    """Return a smooth step from 0 where `margin` <= 0 to ONE where it is `width` or more: 3t² - 2t³."""
    # In place: fresh quarter-megabyte arrays cost more than the arithmetic.
    t = margin * np.int32((ONE << 8) // width)
    t >>= 8
    np.clip(t, 0, ONE, out=t)
    step = t * np.int32(-2)
    step += 3 * ONE
    step *= t
    step *= t
    step >>= 16
    return step


def ellipse(du: Field, dv: Field, radius_u: int, radius_v: int) -> Field:
    """Return 1 - (du/radius_u)² - (dv/radius_v)² in units of ONE, cut at -7: positive inside."""
    a = _squared(du, radius_u)
    a += _squared(dv, radius_v)
    a >>= 8
    return np.subtract(ONE, a, out=a)


def _squared(distance: Field, radius: int) -> Field:
    part = distance * np.int32((ONE << 8) // radius)
    part >>= 8
    np.clip(part, -2 * ONE, 2 * ONE, out=part)
    part *= part
    return part


def bump(du: Field, dv: Field, radius_u: int, radius_v: int) -> Field:
    """Return a dome of height ONE over an ellipse, 0 outside: (1 - r²)², flat at its top and at its edge."""
    inside = ellipse(du, dv, radius_u, radius_v)
    np.maximum(inside, 0, out=inside)
    inside *= inside
    inside >>= 8
    return inside


@lru_cache(maxsize=64)
def curve(points: tuple[tuple[int, int], ...], length: int, smooth: int = 24) -> Field:
    """Return a smooth curve (length,) near the (position, value) points: straight lines, blurred twice."""
    pieces = [np.full(max(points[0][0], 0), points[0][1], dtype=np.int32)]
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = np.arange(x1 - x0, dtype=np.int32)
        pieces.append(y0 + steps * np.int32(y1 - y0) // np.int32(x1 - x0))
    line = np.concatenate(pieces)[:length]
    line = np.concatenate([line, np.full(length - line.size, points[-1][1], dtype=np.int32)])
    line = _moving_mean(_moving_mean(line, smooth), smooth)
    line.flags.writeable = False  # the cache hands the same array to all
    return line


def _moving_mean(line: Field, radius: int) -> Field:
    first, last = np.full(radius + 1, line[0]), np.full(radius, line[-1])
    total = np.cumsum(np.concatenate([first, line, last]), dtype=np.int32)
    width = 2 * radius + 1
    return (total[width:] - total[:-width]) // np.int32(width)


def blur(field: Field, times: int = 1) -> Field:
    """Return the field after `times` blurs with the kernel 1 2 1 along both axes; edges are repeated."""
    for _ in range(times):
        field = _add_neighbours(_add_neighbours(field).T).T
        field += 8
        field >>= 4
    return field


def _add_neighbours(field: Field) -> Field:
    total = field * np.int32(2)
    total[1:] += field[:-1]
    total[:1] += field[:1]
    total[:-1] += field[1:]
    total[-1:] += field[-1:]
    return total


def enlarge(coarse: Field, size: int) -> Field:
    """Return a (size, size) field through the knots (k, k) of `coarse`, bilinear; k - 1 divides size."""
    cell = np.int32(size // (coarse.shape[0] - 1))
    place = np.arange(size, dtype=np.int32)
    knot, part = place // cell, place % cell * np.int32(ONE) // cell
    rest = ONE - part
    rows = coarse[knot] * rest[:, None] + coarse[knot + 1] * part[:, None]
    field: Field = (rows[:, knot] * rest + rows[:, knot + 1] * part) >> 16
    return field
