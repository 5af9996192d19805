"""Whether acting on a model does more good than acting on everyone or no one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, checked_labels, checked_probabilities, divided, owners
from radloop.statistics.intervals import Interval, Measure, resample

THRESHOLDS: tuple[float, ...] = tuple(percent / 100 for percent in range(1, 100))
"""Threshold probabilities from 1% to 99%."""

Name = tuple[str, float]
"""A strategy, `model` or `treat_all`, or what the first gains over the others (`gain`), and a threshold probability."""


@dataclass(frozen=True, slots=True)
class DecisionCurve:
    """Net benefits over threshold probabilities, in true positives a case; pointwise intervals."""

    thresholds: tuple[float, ...]
    model: tuple[Interval, ...]
    """Of acting where the model's probability is at or above the threshold."""
    treat_all: tuple[Interval, ...]
    gain: tuple[Interval, ...]
    """Of the model over the better of acting on everyone and on no one, in the same draws."""
    treat_none: float = 0.0
    """Nothing is gained and nothing lost, by definition."""


def decision_curve(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> DecisionCurve:
    """Return the decision curve of a model (Vickers and Elkin, Med Decis Making 26:565, 2006), patients resampled.

    At a threshold probability p a false positive weighs p / (1 - p) of a true one: who acts from a risk of 1 in 10 on
    takes nine needless actions for one that was needed. It holds for this sample's prevalence.

    Args:
        probabilities: of the positive class, shape [n], 0 to 1.
        labels: shape [n], 0 or 1.
        patients: who each case belongs to, shape [n], strings or integers.
        thresholds: threshold probabilities, each more than 0 and less than 1.
        draws: how many resamples.
        seed: of the draws.
        level: of confidence, between 0 and 1.

    Raises:
        ValueError: a threshold is not a probability between 0 and 1, or the arrays do not fit together or hold what cannot
            be meant.
    """
    said = checked_probabilities(probabilities)
    measure, count = _measure(said, checked_labels(labels, said.size), patients, tuple(thresholds))
    held = said.size + 5 * len(thresholds)
    found = resample(measure, count, cases=held, draws=draws, seed=seed, level=level, signed=lambda _: True)
    return DecisionCurve(
        thresholds=tuple(thresholds),
        model=tuple(found["model", threshold] for threshold in thresholds),
        treat_all=tuple(found["treat_all", threshold] for threshold in thresholds),
        gain=tuple(found["gain", threshold] for threshold in thresholds),
    )


def _measure(
    said: FloatArray, seen: FloatArray, patients: npt.ArrayLike, thresholds: tuple[float, ...]
) -> tuple[Measure[Name], int]:
    """Return the measure of both strategies at every threshold, and the number of patients."""
    if strange := [threshold for threshold in thresholds if not 0 < threshold < 1]:
        raise ValueError(f"threshold probabilities {strange}: each must lie between 0 and 1")
    owner, count = owners(patients, said.size)
    # Each case is called positive at the thresholds up to a place: sums by patient and place, then from each place upwards.
    rising = np.sort(np.asarray(thresholds, dtype=np.float64))
    place = np.searchsorted(rising, said, side="right")
    sums = np.zeros((2, len(rising) + 1, count))
    np.add.at(sums, (np.where(seen == 1, 0, 1), place, owner), 1.0)
    reached = np.cumsum(sums[:, ::-1], axis=1)[:, ::-1]
    odds = rising / (1 - rising)

    def measure(weights: FloatArray) -> dict[Name, FloatArray]:
        hits, alarms = np.einsum("ctp,pd->ctd", reached, weights)
        cases = hits[0] + alarms[0]
        model = divided(hits[1:] - odds[:, None] * alarms[1:], cases)
        everyone = divided(hits[0] - odds[:, None] * alarms[0], cases)
        strategies = {"model": model, "treat_all": everyone, "gain": model - np.maximum(everyone, 0.0)}
        return {(name, float(p)): drawn[k] for name, drawn in strategies.items() for k, p in enumerate(rising)}

    return measure, count
