"""Probabilities: what they mean, and how they are spread."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator

from radloop.evaluation.figures import canvas
from radloop.evaluation.figures.canvas import BLUE, HAIRLINE, INK, MUTED, VERMILLION
from radloop.statistics import calibration
from radloop.statistics.arrays import checked_labels, checked_probabilities
from radloop.statistics.intervals import wilson


def calibration_figure(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    title: str = "Calibration",
    note: str | None = None,
    bins: int = 10,
    synthetic: bool = False,
) -> bytes:
    """Draw what was observed against what was said, each bin with Wilson's 95% interval, and the cases below.

    Args:
        probabilities: of the positive class, shape [n], 0 to 1.
        labels: shape [n], 0 or 1.
        title: of the figure.
        note: below it; by itself the Brier score and the calibration error of these cases.
        bins: how many of equal width.
        synthetic: marks the figure as made from phantoms.
    """
    brier, ece = calibration.brier(probabilities, labels), calibration.ece(probabilities, labels, bins)
    words = f"Brier score {canvas.number(brier)}, calibration error {canvas.number(ece)}"
    figure, axes = canvas.opened(title, note or words, height=4.9, synthetic=synthetic)
    table = calibration.reliability(probabilities, labels, bins)
    canvas.guide(axes, 0, 1, "perfectly calibrated")
    full = np.flatnonzero(table.cases)
    if full.size:
        observed, said = table.observed[full], table.mean_probability[full]
        bounds = [wilson(int(table.positives[i]), int(table.cases[i])) for i in full]
        reach = np.abs([[b.low for b in bounds], [b.high for b in bounds]] - observed)
        axes.errorbar(
            said, observed, yerr=reach, fmt="o-", color=BLUE, linewidth=1.6, markersize=5, capsize=3, label="this model"
        )
    canvas.unit_square(axes, "", "Observed share")
    canvas.legend(axes, "upper left")
    canvas.say_if_missing(axes, brier)
    below = axes.inset_axes((0, -0.27, 1, 0.17), sharex=axes)
    below.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
    below.bar(table.edges[:-1], table.cases, width=1 / bins, align="edge", color=HAIRLINE, edgecolor=MUTED, linewidth=0.6)
    below.set_ylim(0, max(1.0, 1.05 * float(table.cases.max())))
    canvas.dressed(below, "Predicted probability", "Cases")
    axes.tick_params(labelbottom=False)
    return canvas.png(figure)


def scores_figure(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    threshold: float | None,
    positive: str,
    negative: str,
    synthetic: bool = False,
) -> bytes:
    """Draw how the probabilities of positive and negative cases are spread about the threshold.

    Args:
        probabilities: of the positive class, shape [n], 0 to 1.
        labels: shape [n], 0 or 1.
        threshold: drawn as a line; None where there is none.
        positive: the word for the finding.
        negative: the word for its absence.
        synthetic: marks the figure as made from phantoms.
    """
    values = checked_probabilities(probabilities)
    truth = checked_labels(labels, values.size)
    note = "There is no one threshold" if threshold is None else f"The line is the threshold, {threshold:.3f}"
    figure, axes = canvas.opened("Probabilities of the test cases", note, synthetic=synthetic)
    edges = np.linspace(0, 1, 21).tolist()
    for label, word, colour, depth, hatch in ((0, negative, BLUE, 0.45, None), (1, positive, VERMILLION, 0.30, "////")):
        name = f"{word} ({np.sum(truth == label)})"
        axes.hist(values[truth == label], edges, color=(colour, depth), edgecolor=colour, linewidth=0.8, hatch=hatch, label=name)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1.6, linestyle=(0, (5, 2)))
    axes.set(xlim=(0, 1), ylim=(0, max(1.0, 1.18 * axes.get_ylim()[1])))
    canvas.dressed(axes, "Predicted probability", "Cases")
    canvas.legend(axes, "upper center", columns=2)
    canvas.say_if_missing(axes, 0.0 if values.size else math.nan)
    return canvas.png(figure)
