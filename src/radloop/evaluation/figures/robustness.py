"""How the metric falls as images get worse, one small curve a perturbation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from radloop.evaluation.figures import canvas
from radloop.evaluation.figures.canvas import BLUE, INK, MUTED
from radloop.evaluation.robustness import Robustness, Step

_COLUMNS = 2


def robustness_figure(robustness: Robustness, *, metric: str = "AUROC", synthetic: bool = False) -> bytes:
    """Draw the metric with its interval at each strength, against the untouched images.

    Args:
        robustness: as it was judged.
        metric: its name.
        synthetic: marks the figure as made from phantoms.
    """
    rows = max(1, math.ceil(len(robustness.perturbations) / _COLUMNS))
    note = f"{robustness.images} images; dashed: as they are, {canvas.words(robustness.untouched)}"
    figure, first = canvas.opened(f"{metric} under worse images", note, height=0.8 + 1.75 * rows, synthetic=synthetic)
    first.remove()
    low = _start(robustness)
    for number, (name, steps) in enumerate(robustness.perturbations.items()):
        axes = figure.add_subplot(rows, _COLUMNS, number + 1)
        _curve(axes, steps, robustness.untouched.value)
        axes.set_title(name, fontsize=10, color=INK, pad=3)
        axes.set_ylim(low, 1.02)
    return canvas.png(figure)


def _curve(axes: Axes, steps: Sequence[Step], untouched: float) -> None:
    strengths = [step.strength for step in steps]
    values, lows, highs = (
        np.asarray([getattr(step.outcome.value, end) for step in steps], np.float64) for end in ("value", "low", "high")
    )
    if not math.isnan(untouched):
        axes.axhline(untouched, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.fill_between(strengths, lows, highs, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(strengths, values, "s-", color=BLUE, linewidth=1.6, markersize=4)
    axes.set_xticks(strengths)
    axes.set_xticklabels([f"{step.amount:g}" for step in steps])
    canvas.dressed(axes, steps[0].unit if steps else "", "")
    axes.xaxis.label.set_fontsize(8)
    axes.tick_params(labelsize=8)
    canvas.say_if_missing(axes, 0.0 if np.isfinite(values).any() else math.nan)


def _start(robustness: Robustness) -> float:
    """Return where the axes start: the tenth below the lowest number, at most 0.5."""
    steps = [step.outcome.value for found in robustness.perturbations.values() for step in found]
    numbers = [number for value in steps for number in (value.value, value.low) if not math.isnan(number)]
    return min([0.48, *(math.floor(number * 10) / 10 for number in numbers)])
