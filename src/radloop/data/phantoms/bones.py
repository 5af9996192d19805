"""The bones: ribs behind and in front, clavicles, scapulae, calcified cartilage."""

from __future__ import annotations

import numpy as np

from radloop.data.phantoms.anatomy import Anatomy
from radloop.data.phantoms.fields import ONE, Field, bump, curve, ramp
from radloop.data.phantoms.frame import SPAN, Frame
from radloop.data.phantoms.thorax import Thorax


def draw_bones(anatomy: Anatomy, frame: Frame, thorax: Thorax, view: str) -> Field:
    """Return the attenuation of the bones, (SIZE, SIZE)."""
    ribs = _behind(anatomy, frame) * 170 + _in_front(anatomy, frame) * 95
    cage = ramp(thorax.wall + 22 - frame.lateral, 12) * ramp(frame.v - np.int32(anatomy.apex - 30), 50) >> 8
    # Below the diaphragm the ribs drown in the abdomen.
    seen = cage * (80 + (ramp(thorax.margin + 60, 90) * 176 >> 8)) >> 8
    bones = (ribs >> 8) * seen * np.int32(anatomy.rib_contrast) // np.int32(100 * ONE)
    return bones + _clavicles(anatomy, frame) + _scapulae(frame, view) + _cartilage(anatomy, frame)


def _band(height: Field, width: int) -> Field:
    """Return ribs as bands across a phase of 256 a rib: a plateau with brighter edges, which is the cortex."""
    off = np.abs((height & 255) - 128)
    inside = np.int32(width) - off
    return (ramp(inside, 22) * 210 + ramp(inside, 12) * ramp(26 - inside, 16) * 80 // ONE) >> 8


def _behind(anatomy: Anatomy, frame: Frame) -> Field:
    """The posterior ribs: nearly level at the spine, falling towards the side."""
    fall = curve(((0, 26), (60, 10), (140, 14), (240, 48), (330, 104), (400, 180), (440, 250)), SPAN)[
        np.clip(frame.lateral, 0, SPAN - 1)
    ]
    height = frame.v - (fall * np.int32(anatomy.rib_slope) // 100)
    # Ribs lie closer above than below: the phase runs slower downwards.
    phase = (height * 4 - (height * height >> 10)) * np.int32(anatomy.rib_pitch) // 100 + anatomy.rib_phase
    return _band(phase, 62 * anatomy.rib_width // 100) * ramp(frame.lateral - 24, 40) >> 8


def _in_front(anatomy: Anatomy, frame: Frame) -> Field:
    """The anterior ribs: from the side down to the midline, ending in cartilage that does not show."""
    climb = curve(((0, 170), (140, 150), (240, 96), (330, 24), (400, -50), (440, -110)), SPAN)[
        np.clip(frame.lateral, 0, SPAN - 1)
    ]
    height = frame.v - (climb * np.int32(anatomy.rib_slope) // 100)
    phase = (height * 4 - (height * height >> 10)) * np.int32(anatomy.rib_pitch) // 110 + anatomy.rib_phase + 90
    return _band(phase, 66 * anatomy.rib_width // 100) * ramp(frame.lateral - 150, 80) >> 8


def _clavicles(anatomy: Anatomy, frame: Frame) -> Field:
    """The clavicles: a flat S from the sternum up to the shoulder."""
    slope = anatomy.clavicle_slope
    level = curve(((0, 50), (60, 44), (140, 22), (230, 4), (330, -slope // 2), (440, -slope // 2 - 8)), SPAN)[
        np.clip(frame.lateral, 0, SPAN - 1)
    ]
    thick = curve(((0, 26), (60, 24), (120, 17), (260, 15), (420, 20)), SPAN)[np.clip(frame.lateral, 0, SPAN - 1)]
    inside = thick - np.abs(frame.v - np.int32(anatomy.clavicle_level) - level)
    ends = ramp(frame.lateral - 34, 16) * ramp(408 - frame.lateral, 30) >> 8
    shell = ramp(inside, 9) * 170 + (ramp(inside, 7) * ramp(15 - inside, 9) >> 8) * 70
    return (shell >> 8) * ends >> 8


def _scapulae(frame: Frame, view: str) -> Field:
    """The scapulae: rolled off the lungs at the wall (PA), over their sides otherwise (AP); and the shoulder's head."""
    inner = 424 if view == "PA" else 352
    edge = frame.lateral - np.int32(inner) + (np.clip(frame.v - 240, -300, 400) * 40 >> 8)
    blade = ramp(edge, 26) * (ramp(frame.v - 170, 60) * ramp(560 - frame.v, 120) >> 8) >> 8
    head = bump(frame.lateral - 486, frame.v - 206, 66, 66)
    return (blade * 150 + head * 330) >> 8


def _cartilage(anatomy: Anatomy, frame: Frame) -> Field:
    """Calcium in the first ribs' cartilage: a nodule beside the sternum on either side, in the old."""
    if anatomy.calcified < 20:
        return np.zeros_like(frame.v)
    spot = bump(frame.lateral - np.int32(132), frame.v - np.int32(anatomy.clavicle_level + 74), 34, 22)
    return spot * np.int32(min(anatomy.calcified, 110)) >> 8
