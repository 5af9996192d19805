"""What all figures share: size, palette, heading, the mark of synthetic data, and the bytes of a PNG.

Colours are of the palette for colour-blind readers (Okabe and Ito, 2008), and no colour speaks alone: shape, fill or a
word says the same. Text stays legible at 480 pixels. What cannot be computed is written out, not drawn.
"""

from __future__ import annotations

import io
import math
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from radloop.statistics.intervals import Interval

BLUE, VERMILLION, AMBER = "#0072B2", "#D55E00", "#F0B429"
INK, MUTED, HAIRLINE = "#1B2733", "#5B6875", "#D5DBE1"
SERIES = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", INK)
"""The colours of several lines, in their order."""
DASHES: tuple[tuple[int, tuple[int, ...]] | str, ...] = ("-", (0, (5, 2)), (0, (1, 1)))
"""How lines beyond the seventh are told apart."""

_WIDTH = 4.8
_DPI = 200
_BAND = 0.26
"""Height of the mark of synthetic data, inches."""


def opened(title: str, note: str, *, height: float = 4.3, synthetic: bool) -> tuple[Figure, Axes]:
    """Return a figure with its heading, and with the band that says what the data are not."""
    band = _BAND if synthetic else 0.0
    figure = Figure(figsize=(_WIDTH, height + band), dpi=_DPI, facecolor="white")
    heading = 0.62
    share = 1 - (band + heading) / (height + band)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0.015, 0.015, 0.97, share - 0.015)))
    if synthetic:
        _mark(figure, band / (height + band))
    top = 1 - band / (height + band)
    line = 1 / (height + band)
    figure.text(0.03, top - 0.12 * line, title, ha="left", va="top", fontsize=13, fontweight="bold", color=INK)
    figure.text(0.03, top - 0.38 * line, note, ha="left", va="top", fontsize=9.5, color=MUTED)
    return figure, figure.add_subplot()


def _mark(figure: Figure, share: float) -> None:
    """Draw the band across the top of a figure made from phantoms."""
    figure.add_artist(Rectangle((0, 1 - share), 1, share, facecolor=AMBER, edgecolor="none", transform=figure.transFigure))
    figure.text(0.5, 1 - share / 2, "SYNTHETIC PHANTOMS", ha="center", va="center", fontsize=9.5, fontweight="bold", color=INK)


def dressed(axes: Axes, x: str, y: str) -> None:
    """Give axes their labels and the look of all figures."""
    axes.set_xlabel(x, fontsize=10, color=INK)
    axes.set_ylabel(y, fontsize=10, color=INK)
    axes.tick_params(colors=MUTED, labelsize=9, labelcolor=INK, width=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.grid(visible=True, color=HAIRLINE, linewidth=0.6)
    axes.set_axisbelow(True)


def guide(axes: Axes, start: float, end: float, words: str) -> None:
    """Draw what the curve is to be compared with, from the left edge to the right."""
    axes.plot([0, 1], [start, end], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label=words)


def legend(axes: Axes, place: Literal["lower right", "lower left", "upper left", "upper center"], columns: int = 1) -> None:
    """Add a legend inside the axes."""
    legend = axes.legend(
        loc=place, ncols=columns, facecolor="white", edgecolor="none", framealpha=0.85, fontsize=9, labelcolor=INK
    )
    legend.set_zorder(5)


def unit_square(axes: Axes, x: str, y: str) -> None:
    """Dress axes that run from 0 to 1 on both sides."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    dressed(axes, x, y)


def operating_point(axes: Axes, x: float, y: float, words: str) -> None:
    """Draw a diamond where the threshold lies, unless it cannot be computed."""
    if not math.isnan(x + y):
        axes.plot([x], [y], "D", color=VERMILLION, markersize=8, markeredgecolor="white", markeredgewidth=1.2, label=words)


def say_if_missing(axes: Axes, value: float) -> None:
    """Write over axes that a number could not be computed."""
    if math.isnan(value):
        axes.text(0.5, 0.5, "not evaluable", transform=axes.transAxes, ha="center", va="center", fontsize=13, color=MUTED)


def number(value: float) -> str:
    """Return a number as the figures write it."""
    return "not evaluable" if math.isnan(value) else f"{value:.3f}"


def short(word: str, most: int = 14) -> str:
    """Return a word of at most so many letters."""
    return word if len(word) <= most else word[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def words(interval: Interval, prefix: str = "95% CI ") -> str:
    """Return `0.953 (95% CI 0.921-0.978)`, and in words what is missing."""
    if math.isnan(interval.value):
        return "not evaluable"
    if math.isnan(interval.low + interval.high):
        return f"{interval.value:.3f} (no interval)"
    return f"{interval.value:.3f} ({prefix}{interval.low:.3f}\N{EN DASH}{interval.high:.3f})"


def png(figure: Figure) -> bytes:
    """Return a figure as PNG, without the name or version of the program that drew it."""
    stream = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    return stream.getvalue()
