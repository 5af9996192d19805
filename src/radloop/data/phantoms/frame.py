"""The frame: where each pixel lies in the canonical body, for one pose of one patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from radloop.data.phantoms.anatomy import Anatomy
from radloop.data.phantoms.fields import Field
from radloop.data.phantoms.randomness import Draws

SIZE = 256
"""Rows and columns of a phantom."""

SPAN = 1024
"""Units of the canonical frame along each axis."""

MIDLINE = SPAN // 2


@dataclass(frozen=True)
class Pose:
    """How the patient stood for one image.

    Attributes:
        tilt: rotation in the image plane, in 1/4096 radian.
        right, down: shift in units.
        zoom: percent.
        turn: rotation about the long axis: how far the mediastinum leaves the midline, in units.
        breath: how much higher (positive) the diaphragm stands than in full inspiration, in units.
    """

    tilt: int
    right: int
    down: int
    zoom: int
    turn: int
    breath: int


@dataclass(frozen=True)
class Frame:
    """The canonical coordinates of each pixel, each (SIZE, SIZE).

    Attributes:
        u, v: from the image's left and from its top.
        across: from the patient's midline, positive towards their left, which is the image's right.
        lateral: the same without its sign.
        side: `v` cut to the frame, plus SPAN on the patient's left: an index into two tables end to end.
        midline: (SPAN,) the midline's `u` at each `v`.
    """

    u: Field
    v: Field
    across: Field
    lateral: Field
    side: Field
    midline: Field
    _inverse: tuple[int, int, int, int, int]

    def pixels(self, u: Field, v: Field) -> tuple[Field, Field]:
        """Return the rows and columns of canonical points, cut to the image."""
        a, b, c, right, down = self._inverse
        x = (u.astype(np.int64) - MIDLINE) << 12
        y = (v.astype(np.int64) - MIDLINE) << 12
        whole = a * c + b * b
        column = ((x * c - y * b) // whole + right + MIDLINE) >> 2
        row = ((y * a + x * b) // whole + down + MIDLINE) >> 2
        return np.clip(row, 0, SIZE - 1).astype(np.int32), np.clip(column, 0, SIZE - 1).astype(np.int32)


def draw_pose(draws: Draws, view: str) -> Pose:
    """Draw a pose. Lying or sitting patients (AP) breathe in less and stand less straight than those at the wall (PA)."""
    loose = view == "AP"
    return Pose(
        tilt=draws.around(0, 260 if loose else 160),
        right=draws.around(0, 44),
        down=draws.around(0, 40),
        zoom=draws.around(100, 6),
        turn=draws.around(0, 34 if loose else 22),
        breath=draws.around(45, 40) if loose else draws.around(8, 34),
    )


@cache
def _grid() -> tuple[Field, Field]:
    place = np.arange(SIZE, dtype=np.int32) * 4 + 2 - MIDLINE
    return place[None, :], place[:, None]


def place(anatomy: Anatomy, pose: Pose) -> Frame:
    """Return the frame of a patient in a pose: u = a x + b y, v = c y - b x around the centre, in 1/4096."""
    a = 4096 * 10000 // (anatomy.width * pose.zoom)
    c = 4096 * 10000 // (anatomy.height * pose.zoom)
    b = pose.tilt
    x, y = _grid()
    x, y = x - pose.right, y - pose.down
    u = (x * a + y * b >> 12) + MIDLINE
    v = (y * c - x * b >> 12) + MIDLINE
    level = np.clip(v, 0, SPAN - 1)
    # The spine's bend and the turn move the midline by a parabola that is widest at mid-height.
    bend = (np.arange(SPAN, dtype=np.int32) * (SPAN - np.arange(SPAN, dtype=np.int32)) >> 10) * anatomy.spine_bend >> 8
    midline = (bend + (MIDLINE + pose.turn // 2)).astype(np.int32)
    across = u - midline[level]
    side = level + (across >= 0) * np.int32(SPAN)
    return Frame(u, v, across, np.abs(across), side, midline, (a, b, c, pose.right, pose.down))
