"""The figures of the operations page: rows below each other over one line of weeks, as SVG in the page's colours.

Every figure has the same axis, so that what happened stands above what it did. No colour speaks alone: refusals are hatched,
versions differ in shape, alarms are diamonds. What is drawn stands in a table beside it. Equal arguments give equal text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from radloop.monitoring.served import WEEK
from radloop.monitoring.timeline import Event, Served, Span

_WIDTH, _LEFT, _RIGHT = 960, 150, 34
_GAP, _FOOT = 12, 34
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEAST_P = 5.0
"""Probabilities below 10 to the minus this are drawn there."""
_NEAR = 15.0
"""Marks nearer than this would cover each other, and become one with a number."""
SHAPES = ("circle", "square", "triangle")
"""Of the versions, in their order; a fourth begins again."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One week's requests, or labels: a bar of parts from the floor up, each with the class that paints it."""

    monday: int
    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """Return the height of the bar."""
        return sum(n for _, n in self.parts)


@dataclass(frozen=True, slots=True)
class Point:
    """A share with its interval in one week.

    Attributes:
        monday: milliseconds since 1970.
        value: 0 to 1.
        low: None where there is no interval.
        high: likewise.
        shape: one of `SHAPES`.
    """

    monday: int
    value: float
    low: float | None
    high: float | None
    shape: str


@dataclass(frozen=True, slots=True)
class Looked:
    """One signal of one look: when, its p-value or None, and whether it alarmed."""

    at: int
    p: float | None
    alarm: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a figure.

    Attributes:
        name: at its left.
        small: below the name.
        height: of the drawing, pixels.
        body: drawn with the floor at y = `height`.
    """

    name: str
    small: str
    height: int
    body: Markup


def x_of(at: int, span: Span) -> float:
    """Return where a moment lies."""
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (at - span.start) / (span.end - span.start)


def figure(title: str, rows: Sequence[Row], span: Span, events: Sequence[Event]) -> Markup:
    """Draw rows over the weeks, with a line through all of them at every alarm and every switch of what is served.

    Args:
        title: says what is drawn to those who hear the page.
        rows: at least one, from the top.
        span: of the axis.
        events: all; those outside the span are left out.
    """
    top, parts, floors = 6, [], []
    for row in rows:
        words = Markup('<text class="name" x="{0}" y="{1:.0f}">{2}</text><text class="small" x="{0}" y="{3:.0f}">{4}</text>')
        middle = top + row.height / 2
        parts.append(words.format(_LEFT - 12, middle + (0 if row.small else 4), _short(row.name), middle + 14, row.small))
        parts.append(Markup('<g transform="translate(0 {})">{}</g>').format(top, row.body))
        floors.append(top + row.height)
        top += row.height + _GAP
    floor = floors[-1]
    lines = [_line("floor", y, span) for y in floors]
    size = Markup('<svg class="weeks" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}{}</svg>')
    return size.format(
        _WIDTH,
        floor + _FOOT,
        title,
        _axis(span, floor),
        _through(events, span, floor),
        Markup("").join(lines),
        Markup("").join(parts),
    )


def happened(events: Sequence[Event], served: Sequence[Served], beside: Sequence[Served], span: Span) -> list[Row]:
    """Return rows: alarms, decisions of reviewers, which version was served, and which stood beside it, if any ever did."""
    kinds = ({"alarm"}, {"approve", "reject"})
    found = [Row(name, "", 20, _marks(events, wanted, span)) for name, wanted in zip(("Alarms", "Reviews"), kinds, strict=True)]
    found.append(Row("Served", "", 20, Markup("").join(_served(one, span) for one in served)))
    if beside:
        found.append(Row("Beside it", "", 20, Markup("").join(_served(one, span) for one in beside)))
    return found


def bars(name: str, small: str, stacks: Sequence[Stack], span: Span, height: int, most: int | None = None) -> Row:
    """Return a row of bars, one a week.

    Args:
        name: of the row.
        small: below it.
        stacks: those outside the span are left out.
        span: of the axis.
        height: of the row.
        most: the number at its top; by default the highest bar's.
    """
    inside = [one for one in stacks if one.monday in span and one.total]
    highest = most or max((one.total for one in inside), default=0)
    parts = [_bar(one, span, height, highest) for one in inside]
    if highest:
        parts.append(_scale(0, f"{highest:,}", height))
    return Row(name, small, height, Markup("").join(parts))


def chances(name: str, small: str, looks: Iterable[Looked], limit: float, span: Span, height: int) -> Row:
    """Return a row of p-values, the unlikely ones high, with the limit as a line."""
    line = height - height * _rarity(limit)
    parts = [_line("mark", line, span)]
    for look in looks:
        if look.at in span:
            x, y = x_of(look.at, span), height - height * _rarity(1.0 if look.p is None else look.p)
            shape = "missing" if look.p is None else "diamond" if look.alarm else "dot"
            parts.append(_shape(shape, x, min(y, height - 3), 5.5 if look.alarm else 2.6))
    return Row(name, small, height, Markup("").join(parts))


def shares(name: str, small: str, points: Sequence[Point], span: Span, height: int) -> Row:
    """Return a row of shares from 0 to 1 with their intervals, in the middle of their weeks."""
    parts = [_line("grid", height / 2, span), _line("grid", 0, span)]
    parts += [_scale(0, "100%", height), _scale(height / 2, "50%", height)]
    for point in points:
        if point.monday not in span:
            continue
        x, y = x_of(point.monday + WEEK // 2, span) + 7 * (SHAPES.index(point.shape) - 1), height * (1 - point.value)
        if point.low is not None and point.high is not None:
            whisker = Markup('<line class="whisker" x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}"/>')
            parts.append(whisker.format(x, height * (1 - point.high), height * (1 - point.low)))
        parts.append(_shape(point.shape, x, y, 4))
    return Row(name, small, height, Markup("").join(parts))


def points(weeks: Sequence[Mapping[str, Any]], shapes: Mapping[str, str]) -> list[Point]:
    """Return what can be drawn of weeks, each with monday, version, value, low and high."""
    return [
        Point(week["monday"], week["value"], week["low"], week["high"], shapes[week["version"]])
        for week in weeks
        if week["value"] is not None
    ]


def _bar(one: Stack, span: Span, height: int, highest: int) -> Markup:
    x, y = x_of(one.monday, span), float(height)
    width = max(2.0, x_of(one.monday + WEEK, span) - x - 3)
    parts = []
    for kind, n in one.parts:
        part = height * n / highest
        y -= part
        if n:
            shape = Markup('<rect class="{}" x="{:.1f}" y="{:.2f}" width="{:.1f}" height="{:.2f}"/>')
            parts.append(shape.format(kind, x + 1.5, y, width, max(part, 0.8)))
    return Markup("").join(parts)


def _rarity(p: float) -> float:
    return min(-math.log10(max(p, 10**-_LEAST_P)), _LEAST_P) / _LEAST_P


def _shape(shape: str, x: float, y: float, size: float) -> Markup:
    if shape in ("dot", "circle"):
        return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(shape, x, y, size)
    if shape == "missing":
        return Markup('<line class="unknown" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(x - 2, x + 2, y, y)
    corners = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "triangle": ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),
        "diamond": ((0, -1.2), (1, 0), (0, 1.2), (-1, 0)),
        "cross": (
            (-1, -0.5),
            (-0.5, -1),
            (0, -0.5),
            (0.5, -1),
            (1, -0.5),
            (0.5, 0),
            (1, 0.5),
            (0.5, 1),
            (0, 0.5),
            (-0.5, 1),
            (-1, 0.5),
            (-0.5, 0),
        ),
    }[shape]
    path = " ".join(f"{x + size * a:.1f},{y + size * b:.1f}" for a, b in corners)
    return Markup('<polygon class="{}" points="{}"/>').format(shape, path)


def _marks(events: Sequence[Event], kinds: set[str], span: Span) -> Markup:
    parts: list[Markup] = []
    near: list[list[Event]] = []
    for event in events:
        if event.kind not in kinds or event.at not in span:
            continue
        if near and x_of(event.at, span) - x_of(near[-1][0].at, span) < _NEAR and near[-1][0].kind == event.kind:
            near[-1].append(event)
        else:
            near.append([event])
    for group in near:
        x = x_of(group[0].at, span)
        shape = {"alarm": "diamond", "approve": "circle", "reject": "cross"}[group[0].kind]
        parts.append(_shape(shape, x, 10, 6))
        if len(group) > 1:
            parts.append(
                Markup('<text class="many" x="{:.1f}" y="14">{}</text>').format(x + 9, f"\N{MULTIPLICATION SIGN}{len(group)}")
            )
    return Markup("").join(parts)


def _served(one: Served, span: Span) -> Markup:
    start, end = max(one.start, span.start), min(one.end, span.end)
    if start >= end:
        return Markup("")
    x, width = x_of(start, span), max(2.0, x_of(end, span) - x_of(start, span) - 1)
    style = "served" if one.mode is None else "served beside"
    shape = Markup('<rect class="{}" x="{:.1f}" y="2" width="{:.1f}" height="16" rx="3"/>').format(style, x, width)
    if width < 24:
        return shape
    words = f"version {one.version}" if width > 70 else f"v{one.version}"
    if one.mode is not None and width > 70:
        words = f"{one.mode} v{one.version}"
    return shape + Markup('<text class="inside" x="{:.1f}" y="14">{}</text>').format(x + 6, words)


def _through(events: Sequence[Event], span: Span, floor: int) -> Markup:
    kinds = {"alarm": "alarmed", "deploy": "switched", "rollback": "switched"}
    line = Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="4" y2="{}"/>')
    found = ((kinds[event.kind], x_of(event.at, span)) for event in events if event.kind in kinds and event.at in span)
    return Markup("").join(line.format(kind, x, x, floor) for kind, x in found)


def _line(kind: str, y: float, span: Span) -> Markup:
    line = Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>')
    return line.format(kind, x_of(span.start, span), x_of(span.end, span), y, y)


def _scale(y: float, words: str, height: int) -> Markup:
    return Markup('<text class="tick scale" x="{}" y="{:.1f}">{}</text>').format(_WIDTH - _RIGHT + 4, min(y + 8, height), words)


def _axis(span: Span, floor: int) -> Markup:
    mondays = span.mondays()
    step = -(-len(mondays) // 13)
    parts, year = [], None
    for monday in mondays[::step]:
        day = datetime.fromtimestamp(monday / 1000, UTC)
        x = f"{x_of(monday, span):.1f}"
        tick = Markup('<line class="grid" x1="{0}" x2="{0}" y1="4" y2="{1}"/><text class="tick" x="{0}" y="{2}">{3}</text>')
        parts.append(tick.format(x, floor + 4, floor + 17, f"{day.day} {_MONTHS[day.month - 1]}"))
        if day.year != year:
            parts.append(Markup('<text class="tick" x="{}" y="{}">{}</text>').format(x, floor + 30, day.year))
            year = day.year
    return Markup("").join(parts)


def _short(word: str) -> str:
    return word if len(word) <= 22 else word[:21] + "\N{HORIZONTAL ELLIPSIS}"
