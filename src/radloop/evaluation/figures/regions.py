"""Marked regions: how well they fit, and what they look like."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from radloop.evaluation.figures import canvas
from radloop.evaluation.figures.canvas import AMBER, BLUE, INK, VERMILLION
from radloop.evaluation.regions import Example
from radloop.statistics.intervals import Interval

_COLUMNS = 2


def dice_figure(values: npt.NDArray[np.float64], *, mean: Interval, synthetic: bool = False) -> bytes:
    """Draw how Dice is spread over the images.

    Args:
        values: shape [n], 0 to 1; NaN is an image whose true region nobody knows.
        mean: as it was judged.
        synthetic: marks the figure as made from phantoms.
    """
    figure, axes = canvas.opened("Dice of the test images", f"Mean {canvas.words(mean)}", synthetic=synthetic)
    known = values[~np.isnan(values)]
    axes.hist(known, np.linspace(0, 1, 21).tolist(), color=(BLUE, 0.45), edgecolor=BLUE, linewidth=0.8)
    if not math.isnan(mean.value):
        axes.axvline(mean.value, color=INK, linewidth=1.6, linestyle=(0, (5, 2)))
    axes.set(xlim=(0, 1), ylim=(0, max(1.0, 1.08 * axes.get_ylim()[1])))
    canvas.dressed(axes, "Dice", "Images")
    canvas.say_if_missing(axes, 0.0 if known.size else math.nan)
    return canvas.png(figure)


def regions_figure(examples: Sequence[Example], *, synthetic: bool = False) -> bytes:
    """Draw images with the marked region, the outline of the true one, and the strongest point.

    Args:
        examples: two a row, from the top.
        synthetic: marks the figure as made from phantoms.
    """
    rows = max(1, math.ceil(len(examples) / _COLUMNS))
    note = "Solid: marked. Dashed: true. Cross: the strongest point"
    figure, first = canvas.opened("Marked and true regions", note, height=0.8 + 2.35 * rows, synthetic=synthetic)
    first.remove()
    for number in range(max(1, len(examples))):
        axes = figure.add_subplot(rows, _COLUMNS, number + 1)
        axes.set_axis_off()
        if number < len(examples):
            _example(axes, examples[number])
        else:
            canvas.say_if_missing(axes, math.nan)
    return canvas.png(figure)


def _example(axes: Axes, example: Example) -> None:
    axes.imshow(example.pixels, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
    for region, colour, style in ((example.marked, AMBER, "solid"), (example.true, "#56B4E9", "dashed")):
        if region.any() and not region.all():
            axes.contour(region.astype(float), levels=[0.5], colors=[colour], linewidths=1.4, linestyles=style)
    x, y = example.point
    axes.plot([x], [y], "P", color=VERMILLION, markersize=6, markeredgecolor="white", markeredgewidth=0.8)
    words = f"{example.words}, Dice {example.dice:.2f}" if example.words else f"Dice {example.dice:.2f}"
    axes.set_title(words, fontsize=9.5, color=INK, pad=3)
