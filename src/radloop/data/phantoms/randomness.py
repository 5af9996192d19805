"""Randomness as a value: raw integers of a counter-based generator, one stream for each thing that is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, unique
from typing import TypeVar

import numpy as np

from radloop.data.phantoms.fields import Field

T = TypeVar("T")

LARGEST_SEED = 2**64 - 1

_EVEN_BYTES = np.uint64(0x00FF_00FF_00FF_00FF)


@unique
class Stream(IntEnum):
    """What is drawn. A stream of its own keeps a change in one thing from moving every other."""

    BLOCK = 1
    PATIENT = 2
    ANATOMY = 3
    IMAGE = 4
    POSE = 5
    VESSELS = 6
    COMPANIONS = 7
    DEVICES = 8
    OPACITY = 9
    TEXTURE = 10
    EXPOSURE = 11
    NOISE = 12
    DEFECT = 13
    DUPLICATE = 14
    DATE = 15
    TIME = 16
    TEMPERATURE = 17


class Draws:
    """A sequence of draws that depends on the seed, the stream and the index, and on nothing else.

    `Draws(2026, Stream.IMAGE, 7).between(1, 6)` is the same number on every machine: only the raw
    words of Philox are used, which numpy promises not to change (NEP 19), never its distributions,
    which it may.
    """

    def __init__(self, seed: int, stream: Stream, index: int) -> None:
        self._bits = np.random.Philox(key=np.array([seed, stream << 48 | index], dtype=np.uint64))

    def below(self, limit: int) -> int:
        """Return an integer from 0 up to, not including, `limit`; its bias is below limit / 2**64."""
        return self._word() * limit >> 64

    def between(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def around(self, centre: int, spread: int) -> int:
        """Return an integer within `spread` of `centre`, nearer values likelier: a mean of three uniform draws."""
        return centre + sum(self.between(-spread, spread) for _ in range(3)) // 3

    def many(self, count: int, spread: int) -> Field:
        """Return (count,) integers drawn as `around(0, spread)` draws them; `spread` is 1000 at most."""
        words = (self._bits.random_raw(3 * count) >> np.uint64(44)).astype(np.int32).reshape(count, 3)
        threes: Field = (words * np.int32(2 * spread + 1) >> 20).sum(axis=1, dtype=np.int32)
        return threes // np.int32(3) - np.int32(spread)

    def chance(self, percent: int) -> bool:
        """Return True in `percent` of a hundred cases."""
        return self.below(100) < percent

    def choice(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in a drawn order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order

    def noise(self, rows: int, columns: int) -> Field:
        """Return (rows, columns) integers, nearly Gaussian, of mean 0 and standard deviation 148: four bytes summed."""
        count = rows * columns
        words = self._bits.random_raw((count + 1) // 2)
        pairs = (words & _EVEN_BYTES) + (words >> np.uint64(8) & _EVEN_BYTES)
        # Little-endian by decree, so that the sums come in the same order on every CPU.
        sums = pairs.astype("<u8").view("<u2").astype(np.int32)
        return (sums[: 2 * count : 2] + sums[1 : 2 * count : 2] - np.int32(510)).reshape(rows, columns)

    def _word(self) -> int:
        return int(self._bits.random_raw())
