"""Intervals one below the other: by subgroup, by label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from radloop.evaluation.figures import canvas
from radloop.evaluation.figures.canvas import BLUE, INK, MUTED
from radloop.statistics.intervals import Interval


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a forest plot."""

    name: str
    """Such as `sex F` or a finding."""
    images: int
    """How many it rests on: images of a subgroup, positive images of a label."""
    estimate: Interval
    filled: bool = True
    """True: the gate judges it, or the mean counts it; False: it is reported only."""


def subgroups_figure(rows: Sequence[Row], *, overall: Interval, metric: str = "AUROC", synthetic: bool = False) -> bytes:
    """Draw a forest plot: a metric of each subgroup with its interval, against the whole population's.

    Args:
        rows: from top to bottom; `filled` are those that gate.
        overall: the whole population's, drawn as a line in its band.
        metric: its name.
        synthetic: marks the figure as made from phantoms.
    """
    figure, axes = _forest(f"{metric} by subgroup", rows, overall, "all together", metric, synthetic=synthetic)
    for words, face in (("gated", BLUE), ("reported only", "white")):
        axes.plot([], [], "s", color=BLUE, markerfacecolor=face, markersize=6, label=words)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    return canvas.png(figure)


def labels_figure(rows: Sequence[Row], *, overall: Interval, synthetic: bool = False) -> bytes:
    """Draw a forest plot: the AUROC of each label against all else, with its interval, and their mean.

    Args:
        rows: from top to bottom, `images` being the positive ones; those that are not judged have no number.
        overall: the mean, drawn as a line in its band.
        synthetic: marks the figure as made from phantoms.
    """
    figure, _ = _forest("AUROC by label", rows, overall, "the mean", "AUROC; n is positive images", synthetic=synthetic)
    return canvas.png(figure)


def _forest(
    title: str, rows: Sequence[Row], overall: Interval, together: str, axis: str, *, synthetic: bool
) -> tuple[Figure, Axes]:
    height = 1.6 + 0.27 * max(3, len(rows))
    note = f"Line and band: {together}, {canvas.words(overall)}"
    figure, axes = canvas.opened(title, note, height=height, synthetic=synthetic)
    if not math.isnan(overall.low + overall.high):
        axes.axvspan(overall.low, overall.high, color=BLUE, alpha=0.10, linewidth=0)
    if not math.isnan(overall.value):
        axes.axvline(overall.value, color=BLUE, linewidth=1, linestyle=(0, (4, 3)))
    for y, row in enumerate(rows):
        _row(axes, y, row)
    axes.set_yticks(range(len(rows)))
    axes.set_yticklabels([f"{canvas.short(row.name, 21)}  n={row.images}" for row in rows], fontsize=9, color=INK)
    axes.set(ylim=(max(3, len(rows)) - 0.4, -0.6), xlim=(_start(rows, overall), 1.005))
    canvas.dressed(axes, axis, "")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    canvas.say_if_missing(axes, 0.0 if rows else math.nan)
    return figure, axes


def _row(axes: Axes, y: int, row: Row) -> None:
    value, low, high = row.estimate.value, row.estimate.low, row.estimate.high
    if not math.isnan(low + high):
        axes.plot([low, high], [y, y], color=BLUE, linewidth=1.8, solid_capstyle="butt")
    if not math.isnan(value):
        face = BLUE if row.filled else "white"
        axes.plot([value], [y], "s", color=BLUE, markerfacecolor=face, markersize=6, clip_on=False)
    colour = MUTED if math.isnan(value) else INK
    words = canvas.words(row.estimate, "")
    axes.text(1.03, y, words, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5, color=colour)


def _start(rows: Sequence[Row], overall: Interval) -> float:
    """Return where the axis starts: the tenth below the lowest number, at most 0.8."""
    numbers = [number for shown in (overall, *(row.estimate for row in rows)) for number in (shown.value, shown.low)]
    return min([0.8, *(math.floor(number * 10) / 10 for number in numbers if not math.isnan(number))])
