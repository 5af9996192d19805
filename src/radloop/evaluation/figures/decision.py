"""Whether acting on the answers does more good than acting on everyone or on no one."""

from __future__ import annotations

import math

import numpy as np

from radloop.evaluation.decision import NetBenefit
from radloop.evaluation.figures import canvas
from radloop.evaluation.figures.canvas import BLUE, INK, MUTED, VERMILLION
from radloop.statistics.intervals import Interval


def decision_figure(found: NetBenefit, *, synthetic: bool = False) -> bytes:
    """Draw the net benefit of the model with its band, of acting on everyone and on no one, about the threshold in use.

    Args:
        found: the curve, the threshold in its middle.
        synthetic: marks the figure as made from phantoms.
    """
    curve, middle = found.curve, len(found.curve.thresholds) // 2
    gain = canvas.words(curve.gain[middle])
    figure, axes = canvas.opened("Decision curve", f"Gain at the threshold {gain}", synthetic=synthetic)
    places, (value, low, high) = np.asarray(curve.thresholds), _ends(curve.model)
    axes.axhline(0, color=MUTED, linewidth=1.2, linestyle=(0, (1, 2)), label="act on no one")
    axes.plot(places, _ends(curve.treat_all)[0], color=VERMILLION, linewidth=1.6, linestyle=(0, (5, 2)), label="act on everyone")
    axes.fill_between(places, low, high, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(places, value, color=BLUE, linewidth=2.2, label="act on this model")
    canvas.operating_point(axes, places[middle], float(value[middle]), f"threshold {found.threshold:.3f}")
    known = np.concatenate([value, low, high])
    known = known[np.isfinite(known)]
    if known.size:
        room = 0.08 * (max(known.max(), 0.05) - min(known.min(), 0.0))
        axes.set_ylim(min(known.min(), 0.0) - 2 * room, max(known.max(), 0.05) + room)
    axes.set_xlim(places[0], places[-1])
    canvas.dressed(axes, "Threshold probability", "Net benefit, findings a case")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    canvas.say_if_missing(axes, 0.0 if known.size else math.nan)
    return canvas.png(figure)


def _ends(intervals: tuple[Interval, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, lower and upper bounds as arrays."""
    value, low, high = (np.asarray([getattr(item, end) for item in intervals], np.float64) for end in ("value", "low", "high"))
    return value, low, high
