"""The slices of a series in the order in which they lie in the patient."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Slice = TypeVar("Slice")

_UNEVEN = 0.05
"""The share of the usual gap by which another may differ before a slice is likely to be missing."""
_SAME = 1e-3
"""Millimetres below which two positions are one; tags are written with rounded decimals."""


@dataclass(frozen=True)
class Series(Generic[Slice]):
    """A sorted series, and what is odd about it.

    Attributes:
        slices: in order.
        by: what they are sorted by: the position, the instance number, or nothing known of all of them.
        spacing: the usual gap in millimetres, None where positions are unknown or there is one slice.
        repeated: indices of slices at the position of the one before.
        uneven: indices of slices whose gap to the one before differs from the usual one.
    """

    slices: tuple[Slice, ...]
    by: str
    spacing: float | None = None
    repeated: tuple[int, ...] = ()
    uneven: tuple[int, ...] = ()

    @property
    def regular(self) -> bool:
        """Tell whether the slices lie at known, different and evenly spaced positions."""
        return self.by == "position" and not self.repeated and not self.uneven


def sort_series(slices: Iterable[Slice], place: Callable[[Slice], tuple[float | None, int | None]]) -> Series[Slice]:
    """Sort slices of one series.

    By the position along the normal of the slices, where all have one; else by the instance number;
    else they stay as they came. Slices at one position are in the order of their instance numbers.

    Args:
        slices: of any kind.
        place: gives a slice's position in millimetres along the normal, and its instance number; None is unknown.
    """
    found = list(slices)
    places = [place(one)[0] for one in found]
    numbers = [place(one)[1] for one in found]
    if found and None not in places:
        order = sorted(range(len(found)), key=lambda k: (places[k] or 0.0, numbers[k] is None, numbers[k] or 0, k))
        spacing, repeated, uneven = _gaps([places[k] or 0.0 for k in order])
        return Series(tuple(found[k] for k in order), "position", spacing, repeated, uneven)
    if found and None not in numbers:
        order = sorted(range(len(found)), key=lambda k: (numbers[k] or 0, k))
        return Series(tuple(found[k] for k in order), "instance")
    return Series(tuple(found), "none")


def along_normal(orientation: Sequence[float], position: Sequence[float]) -> float | None:
    """Return how far a slice lies along its normal, in millimetres (PS3.3 C.7.6.2.1.1).

    Args:
        orientation: the six cosines of (0020,0037): along a row, then along a column.
        position: the three coordinates of (0020,0032).

    Returns:
        None where one is missing, not finite, or the cosines span no plane.
    """
    if len(orientation) != 6 or len(position) != 3 or not all(map(math.isfinite, (*orientation, *position))):
        return None
    row, column = orientation[:3], orientation[3:]
    normal = (
        row[1] * column[2] - row[2] * column[1],
        row[2] * column[0] - row[0] * column[2],
        row[0] * column[1] - row[1] * column[0],
    )
    length = math.hypot(*normal)
    if length < 0.5:  # cosines of a plane give 1
        return None
    return sum(n * p for n, p in zip(normal, position, strict=True)) / length


def _gaps(places: list[float]) -> tuple[float | None, tuple[int, ...], tuple[int, ...]]:
    """Return the usual gap, and the indices of the slices that repeat a position or lie unevenly."""
    gaps = [after - before for before, after in itertools.pairwise(places)]
    real = sorted(gap for gap in gaps if gap > _SAME)
    if not real:
        return None, tuple(k for k, _ in enumerate(gaps, start=1)), ()
    usual = real[(len(real) - 1) // 2]
    repeated = tuple(k for k, gap in enumerate(gaps, start=1) if gap <= _SAME)
    uneven = tuple(k for k, gap in enumerate(gaps, start=1) if gap > _SAME and abs(gap - usual) > _UNEVEN * usual)
    return usual, repeated, uneven
