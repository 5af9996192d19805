"""The lung's vessels: trees from both hila, thinner outwards."""

from __future__ import annotations

import numpy as np

from radloop.data.phantoms.anatomy import Anatomy
from radloop.data.phantoms.fields import Field, blur
from radloop.data.phantoms.frame import SIZE, SPAN, Frame
from radloop.data.phantoms.randomness import Draws

_BRANCHES = 11
_TWIGS = 3
_STEPS = 96


def draw_vessels(anatomy: Anatomy, frame: Frame, aerated: Field, draws: Draws) -> Field:
    """Return the attenuation of the vessels, (SIZE, SIZE)."""
    thick, thin = np.zeros((SIZE, SIZE), dtype=np.int32), np.zeros((SIZE, SIZE), dtype=np.int32)
    branches = np.concatenate([_branches(anatomy, -1, draws), _branches(anatomy, 1, draws)])
    along = np.arange(_STEPS, dtype=np.int32)
    height = 330 - along * 220 // _STEPS
    for curves in (_twigs(branches, draws), branches):
        lateral, v = bezier(curves, _STEPS)
        rows, columns = frame.pixels(lateral + frame.midline[np.clip(v, 0, SPAN - 1)], v)
        thin[rows, columns] = height
    half = _STEPS // 2
    thick[rows[:, :half], columns[:, :half]] = height[:half]
    tree = blur(thin) + 2 * blur(thick, 3)
    return (tree * aerated >> 8) * np.int32(anatomy.vessels) // 100


def _branches(anatomy: Anatomy, sign: int, draws: Draws) -> Field:
    """Return the start, bend and end, (branches, 3, 2), of one lung's branches as (offset from the midline, v)."""
    number = np.arange(_BRANCHES, dtype=np.int32)
    root_x, root_v = anatomy.waist + 14, anatomy.hilum - (18 if sign > 0 else 0)
    # The ends fan out from apex to base, shorter towards both.
    level = 210 + number * 54 + draws.many(_BRANCHES, 40)
    reach = 265 + draws.many(_BRANCHES, 100) - np.abs(level - 480) // 6
    bend_x = (root_x + reach) // 2 + draws.many(_BRANCHES, 80)
    bend_v = (2 * root_v + level) // 3 + draws.many(_BRANCHES, 80)
    x = np.stack([np.full_like(reach, root_x), bend_x, reach], axis=1) * np.int32(sign)
    return np.stack([x, np.stack([np.full_like(level, root_v), bend_v, level], axis=1)], axis=2)


def _twigs(branches: Field, draws: Draws) -> Field:
    """Return twigs, (branches * _TWIGS, 3, 2): each leaves its branch on the way and ends near its end."""
    parents = np.repeat(branches, _TWIGS, axis=0)
    count = parents.shape[0]
    part = 60 + draws.many(count, 26)[:, None]
    rest = 100 - part
    start = (parents[:, 0] * rest * rest + 2 * parents[:, 1] * rest * part + parents[:, 2] * part * part) // np.int32(10_000)
    tip = parents[:, 2] + draws.many(2 * count, 120).reshape(count, 2)
    bend = (start + tip) // 2 + draws.many(2 * count, 60).reshape(count, 2)
    return np.stack([start, bend, tip], axis=1)


def bezier(curves: Field, steps: int) -> tuple[Field, Field]:
    """Return both coordinates, each (curves, steps), along quadratic Bézier curves (curves, 3, 2)."""
    t = np.arange(steps, dtype=np.int32)[None, :, None]
    rest = steps - t
    start, bend, end = (curves[:, None, point] for point in range(3))
    points = (start * rest * rest + 2 * bend * rest * t + end * t * t) // np.int32(steps * steps)
    return points[..., 0], points[..., 1]
