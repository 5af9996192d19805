"""Figures as SVG that follow the page's colours, in light and dark; no colour speaks alone.

They are drawn here rather than by matplotlib: a page holds dozens, must stay small, and a picture has one
background only. Equal arguments give equal text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

_WIDTH, _LEFT, _RIGHT = 460, 118, 12
_BAND, _GAP, _TOP, _BOTTOM = 38, 6, 8, 24
_MARK = 16


@dataclass(frozen=True)
class Band:
    """One distribution.

    Attributes:
        name: what is counted.
        counts: how many fall between each two edges.
    """

    name: str
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Mark:
    """A value that is drawn as a line through all bands, such as a limit."""

    value: float
    words: str


def ridges(bands: Sequence[Band], edges: NDArray[np.float64], title: str, marks: Sequence[Mark] = ()) -> Markup:
    """Draw distributions below each other on one axis, each as shares of its own total, all to one scale.

    Args:
        bands: at least one, each with one count less than there are edges.
        edges: rising.
        title: says what is drawn to those who hear the page.
        marks: those outside the edges are not drawn.
    """
    shares = [band.counts / max(1, int(band.counts.sum())) for band in bands]
    highest = max((float(share.max(initial=0.0)) for share in shares), default=0.0) or 1.0
    inside = [mark for mark in marks if edges[0] <= mark.value <= edges[-1]]
    top = _TOP + (_MARK if inside else 0)
    floor = top + len(bands) * (_BAND + _GAP)
    parts = [_axis(edges, top, floor)]
    for number, (band, share) in enumerate(zip(bands, shares, strict=True)):
        parts.append(_band(band, share / highest, edges, top + (number + 1) * (_BAND + _GAP)))
    parts += [_mark(mark, edges, top, floor) for mark in inside]
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, floor + _BOTTOM, _heard(bands, title, inside), Markup("").join(parts)
    )


def _heard(bands: Sequence[Band], title: str, marks: Sequence[Mark]) -> str:
    numbers = ", ".join(f"{band.name} {int(band.counts.sum()):,}" for band in bands)
    return f"{title}: {numbers}" + "".join(f"; {mark.words} at {mark.value:g}" for mark in marks)


def _x(value: float, edges: NDArray[np.float64]) -> float:
    span = float(edges[-1] - edges[0]) or 1.0
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - float(edges[0])) / span


def _band(band: Band, heights: NDArray[Any], edges: NDArray[np.float64], floor: int) -> Markup:
    steps = [f"M{_x(float(edges[0]), edges):.1f} {floor}"]
    for height, low, high in zip(heights, edges[:-1], edges[1:], strict=True):
        y = floor - _BAND * float(height)
        steps.append(f"L{_x(float(low), edges):.1f} {y:.1f}L{_x(float(high), edges):.1f} {y:.1f}")
    steps.append(f"L{_x(float(edges[-1]), edges):.1f} {floor}Z")
    words = Markup(
        '<path class="area" d="{}"/><text class="name" x="{}" y="{}">{}</text><text class="small" x="{}" y="{}">{}</text>'
        '<line class="floor" x1="{}" x2="{}" y1="{}" y2="{}"/>'
    )
    name = band.name if len(band.name) <= 18 else band.name[:17] + "\N{HORIZONTAL ELLIPSIS}"
    count = f"{int(band.counts.sum()):,}"
    return words.format(
        "".join(steps), _LEFT - 8, floor - 18, name, _LEFT - 8, floor - 4, count, _LEFT, _WIDTH - _RIGHT, floor, floor
    )


def _axis(edges: NDArray[np.float64], top: int, floor: int) -> Markup:
    ticks = []
    for value in np.linspace(float(edges[0]), float(edges[-1]), 5):
        x = f"{_x(float(value), edges):.1f}"
        line = Markup('<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/><text class="tick" x="{0}" y="{3}">{4}</text>')
        ticks.append(line.format(x, top, floor, floor + 16, f"{value:.4g}"))
    return Markup("").join(ticks)


def _mark(mark: Mark, edges: NDArray[np.float64], top: int, floor: int) -> Markup:
    x = _x(mark.value, edges)
    anchor = "end" if x > _WIDTH * 0.7 else "start" if x < _WIDTH * 0.4 else "middle"
    words = Markup(
        '<line class="mark" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>'
        '<text class="marked" text-anchor="{3}" x="{0:.1f}" y="{4}">{5}</text>'
    )
    return words.format(x, top, floor, anchor, top - 5, mark.words)
