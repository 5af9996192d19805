"""The most certain wrong answers, each image beside itself under its heat map."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image

from radloop.evaluation.figures import canvas
from radloop.evaluation.figures.canvas import AMBER, INK, VERMILLION
from radloop.evaluation.hardest import Hard

_COLUMNS = 2
_ROW, _IMAGE = 1.46, 0.78
"""Inches of a row, and the share of it below the words."""
_SIDE = 256
"""Pixels of the longer side as it is drawn: more would only make the file larger."""
_HEAT = LinearSegmentedColormap.from_list("heat", [(0, AMBER + "00"), (0.4, AMBER + "30"), (1, VERMILLION + "B0")])


def hardest_figure(hard: Sequence[Hard], *, synthetic: bool = False) -> bytes:
    """Draw images of wrong answers as they are, and under the heat map of what was wrong.

    Args:
        hard: from the worst.
        synthetic: marks the figure as made from phantoms.
    """
    rows = max(1, math.ceil(len(hard) / _COLUMNS))
    height = 0.75 + _ROW * rows
    note = "As it is, and under the heat map of the wrong answer"
    figure, first = canvas.opened("The most certain wrong answers", note, height=height, synthetic=synthetic)
    first.remove()
    figure.set_layout_engine("none")  # it would draw every image twice to find the same places
    across, down = 0.97 / _COLUMNS, _ROW / float(figure.get_figheight())
    for number in range(max(1, len(hard))):
        row, column = divmod(number, _COLUMNS)
        place = (0.02 + column * across, 0.01 + (rows - 1 - row) * down, across - 0.02, down * _IMAGE)
        axes = figure.add_axes(place, anchor="NW")
        axes.set_axis_off()
        if number < len(hard):
            _pair(axes, hard[number])
        else:
            canvas.say_if_missing(axes, math.nan)
    return canvas.png(figure)


def _pair(axes: Axes, item: Hard) -> None:
    image = Image.fromarray(item.pixels)
    image.thumbnail((_SIDE, _SIDE))
    heat = Image.fromarray(np.ascontiguousarray(item.heat, dtype=np.float32)).resize(image.size, Image.Resampling.BILINEAR)
    grey = np.repeat(np.asarray(image, dtype=np.float64)[:, :, None] / 255, 3, axis=2)
    colours = _HEAT(np.clip(np.asarray(heat) / max(float(np.max(item.heat)), 1e-12), 0, 1))
    opacity = colours[:, :, 3:]
    gap = np.ones((grey.shape[0], max(2, grey.shape[1] // 24), 3))
    axes.imshow(np.hstack([grey, gap, grey * (1 - opacity) + colours[:, :, :3] * opacity]), interpolation="bilinear")
    title = f"said {canvas.short(item.said, 32)}\ntrue {canvas.short(item.true, 20)}, {item.id[:8]}"
    axes.set_title(title, fontsize=8, color=INK, pad=3, loc="left")
