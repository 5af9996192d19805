"""The soft parts: body, lungs, mediastinum, heart, diaphragm, breasts.

Everything is attenuation in units of our own, 0 in air, about 1500 through a thin body, 3000 through
the abdomen; layers add, as the logarithm of the exposure does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radloop.data.phantoms.anatomy import Anatomy
from radloop.data.phantoms.fields import ONE, Field, Mask, bump, curve, ellipse, ramp
from radloop.data.phantoms.frame import MIDLINE, SPAN, Frame, Pose


@dataclass(frozen=True)
class Thorax:
    """The soft parts of one image, each (SIZE, SIZE).

    Attributes:
        attenuation: the sum of the layers.
        margin: depth into the lung's outline in units, negative outside.
        aerated: how much of the air shows, 0 to ONE: the lung without heart and mediastinum, with soft edges.
        lung: the pixels that count as lung area: inside the outline, heart and mediastinum left out.
        wall: distance of the inner chest wall from the midline.
    """

    attenuation: Field
    margin: Field
    aerated: Field
    lung: Mask
    wall: Field


def draw_thorax(anatomy: Anatomy, pose: Pose, frame: Frame, view: str) -> Thorax:
    """Return the soft parts of a patient in a pose."""
    wall = _outer(anatomy)[frame.side]
    margin = np.minimum(wall - frame.lateral, frame.lateral - _inner(anatomy)[frame.side])
    margin = np.minimum(margin, _diaphragm(anatomy, pose, frame) - frame.v)
    # The apices are domes too.
    margin = np.minimum(margin, frame.v - np.int32(anatomy.apex - 14) - ((frame.lateral - 178) * (frame.lateral - 178) >> 7))
    heart = _heart(anatomy, pose, frame, view)
    centre = _centre(anatomy, pose, frame)
    # Heart and mediastinum are one silhouette that displaces air; they do not add to one another.
    solid = np.maximum(ramp(heart, 40), centre)
    attenuation = _body(anatomy, frame) - (_air(margin, anatomy) * (ONE - (solid * 200 >> 8)) >> 8) + solid * 190 // ONE
    attenuation += _spine(frame) + _trachea(pose, frame) + _abdomen(anatomy, margin, solid, frame) + _breasts(anatomy, frame)
    lung = (margin > 10) & (heart < 8) & (centre < 120)
    return Thorax(attenuation, margin, ramp(margin, 36) * (ONE - solid) >> 8, lung, wall)


def _outer(anatomy: Anatomy) -> Field:
    """The lateral edge of both lungs: distance from the midline for each v, right then left."""
    apex = anatomy.apex
    points = (
        (0, 190),
        (apex - 20, 206),
        (apex + 40, 254),
        (apex + 110, 306),
        (330, 348),
        (470, 378),
        (640, 396),
        (820, 408),
        (1000, 410),
    )
    edge = curve(tuple((v, x * anatomy.lung_width // 100) for v, x in points), SPAN, 14)
    return np.concatenate([edge, edge])


def _inner(anatomy: Anatomy) -> Field:
    """The medial edge of both lungs: it leaves the midline towards the apex and below the heart."""
    apex, waist = anatomy.apex, anatomy.waist
    points = (
        (0, 150),
        (apex, 118),
        (apex + 130, waist + 2),
        (320, waist),
        (450, waist + 4),
        (700, waist + 26),
        (900, 150),
    )
    right = curve(points, SPAN, 14)
    left = curve(tuple((v, x - 4) for v, x in points), SPAN, 14)
    return np.concatenate([right, left])


def _diaphragm(anatomy: Anatomy, pose: Pose, frame: Frame) -> Field:
    """The domes: the v below which there is no lung; they fall off to the sides as parabolas."""
    top = np.where(frame.across >= 0, np.int32(anatomy.dome_left), np.int32(anatomy.dome_right)) - np.int32(pose.breath)
    from_top = frame.lateral - 200
    fall = (from_top * from_top >> 8) * np.int32(anatomy.dome_curve) >> 8
    return top + np.where(from_top > 0, fall + (fall * from_top >> 9), fall >> 1)


def _air(margin: Field, anatomy: Anatomy) -> Field:
    """What the lungs take away: a step at their edge, then more with depth, as the chest is round."""
    return (ramp(margin, 18) * 560 + ramp(margin, 190) * 560 >> 8) * np.int32(200 - anatomy.girth // 2) // np.int32(150)


def _body(anatomy: Anatomy, frame: Frame) -> Field:
    """Neck, shoulders and trunk; thicker downwards and in larger people."""
    trunk = 464 + anatomy.girth // 2
    points = ((0, 150), (30, 160), (64, 270), (104, 420), (170, 500), (300, trunk), (1000, trunk + 16))
    width = curve(points, SPAN, 18)
    edge = np.concatenate([width, width])[frame.side] - frame.lateral
    thick = 1060 + 5 * anatomy.girth
    muscle = curve(((0, 0), (190, 0), (300, 2 * anatomy.muscle), (460, 2 * anatomy.muscle), (560, 0)), SPAN, 30)
    depth: Field = (
        np.int32(thick) + (np.clip(frame.v, 0, SPAN) * np.int32(260) >> 10) + np.concatenate([muscle, muscle])[frame.side]
    )
    return (ramp(edge, 26) * 96 + ramp(edge, 240) * 160 >> 8) * depth >> 8


def _heart(anatomy: Anatomy, pose: Pose, frame: Frame, view: str) -> Field:
    """The heart's outline as a signed depth in units / 2. Against an AP plate it is nearer the tube and looks larger."""
    wide = anatomy.heart_width * (112 if view == "AP" else 100) // 100
    du = frame.across - np.int32(34 + wide // 8 + pose.turn)
    dv = frame.v - np.int32(anatomy.heart_drop - pose.breath // 2)
    # Sheared, so that the apex points down to the left.
    return ellipse(du - (dv * 70 >> 8), dv - (du * 50 >> 8), wide, anatomy.heart_height)


def _centre(anatomy: Anatomy, pose: Pose, frame: Frame) -> Field:
    """Mediastinum, aortic knob and hila, 0 to ONE."""
    waist = curve(((0, 120), (110, 86), (220, anatomy.waist - 8), (600, anatomy.waist - 4), (1000, anatomy.waist + 40)), SPAN)
    column = ramp(np.concatenate([waist, waist])[frame.side] - frame.lateral, 34)
    across = frame.across
    knob = bump(across - np.int32(anatomy.waist - 4 + anatomy.knob // 3), frame.v - 322, anatomy.knob + 44, anatomy.knob + 56)
    turn = np.int32(pose.turn // 2)
    left = bump(across - turn - np.int32(anatomy.waist + 22), frame.v - np.int32(anatomy.hilum - 18), 74, 92)
    right = bump(across - turn + np.int32(anatomy.waist + 26), frame.v - np.int32(anatomy.hilum), 74, 98)
    centre: Field = np.maximum(column, np.minimum(2 * knob, ONE)) + ((left + right) * 110 >> 8)
    return np.minimum(centre, ONE)


def _spine(frame: Frame) -> Field:
    """The spine with its vertebrae: a wave of 64 units, a parabola in each body, dark at the discs."""
    phase = (frame.v & 63) - 32
    vertebra = (1024 - phase * phase) * 70 >> 10
    return ramp(60 - frame.lateral, 30) * (60 + vertebra) >> 8


def _trachea(pose: Pose, frame: Frame) -> Field:
    """The air column down to the carina, and the two main bronchi as it forks."""
    across = np.abs(frame.across - np.int32(pose.turn // 3))
    fork = np.maximum(frame.v - 372, 0)
    tube = ramp(22 - np.abs(across - fork), 14)
    length = ramp(440 - frame.v, 60) * ramp(frame.v + 40, 60) >> 8
    return -((tube * length >> 8) * 210 >> 8)


def _abdomen(anatomy: Anatomy, margin: Field, solid: Field, frame: Frame) -> Field:
    """Liver and spleen below the domes, and the stomach's air where there is some."""
    below = ramp(frame.v - 690, 240) * ramp(-margin, 60) >> 8
    dense = (below * (ONE - (solid * 150 >> 8)) >> 8) * 420 >> 8
    if anatomy.stomach:
        gas = bump(frame.u - (MIDLINE + 190), frame.v - np.int32(anatomy.dome_left + 74), 84 + 18 * anatomy.stomach, 46)
        dense -= (gas * below >> 8) * 420 >> 8
    return dense


def _breasts(anatomy: Anatomy, frame: Frame) -> Field:
    """Breasts: a fold with a sharper lower edge; nothing in men."""
    if anatomy.breast <= 0:
        return np.zeros_like(frame.v)
    du = frame.lateral - np.int32(246)
    dv = frame.v - np.int32(anatomy.breast_level)
    reach = anatomy.breast_reach
    # Full below, thinning upwards into the chest wall.
    inside = ellipse(du, np.where(dv > 0, dv, dv >> 1), reach + 26, reach)
    return ramp(inside, ONE * 3 // 4) * np.int32(40 + 2 * anatomy.breast) >> 8
