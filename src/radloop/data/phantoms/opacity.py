"""The finding: soft, mottled patches inside the lungs, of a known extent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radloop.data.phantoms.fields import ONE, Field, blur, ellipse, enlarge, ramp
from radloop.data.phantoms.frame import SIZE, Frame
from radloop.data.phantoms.randomness import Draws
from radloop.data.phantoms.thorax import Thorax

SMALLEST_EXTENT = 60
"""An opacity covers at least this many thousandths of the lung area: patches are added until it does."""

_MOST_PATCHES = 8
_DEPTH = 40


@dataclass(frozen=True)
class Opacity:
    """An opacity.

    Attributes:
        attenuation: (SIZE, SIZE), what it adds.
        extent: covered lung pixels over all lung pixels, in thousandths, rounded down.
    """

    attenuation: Field
    extent: int


def draw_opacity(frame: Frame, thorax: Thorax, draws: Draws, texture: Draws) -> Opacity:
    """Draw one to three patches, or more where small ones fell at the edge, and fill them with a mottle.

    The mottle is what tells the finding from a fold or a vessel: grains of about five pixels, as acinar
    shadows are. The patches are brighter than the lung too, but so are folds, and patients differ by more.
    """
    weight, covered = np.zeros((SIZE, SIZE), dtype=np.int32), np.zeros((SIZE, SIZE), dtype=np.bool_)
    area = int(thorax.lung.sum())
    wanted = draws.choice((1, 1, 2, 2, 3))
    for count in range(1, _MOST_PATCHES + 1):
        inside = _patch(frame, thorax, draws)
        weight = np.maximum(weight, ramp(inside, ONE * 3 // 4))
        covered |= (inside > 0) & thorax.lung
        extent = 1000 * int(covered.sum()) // area
        if count >= wanted and extent >= SMALLEST_EXTENT:
            break
    weight = weight * thorax.aerated >> 8
    return Opacity(weight * np.maximum(_mottle(texture) + draws.between(190, 310), 0) >> 8, extent)


def _patch(frame: Frame, thorax: Thorax, draws: Draws) -> Field:
    """Return one patch, positive inside: an ellipse somewhere in the lungs with an edge that wanders."""
    places = np.flatnonzero(thorax.lung & (thorax.margin > _DEPTH))
    spot = int(places[draws.below(places.size)])
    du, dv = frame.u - frame.u.flat[spot], frame.v - frame.v.flat[spot]
    wander = enlarge(draws.noise(17, 17), SIZE)
    return ellipse(du, dv, draws.between(80, 130), draws.between(80, 130)) + (wander * 3 >> 2)


def _mottle(draws: Draws) -> Field:
    """Return grains of about five pixels, (SIZE, SIZE), of a mean near zero."""
    half = draws.noise(SIZE // 2, SIZE // 2)
    grain = np.repeat(np.repeat(half, 2, axis=0), 2, axis=1)
    fine = blur(grain, 5)
    return (fine - blur(fine, 8)) * np.int32(6)
