"""What may lie over anyone's lungs: the harmless shadows that a finding must be told from."""

from __future__ import annotations

import numpy as np

from radloop.data.phantoms.anatomy import Anatomy
from radloop.data.phantoms.fields import ONE, Field, blur, bump
from radloop.data.phantoms.frame import MIDLINE, SIZE, SPAN, Frame
from radloop.data.phantoms.randomness import Draws
from radloop.data.phantoms.vessels import bezier

_FOLD_PERCENT = 45
_DEVICE_PERCENT = 14
_STEPS = 512


def draw_companions(anatomy: Anatomy, frame: Frame, aerated: Field, draws: Draws) -> Field:
    """Return the attenuation, (SIZE, SIZE), of vessels seen end-on, and of a smooth fold of skin or fat in some."""
    shadows = np.zeros((SIZE, SIZE), dtype=np.int32)
    for _ in range(draws.between(2, 7)):
        lateral, v = anatomy.waist + draws.between(20, 150), anatomy.hilum + draws.around(20, 150)
        radius = draws.between(9, 16)
        _add_bump(shadows, frame, draws.choice((-1, 1)) * lateral, v, (radius, radius), draws.between(120, 260))
    if draws.chance(_FOLD_PERCENT):
        lateral, v = draws.between(150, 330), draws.between(260, 720)
        radii = draws.between(70, 150), draws.between(70, 150)
        _add_bump(shadows, frame, draws.choice((-1, 1)) * lateral, v, radii, draws.between(110, 300))
    shadows *= aerated
    shadows >>= 8
    return shadows


def _add_bump(total: Field, frame: Frame, lateral: int, v: int, radii: tuple[int, int], height: int) -> None:
    """Add a bump to `total`, in the window around it only."""
    u = int(frame.midline[min(max(v, 0), SPAN - 1)]) + lateral
    rows, columns = frame.pixels(np.array([u], dtype=np.int32), np.array([v], dtype=np.int32))
    # The largest patients have a little over three units to the pixel.
    reach = max(radii) // 3 + 4
    row, column = int(rows[0]), int(columns[0])
    window = np.s_[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
    total[window] += bump(frame.u[window] - np.int32(u), frame.v[window] - np.int32(v), *radii) * np.int32(height) >> 8


def draw_device(frame: Frame, draws: Draws) -> Field | None:
    """Return the attenuation, (SIZE, SIZE), of a catheter or a lead with its electrode, None in those without."""
    if not draws.chance(_DEVICE_PERCENT):
        return None
    sign = draws.choice((-1, 1))
    start = (sign * draws.between(200, 420), draws.between(60, 200))
    bend = (sign * draws.between(20, 260), draws.between(120, 420))
    end = (draws.between(-60, 160), draws.between(380, 700))
    offset, v = bezier(np.array([[start, bend, end]], dtype=np.int32), _STEPS)
    line = np.zeros((SIZE, SIZE), dtype=np.int32)
    line[frame.pixels(offset + MIDLINE, v)] = 2 * ONE
    device = blur(line)
    _add_bump(device, frame, end[0], end[1], (16, 16), 360)
    return device
