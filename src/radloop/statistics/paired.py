"""Two models on the same cases: whether the candidate is no worse than the champion by more than a margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, checked_level
from radloop.statistics.intervals import METRICS, Interval, Measure, Name, resample
from radloop.statistics.outputs import one
from radloop.statistics.resamples import ERRORS


@dataclass(frozen=True, slots=True)
class Judged:
    """One model's scores of cases that another one scored too."""

    scores: npt.ArrayLike
    """Shape [n]; probabilities where `brier` or `ece` is asked for."""
    threshold: float | None
    """The model's own: a score at or above it is positive; None leaves the rates undefined."""


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """How a candidate stands to a champion in one metric."""

    metric: str
    difference: Interval
    """Candidate less champion. Each bound is one-sided at the level asked for; the worse one is judged."""
    margin: float

    @property
    def non_inferior(self) -> bool:
        """Return the verdict of `is_non_inferior`."""
        return is_non_inferior(self.metric, self.difference, self.margin)


def is_non_inferior(metric: str, difference: Interval, margin: float) -> bool:
    """Tell whether a difference (candidate less champion) rules out a loss of the margin or more.

    An error (`brier`, `ece`) is lost by rising, any other metric by falling. A bound that is NaN is a no.

    Raises:
        ValueError: the margin is not a finite number of at least 0.
    """
    if not (np.isfinite(margin) and margin >= 0):
        raise ValueError(f"a margin of {margin}: state the loss that is still acceptable, as a finite number of at least 0")
    return bool(difference.high < margin) if metric in ERRORS else bool(difference.low > -margin)


def non_inferiority(
    candidate: Judged,
    champion: Judged,
    labels: npt.ArrayLike,
    patients: npt.ArrayLike,
    margins: Mapping[str, float],
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, NonInferiority]:
    """Return for each metric whether the candidate is non-inferior, from the same draws of patients for both models.

    The rule is that of ICH E9 (1998), section 3.3.2: the one-sided lower bound of the difference lies above minus the margin.

    Args:
        candidate: scores, shape [n], and threshold.
        champion: scores of the same cases, shape [n], and threshold.
        labels: shape [n]: 1, 0, or NaN where it is unknown; such a case is left out.
        patients: who each case belongs to, shape [n], strings or integers.
        margins: the loss that is still acceptable, by the metrics of `intervals.METRICS` to judge.
        draws: how many resamples.
        seed: of the draws.
        level: of the one-sided bound, between 0.5 and 1; 0.95 accepts one candidate of twenty that are worse by the margin.

    Raises:
        ValueError: a metric or margin is unknown, or the arrays do not fit together or hold what cannot be meant.
    """
    if checked_level(level) <= 0.5:
        raise ValueError(f"a one-sided level of {level}: it must lie between 0.5 and 1, such as 0.95")
    if unknown := sorted(set(margins) - set(METRICS)):
        raise ValueError(f"unknown metrics {unknown}: choose among {list(METRICS)}")
    both = [
        one(model.scores, labels, patients, threshold=model.threshold, metrics=list(margins)) for model in (candidate, champion)
    ]
    found = resample(
        difference(*both),
        np.unique(np.asarray(patients)).size,
        cases=np.size(np.asarray(labels)),
        draws=draws,
        seed=seed,
        level=2 * level - 1,
        signed=lambda _: True,
    )
    return {metric: NonInferiority(metric, found[None, metric], margin) for metric, margin in margins.items()}


def difference(candidate: Measure[Name], champion: Measure[Name]) -> Measure[Name]:
    """Return the measure of candidate less champion, draw by draw; give `resample` signed=True for its numbers.

    Args:
        candidate: a measure of the weights of P patients.
        champion: a measure of the same patients, with all the candidate's names.
    """

    def measure(weights: FloatArray) -> dict[Name, FloatArray]:
        theirs = champion(weights)
        return {name: numbers - theirs[name] for name, numbers in candidate(weights).items()}

    return measure
