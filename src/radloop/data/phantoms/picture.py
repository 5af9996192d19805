"""The picture: from a phantom to its display values and the extent of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radloop.data.phantoms.anatomy import draw_anatomy
from radloop.data.phantoms.bones import draw_bones
from radloop.data.phantoms.cohort import Phantom
from radloop.data.phantoms.companions import draw_companions, draw_device
from radloop.data.phantoms.exposure import LARGEST, expose
from radloop.data.phantoms.fields import Field, Mask
from radloop.data.phantoms.frame import draw_pose, place
from radloop.data.phantoms.opacity import draw_opacity
from radloop.data.phantoms.randomness import Draws, Stream
from radloop.data.phantoms.thorax import draw_thorax
from radloop.data.phantoms.vessels import draw_vessels

MARKER_SIZE = 10
MARKER_CORNER = 8
MARKER_VALUE = 3500


@dataclass(frozen=True)
class Picture:
    """A drawn phantom.

    Attributes:
        values: (SIZE, SIZE), 0 to 4095, bright where much attenuates, whatever the file will store.
        extent: thousandths of the lung area that the opacity covers.
        low, high: the values between which it is to be shown: 1% lie below, 0.5% above.
    """

    values: Field
    extent: int
    low: int
    high: int


def draw_picture(phantom: Phantom, cohort: Sequence[Phantom], seed: int) -> Picture:
    """Draw a phantom; `cohort` is asked for the source of a copy."""
    source = phantom if phantom.copy_of is None else cohort[phantom.copy_of]
    values, extent = _draw(source, seed)
    if phantom.copy_of is not None:
        values = _altered(values, Draws(seed, Stream.DUPLICATE, phantom.index))
    low, high = _window(values)
    if phantom.marked:
        values[MARKER_CORNER : MARKER_CORNER + MARKER_SIZE, MARKER_CORNER : MARKER_CORNER + MARKER_SIZE][_disc()] = MARKER_VALUE
    return Picture(values, extent, low, high)


def _draw(phantom: Phantom, seed: int) -> tuple[Field, int]:
    def draws(stream: Stream) -> Draws:
        return Draws(seed, stream, phantom.index)

    anatomy = draw_anatomy(seed, phantom.patient, phantom.sex, phantom.age)
    pose = draw_pose(draws(Stream.POSE), phantom.view)
    frame = place(anatomy, pose)
    thorax = draw_thorax(anatomy, pose, frame, phantom.view)
    total = thorax.attenuation
    total += draw_bones(anatomy, frame, thorax, phantom.view)
    # The vessels are the patient's, not the image's.
    total += draw_vessels(anatomy, frame, thorax.aerated, Draws(seed, Stream.VESSELS, phantom.patient))
    total += draw_companions(anatomy, frame, thorax.aerated, draws(Stream.COMPANIONS))
    device = draw_device(frame, draws(Stream.DEVICES))
    if device is not None:
        total += device
    extent = 0
    if phantom.opaque:
        opacity = draw_opacity(frame, thorax, draws(Stream.OPACITY), draws(Stream.TEXTURE))
        total += opacity.attenuation
        extent = opacity.extent
    return expose(total, phantom.site, draws(Stream.EXPOSURE), draws(Stream.NOISE)), extent


def _altered(values: Field, draws: Draws) -> Field:
    """Return a near-duplicate: another exposure, a little noise, one or two rows and columns cropped away."""
    rows, columns = draws.between(1, 2), draws.between(1, 2)
    moved: Field = np.pad(values[rows:, columns:], ((0, rows), (0, columns)), mode="edge")
    moved = moved * np.int32(1000 + draws.between(-40, 40)) // 1000 + np.int32(draws.between(-40, 40))
    moved += draws.noise(*values.shape) * np.int32(6) // np.int32(148)
    return np.clip(moved, 0, LARGEST)


def _window(values: Field) -> tuple[int, int]:
    below = np.cumsum(np.bincount(values.ravel(), minlength=LARGEST + 1))
    low, high = np.searchsorted(below, (values.size // 100, values.size * 199 // 200))
    return int(low), int(high)


def _disc() -> Mask:
    twice = 2 * np.arange(MARKER_SIZE) + 1 - MARKER_SIZE
    return np.asarray(twice[:, None] ** 2 + twice[None, :] ** 2 <= MARKER_SIZE**2)
