"""The figures of an evaluation, as PNG bytes that depend on nothing but their arguments.

Colours are of the palette for colour-blind readers (Okabe and Ito, 2008), and no colour speaks alone: shape, fill or a
word says the same. Text stays legible at 480 pixels. What cannot be computed is written out, not drawn.
Every function raises ValueError where its arrays do not fit together or hold what cannot be meant.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from radloop.statistics import calibration, discrimination
from radloop.statistics.arrays import checked_labels, checked_probabilities
from radloop.statistics.discrimination import Confusion
from radloop.statistics.intervals import Interval, wilson

BLUE, VERMILLION, AMBER = "#0072B2", "#D55E00", "#F0B429"
INK, MUTED, HAIRLINE = "#1B2733", "#5B6875", "#D5DBE1"

_WIDTH = 4.8
_DPI = 200
_BAND = 0.26
"""Height of the mark of synthetic data, inches."""


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One row of the forest plot."""

    attribute: str
    """Such as `sex`."""
    value: str
    """Such as `F`."""
    images: int
    auroc: Interval
    gated: bool
    """True: the gate judges this group by itself; False: it is reported."""


def roc_figure(
    scores: npt.ArrayLike, labels: npt.ArrayLike, *, threshold: float, auroc: Interval, synthetic: bool = False
) -> bytes:
    """Draw the ROC curve with its operating point.

    Args:
        scores: shape [n].
        labels: shape [n], 0 or 1.
        threshold: of the operating point.
        auroc: as it was judged, with its interval.
        synthetic: marks the figure as made from phantoms.
    """
    figure, axes = _canvas("ROC curve", f"AUROC {_words(auroc)}", synthetic=synthetic)
    curve = discrimination.roc_curve(scores, labels)
    _guide(axes, 0, 1, "chance")
    axes.plot(curve.false_positive_rate, curve.true_positive_rate, color=BLUE, linewidth=2.2, label="this model")
    sensitivity = discrimination.sensitivity(scores, labels, threshold)
    specificity = discrimination.specificity(scores, labels, threshold)
    _operating_point(axes, 1 - specificity, sensitivity, f"threshold {threshold:.3f}")
    _unit_square(axes, "1 - specificity", "Sensitivity")
    _legend(axes, "lower right")
    _say_if_missing(axes, auroc.value)
    return _png(figure)


def precision_recall_figure(
    scores: npt.ArrayLike, labels: npt.ArrayLike, *, threshold: float, average_precision: Interval, synthetic: bool = False
) -> bytes:
    """Draw the precision-recall curve with its operating point and the prevalence.

    Args:
        scores: shape [n].
        labels: shape [n], 0 or 1.
        threshold: of the operating point.
        average_precision: as it was judged, with its interval.
        synthetic: marks the figure as made from phantoms.
    """
    figure, axes = _canvas("Precision and recall", f"Average precision {_words(average_precision)}", synthetic=synthetic)
    curve = discrimination.precision_recall_curve(scores, labels)
    if curve.precision.size > 1:
        prevalence = float(curve.precision[-1])
        _guide(axes, prevalence, prevalence, f"prevalence {prevalence:.2f}")
    axes.step(curve.recall, curve.precision, where="pre", color=BLUE, linewidth=2.2, label="this model")
    sensitivity = discrimination.sensitivity(scores, labels, threshold)
    _operating_point(axes, sensitivity, discrimination.ppv(scores, labels, threshold), f"threshold {threshold:.3f}")
    _unit_square(axes, "Recall (sensitivity)", "Precision (PPV)")
    _legend(axes, "lower left")
    _say_if_missing(axes, average_precision.value)
    return _png(figure)


def calibration_figure(probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 10, synthetic: bool = False) -> bytes:
    """Draw what was observed against what was said, each bin with Wilson's 95% interval, and the cases below.

    Args:
        probabilities: of the positive class, shape [n], 0 to 1.
        labels: shape [n], 0 or 1.
        bins: how many of equal width.
        synthetic: marks the figure as made from phantoms.
    """
    brier, ece = calibration.brier(probabilities, labels), calibration.ece(probabilities, labels, bins)
    note = f"Brier score {_number(brier)}, calibration error {_number(ece)}"
    figure, axes = _canvas("Calibration", note, height=4.9, synthetic=synthetic)
    table = calibration.reliability(probabilities, labels, bins)
    _guide(axes, 0, 1, "perfectly calibrated")
    full = np.flatnonzero(table.cases)
    if full.size:
        observed, said = table.observed[full], table.mean_probability[full]
        bounds = [wilson(int(table.positives[i]), int(table.cases[i])) for i in full]
        reach = np.abs([[b.low for b in bounds], [b.high for b in bounds]] - observed)
        axes.errorbar(
            said, observed, yerr=reach, fmt="o-", color=BLUE, linewidth=1.6, markersize=5, capsize=3, label="this model"
        )
    _unit_square(axes, "", "Observed share")
    _legend(axes, "upper left")
    _say_if_missing(axes, brier)
    below = axes.inset_axes((0, -0.27, 1, 0.17), sharex=axes)
    below.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
    below.bar(table.edges[:-1], table.cases, width=1 / bins, align="edge", color=HAIRLINE, edgecolor=MUTED, linewidth=0.6)
    below.set_ylim(0, max(1.0, 1.05 * float(table.cases.max())))
    _dressed(below, "Predicted probability", "Cases")
    axes.tick_params(labelbottom=False)
    return _png(figure)


def confusion_figure(confusion: Confusion, *, positive: str, negative: str, synthetic: bool = False) -> bytes:
    """Draw the four counts at the threshold: the truth in rows, the answer in columns.

    Args:
        confusion: the counts.
        positive: the word for the finding, such as `tuberculosis`.
        negative: the word for its absence.
        synthetic: marks the figure as made from phantoms.
    """
    figure, axes = _canvas("Right and wrong answers", "Cases at the threshold, and their share of the row", synthetic=synthetic)
    rows = (
        ((confusion.true_positives, BLUE, "found"), (confusion.false_negatives, VERMILLION, "missed")),
        ((confusion.false_positives, VERMILLION, "false alarm"), (confusion.true_negatives, BLUE, "cleared")),
    )
    for y, row in enumerate(rows):
        total = sum(count for count, _, _ in row)
        for x, (count, colour, word) in enumerate(row):
            share = count / total if total else 0.0
            axes.add_patch(Rectangle((x, y), 0.97, 0.97, facecolor=(colour, 0.1 + share / 2), edgecolor="none"))
            axes.text(x + 0.485, y + 0.40, f"{count:,}", ha="center", va="center", fontsize=24, fontweight="bold", color=INK)
            words = f"{word}, {share:.0%}" if total else "no case"
            axes.text(x + 0.485, y + 0.68, words, ha="center", va="center", fontsize=11, color=INK)
    axes.set(xlim=(0, 1.97), ylim=(1.97, 0), xticks=(0.485, 1.485), yticks=(0.485, 1.485))
    axes.set_xticklabels((positive, negative), fontsize=10, color=INK)
    axes.set_yticklabels((positive, negative), fontsize=10, color=INK, rotation=90, va="center")
    _dressed(axes, "The model's answer", "The truth")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return _png(figure)


def scores_figure(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    threshold: float,
    positive: str,
    negative: str,
    synthetic: bool = False,
) -> bytes:
    """Draw how the probabilities of positive and negative cases are spread about the threshold.

    Args:
        probabilities: of the positive class, shape [n], 0 to 1.
        labels: shape [n], 0 or 1.
        threshold: drawn as a line.
        positive: the word for the finding.
        negative: the word for its absence.
        synthetic: marks the figure as made from phantoms.
    """
    values = checked_probabilities(probabilities)
    truth = checked_labels(labels, values.size)
    figure, axes = _canvas("Probabilities of the test cases", f"The line is the threshold, {threshold:.3f}", synthetic=synthetic)
    edges = np.linspace(0, 1, 21).tolist()
    for label, word, colour, depth, hatch in ((0, negative, BLUE, 0.45, None), (1, positive, VERMILLION, 0.30, "////")):
        name = f"{word} ({np.sum(truth == label)})"
        axes.hist(values[truth == label], edges, color=(colour, depth), edgecolor=colour, linewidth=0.8, hatch=hatch, label=name)
    axes.axvline(threshold, color=INK, linewidth=1.6, linestyle=(0, (5, 2)))
    axes.set(xlim=(0, 1), ylim=(0, max(1.0, 1.18 * axes.get_ylim()[1])))
    _dressed(axes, "Predicted probability", "Cases")
    _legend(axes, "upper center", columns=2)
    _say_if_missing(axes, 0.0 if values.size else math.nan)
    return _png(figure)


def subgroups_figure(subgroups: Sequence[Subgroup], *, overall: Interval, synthetic: bool = False) -> bytes:
    """Draw a forest plot: the AUROC of each subgroup with its interval, against the whole population's.

    Args:
        subgroups: from top to bottom.
        overall: the whole population's AUROC, drawn as a line in its band.
        synthetic: marks the figure as made from phantoms.
    """
    rows = max(3, len(subgroups))
    height = 1.6 + 0.27 * rows
    note = f"Line and band: all together, {_words(overall)}"
    figure, axes = _canvas("AUROC by subgroup", note, height=height, synthetic=synthetic)
    if not math.isnan(overall.low + overall.high):
        axes.axvspan(overall.low, overall.high, color=BLUE, alpha=0.10, linewidth=0)
    if not math.isnan(overall.value):
        axes.axvline(overall.value, color=BLUE, linewidth=1, linestyle=(0, (4, 3)))
    for y, row in enumerate(subgroups):
        _forest_row(axes, y, row)
    axes.set_yticks(range(len(subgroups)))
    names = [f"{row.attribute.replace('_', ' ')} {_short(row.value)}  n={row.images}" for row in subgroups]
    axes.set_yticklabels(names, fontsize=9, color=INK)
    axes.set(ylim=(rows - 0.4, -0.6), xlim=(_forest_start(subgroups, overall), 1.005))
    for words, face in (("gated", BLUE), ("reported only", "white")):
        axes.plot([], [], "s", color=BLUE, markerfacecolor=face, markersize=6, label=words)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    _dressed(axes, "AUROC", "")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    _say_if_missing(axes, 0.0 if subgroups else math.nan)
    return _png(figure)


def _forest_row(axes: Axes, y: int, row: Subgroup) -> None:
    value, low, high = row.auroc.value, row.auroc.low, row.auroc.high
    if not math.isnan(low + high):
        axes.plot([low, high], [y, y], color=BLUE, linewidth=1.8, solid_capstyle="butt")
    if not math.isnan(value):
        axes.plot([value], [y], "s", color=BLUE, markerfacecolor=BLUE if row.gated else "white", markersize=6, clip_on=False)
    colour = MUTED if math.isnan(value) else INK
    axes.text(1.03, y, _words(row.auroc, ""), transform=axes.get_yaxis_transform(), va="center", fontsize=8.5, color=colour)


def _forest_start(subgroups: Sequence[Subgroup], overall: Interval) -> float:
    """Return where the axis starts: the tenth below the lowest number, at most 0.8."""
    numbers = [number for shown in (overall, *(row.auroc for row in subgroups)) for number in (shown.value, shown.low)]
    return min([0.8, *(math.floor(number * 10) / 10 for number in numbers if not math.isnan(number))])


def _canvas(title: str, note: str, *, height: float = 4.3, synthetic: bool) -> tuple[Figure, Axes]:
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


def _dressed(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=10, color=INK)
    axes.set_ylabel(y, fontsize=10, color=INK)
    axes.tick_params(colors=MUTED, labelsize=9, labelcolor=INK, width=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.grid(visible=True, color=HAIRLINE, linewidth=0.6)
    axes.set_axisbelow(True)


def _guide(axes: Axes, start: float, end: float, words: str) -> None:
    """Draw what the curve is to be compared with, from the left edge to the right."""
    axes.plot([0, 1], [start, end], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label=words)


def _legend(axes: Axes, place: Literal["lower right", "lower left", "upper left", "upper center"], columns: int = 1) -> None:
    legend = axes.legend(
        loc=place, ncols=columns, facecolor="white", edgecolor="none", framealpha=0.85, fontsize=9, labelcolor=INK
    )
    legend.set_zorder(5)


def _unit_square(axes: Axes, x: str, y: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    _dressed(axes, x, y)


def _operating_point(axes: Axes, x: float, y: float, words: str) -> None:
    if not math.isnan(x + y):
        axes.plot([x], [y], "D", color=VERMILLION, markersize=8, markeredgecolor="white", markeredgewidth=1.2, label=words)


def _say_if_missing(axes: Axes, value: float) -> None:
    if math.isnan(value):
        axes.text(0.5, 0.5, "not evaluable", transform=axes.transAxes, ha="center", va="center", fontsize=13, color=MUTED)


def _number(value: float) -> str:
    return "not evaluable" if math.isnan(value) else f"{value:.3f}"


def _short(word: str) -> str:
    return word if len(word) <= 14 else word[:13] + "\N{HORIZONTAL ELLIPSIS}"


def _words(interval: Interval, prefix: str = "95% CI ") -> str:
    """Return `0.953 (95% CI 0.921-0.978)`, and in words what is missing."""
    if math.isnan(interval.value):
        return "not evaluable"
    if math.isnan(interval.low + interval.high):
        return f"{interval.value:.3f} (no interval)"
    return f"{interval.value:.3f} ({prefix}{interval.low:.3f}\N{EN DASH}{interval.high:.3f})"


def _png(figure: Figure) -> bytes:
    """Return a figure as PNG, without the name or version of the program that drew it."""
    stream = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    return stream.getvalue()
