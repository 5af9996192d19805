"""Where to cut a probability, chosen on cases that neither trained the model nor judge it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, checked_labels, checked_probabilities


@dataclass(frozen=True, slots=True)
class TargetSensitivity:
    """The highest threshold whose sensitivity is at least `value`: as specific as that leaves room for."""

    value: float
    """More than 0, at most 1."""

    def __post_init__(self) -> None:
        if not 0 < self.value <= 1:
            raise ValueError(f"a target sensitivity of {self.value}: it must be more than 0 and at most 1")


@dataclass(frozen=True, slots=True)
class Youden:
    """The threshold with the largest sensitivity + specificity - 1 (Youden, Cancer 3:32, 1950)."""


@dataclass(frozen=True, slots=True)
class LeastCost:
    """The threshold with the least expected cost (Metz, Semin Nucl Med 8:283, 1978)."""

    miss: float
    """Cost of a false negative, more than 0."""
    alarm: float
    """Cost of a false positive, more than 0."""
    prevalence: float | None = None
    """Share of positive cases where the threshold is used; None takes that of the cases."""

    def __post_init__(self) -> None:
        if not (self.miss > 0 and self.alarm > 0):
            raise ValueError(f"costs of {self.miss} and {self.alarm}: both must be more than 0")
        if self.prevalence is not None and not 0 < self.prevalence < 1:
            raise ValueError(f"a prevalence of {self.prevalence}: it must lie between 0 and 1")


Policy = TargetSensitivity | Youden | LeastCost


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold, and what it does on the cases it was fitted on."""

    value: float
    """A case is positive when its probability is at or above it."""
    sensitivity: float
    specificity: float


def fit_threshold(probabilities: npt.ArrayLike, labels: npt.ArrayLike, policy: Policy) -> Threshold:
    """Return the threshold that a policy asks for.

    Candidates lie halfway between neighbouring distinct probabilities, and halfway between 0 and the
    lowest, so that rounding in another engine moves no fitted case across. Cases with one probability
    stay on one side, which is why a target may be exceeded. Between thresholds of equal merit Youden
    and cost take the lowest, the most sensitive: a miss costs more than a second look.

    Args:
        probabilities: of the positive class, shape [n], 0 to 1.
        labels: shape [n], 0 or 1.
        policy: what the threshold is for.

    Raises:
        ValueError: one class only, or the arrays do not fit together or hold what cannot be meant.
    """
    values = checked_probabilities(probabilities)
    positive = checked_labels(labels, values.size)
    positives = int(np.sum(positive))
    negatives = values.size - positives
    if not positives or not negatives:
        raise ValueError(f"a threshold needs both classes: there are {positives} positive and {negatives} negative cases")
    distinct, group = np.unique(values, return_inverse=True)
    # Called positive at the candidate below each distinct probability, from the lowest upwards: counts, so exact.
    tp = positives - _before(np.bincount(group, weights=positive).astype(np.float64))
    tn = _before(np.bincount(group, weights=1 - positive).astype(np.float64))
    if isinstance(policy, TargetSensitivity):
        chosen = int(np.flatnonzero(tp / positives >= policy.value)[-1])
    elif isinstance(policy, LeastCost):
        share = positives / values.size if policy.prevalence is None else policy.prevalence
        saved = policy.miss * share * tp / positives + policy.alarm * (1 - share) * tn / negatives
        chosen = int(np.flatnonzero(saved >= saved.max() * (1 - 1e-12))[0])
    else:
        chosen = int(np.argmax(tp * negatives + tn * positives))
    return Threshold(
        value=_below(distinct, chosen),
        sensitivity=float(tp[chosen] / positives),
        specificity=float(tn[chosen] / negatives),
    )


def _before(counts: FloatArray) -> FloatArray:
    """Return how many cases lie below each distinct value, shape [k]."""
    return np.cumsum(counts) - counts


def _below(distinct: FloatArray, chosen: int) -> float:
    """Return the point halfway down from a distinct value, or the value itself where no float lies between."""
    upper = float(distinct[chosen])
    lower = float(distinct[chosen - 1]) if chosen else 0.0
    middle = lower + (upper - lower) / 2
    return middle if middle > lower else upper
