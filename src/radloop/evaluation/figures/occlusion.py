"""Which part of the image the answer came from."""

from __future__ import annotations

import math

from matplotlib.axes import Axes

from radloop.evaluation.figures import canvas
from radloop.evaluation.figures.canvas import BLUE, INK, MUTED, VERMILLION
from radloop.evaluation.shortcuts import Shortcuts
from radloop.statistics.intervals import Interval


def occlusion_figure(shortcuts: Shortcuts, *, metric: str = "AUROC", synthetic: bool = False) -> bytes:
    """Draw the metric with each region hidden, and with nothing but it.

    Args:
        shortcuts: as they were judged.
        metric: its name.
        synthetic: marks the figure as made from phantoms.
    """
    rows = list(shortcuts.occlusion.items())
    note = f"{shortcuts.images} images; dashed: as they are, {canvas.words(shortcuts.untouched)}"
    figure, axes = canvas.opened(
        f"{metric} by part of the image", note, height=1.7 + 0.42 * max(3, len(rows)), synthetic=synthetic
    )
    if not math.isnan(shortcuts.untouched.value):
        axes.axvline(shortcuts.untouched.value, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for y, (_, found) in enumerate(rows):
        _bar(axes, y - 0.19, found.blanked.value, BLUE, None)
        _bar(axes, y + 0.19, found.alone, VERMILLION, "////")
    for colour, hatch, words in ((BLUE, None, "hidden"), (VERMILLION, "////", "nothing else shown")):
        axes.barh([0], [0], color=(colour, 0.45), edgecolor=colour, hatch=hatch, label=words)
    axes.set_yticks(range(len(rows)))
    axes.set_yticklabels([region.replace("_", " ") for region, _ in rows], fontsize=9, color=INK)
    axes.set(ylim=(max(3, len(rows)) - 0.5, -0.6), xlim=(0, 1.005))
    canvas.dressed(axes, metric, "")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    canvas.say_if_missing(axes, 0.0 if rows else math.nan)
    return canvas.png(figure)


def _bar(axes: Axes, y: float, estimate: Interval, colour: str, hatch: str | None) -> None:
    value, low, high = estimate.value, estimate.low, estimate.high
    if not math.isnan(value):
        axes.barh([y], [value], height=0.34, color=(colour, 0.45), edgecolor=colour, linewidth=0.8, hatch=hatch)
    if not math.isnan(low + high):
        axes.plot([low, high], [y, y], color=INK, linewidth=1.4, solid_capstyle="butt")
    shown = MUTED if math.isnan(value) else INK
    axes.text(1.03, y, canvas.words(estimate, ""), transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=shown)
