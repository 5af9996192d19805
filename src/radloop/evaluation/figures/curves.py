"""ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from radloop.evaluation.figures import canvas
from radloop.evaluation.figures.canvas import BLUE, DASHES, INK, SERIES
from radloop.statistics import discrimination
from radloop.statistics.bands import GRID, Band
from radloop.statistics.intervals import Interval


def roc_figure(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    threshold: float | None,
    auroc: Interval,
    band: Band | None = None,
    synthetic: bool = False,
) -> bytes:
    """Draw the ROC curve with its operating point.

    Args:
        scores: shape [n].
        labels: shape [n], 0 or 1.
        threshold: of the operating point; None where there is none.
        auroc: as it was judged, with its interval.
        band: of the curve; None where it is unknown.
        synthetic: marks the figure as made from phantoms.
    """
    figure, axes = canvas.opened("ROC curve", f"AUROC {canvas.words(auroc)}", synthetic=synthetic)
    curve = discrimination.roc_curve(scores, labels)
    canvas.guide(axes, 0, 1, "chance")
    _shade(axes, band)
    axes.plot(curve.false_positive_rate, curve.true_positive_rate, color=BLUE, linewidth=2.2, label="this model")
    if threshold is not None:
        sensitivity = discrimination.sensitivity(scores, labels, threshold)
        specificity = discrimination.specificity(scores, labels, threshold)
        canvas.operating_point(axes, 1 - specificity, sensitivity, f"threshold {threshold:.3f}")
    canvas.unit_square(axes, "1 - specificity", "Sensitivity")
    canvas.legend(axes, "lower right")
    canvas.say_if_missing(axes, auroc.value)
    return canvas.png(figure)


def precision_recall_figure(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    threshold: float | None,
    average_precision: Interval,
    band: Band | None = None,
    synthetic: bool = False,
) -> bytes:
    """Draw the precision-recall curve with its operating point and the prevalence.

    Args:
        scores: shape [n].
        labels: shape [n], 0 or 1.
        threshold: of the operating point; None where there is none.
        average_precision: as it was judged, with its interval.
        band: of the curve; None where it is unknown.
        synthetic: marks the figure as made from phantoms.
    """
    figure, axes = canvas.opened(
        "Precision and recall", f"Average precision {canvas.words(average_precision)}", synthetic=synthetic
    )
    curve = discrimination.precision_recall_curve(scores, labels)
    if curve.precision.size > 1:
        prevalence = float(curve.precision[-1])
        canvas.guide(axes, prevalence, prevalence, f"prevalence {prevalence:.2f}")
    _shade(axes, band)
    axes.step(curve.recall, curve.precision, where="pre", color=BLUE, linewidth=2.2, label="this model")
    if threshold is not None:
        sensitivity = discrimination.sensitivity(scores, labels, threshold)
        canvas.operating_point(axes, sensitivity, discrimination.ppv(scores, labels, threshold), f"threshold {threshold:.3f}")
    canvas.unit_square(axes, "Recall (sensitivity)", "Precision (PPV)")
    canvas.legend(axes, "lower left")
    canvas.say_if_missing(axes, average_precision.value)
    return canvas.png(figure)


def _shade(axes: Axes, band: Band | None) -> None:
    if band is not None:
        axes.fill_between(GRID, band.low, band.high, color=BLUE, alpha=0.15, linewidth=0, label="95% of draws")


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """The cases of one label among several."""

    label: str
    scores: npt.NDArray[np.float64]
    """Shape [n]."""
    truth: npt.NDArray[np.float64]
    """Shape [n], 0 or 1."""
    auroc: Interval


def roc_curves_figure(curves: Sequence[Labelled], *, overall: Interval, left_out: int = 0, synthetic: bool = False) -> bytes:
    """Draw the ROC curve of each label against all else; colour and dash tell them apart.

    Args:
        curves: those that can be judged, in the order of the labels.
        overall: their mean AUROC.
        left_out: how many labels cannot be judged.
        synthetic: marks the figure as made from phantoms.
    """
    height = 4.3 + 0.17 * len(curves)
    figure, axes = canvas.opened("ROC curves", f"Mean AUROC {canvas.words(overall)}", height=height, synthetic=synthetic)
    canvas.guide(axes, 0, 1, "chance")
    for number, item in enumerate(curves):
        curve = discrimination.roc_curve(item.scores, item.truth)
        axes.plot(
            curve.false_positive_rate,
            curve.true_positive_rate,
            color=SERIES[number % len(SERIES)],
            linestyle=DASHES[number // len(SERIES) % len(DASHES)],
            linewidth=1.6,
            label=f"{canvas.short(item.label, 24)}  {canvas.words(item.auroc, '')}",
        )
    if left_out:
        axes.plot([], [], " ", label=f"not evaluable: {left_out} more")
    canvas.unit_square(axes, "1 - specificity", "Sensitivity")
    figure.legend(loc="outside lower center", frameon=False, fontsize=8.5, labelcolor=INK, handlelength=2.6)
    canvas.say_if_missing(axes, 0.0 if curves else float("nan"))
    return canvas.png(figure)
