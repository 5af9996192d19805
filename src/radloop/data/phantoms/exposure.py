"""The exposure: from attenuation to stored values, differently at each site."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

import numpy as np

from radloop.data.phantoms.fields import ONE, Field, blur
from radloop.data.phantoms.frame import SIZE
from radloop.data.phantoms.randomness import Draws

BITS = 12
LARGEST = 2**BITS - 1


@unique
class Site(StrEnum):
    """Where an image is said to come from; C occurs only with a site shift."""

    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True)
class Machine:
    """How a site exposes and develops.

    Attributes:
        kvp: peak kilovoltage.
        current, milliseconds: of the tube, mA; the header tells them and their product.
        offset: stored value where nothing attenuates.
        gain: stored values per 256 units of attenuation.
        shoulder: how strongly bright values are compressed, 0 to 256.
        noise: standard deviation of the quantum noise in stored values, in the middle of the range.
        softness: blurs with the kernel 1 2 1: the plate's sharpness.
    """

    kvp: int
    current: int
    milliseconds: int
    offset: int
    gain: int
    shoulder: int
    noise: int
    softness: int


MACHINES = {
    Site.A: Machine(kvp=120, current=400, milliseconds=10, offset=330, gain=250, shoulder=60, noise=30, softness=0),
    Site.B: Machine(kvp=102, current=125, milliseconds=16, offset=560, gain=214, shoulder=100, noise=40, softness=0),
    Site.C: Machine(kvp=81, current=40, milliseconds=25, offset=1180, gain=150, shoulder=20, noise=84, softness=1),
}


def expose(attenuation: Field, site: Site, draws: Draws, noise: Draws) -> Field:
    """Return display values, (SIZE, SIZE), 0 to 4095, bright where much attenuates."""
    machine = MACHINES[site]
    gain = machine.gain + draws.around(0, 36)
    offset = machine.offset + draws.around(0, 150)
    shoulder = machine.shoulder + draws.around(0, 40)
    sharp = blur(attenuation, machine.softness)
    values: Field = (sharp * np.int32(gain) >> 8) + np.int32(offset)
    values -= (values * values >> 12) * np.int32(shoulder) // (4 * ONE)
    # Dense parts let fewer quanta through: the noise grows with the value.
    grain = noise.noise(SIZE, SIZE) * np.int32(machine.noise) // np.int32(148)
    values += grain * (1400 + np.clip(values, 0, LARGEST)) >> 12
    return np.clip(values, 0, LARGEST)
