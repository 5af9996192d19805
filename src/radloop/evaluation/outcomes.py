"""What altered images do to the answers, against the same images untouched."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.measures import interval_as_json, intervals, number_as_json
from radloop.evaluation.sample import Sample
from radloop.inference.calibration import decisions
from radloop.statistics.arrays import FloatArray
from radloop.statistics.intervals import Interval
from radloop.statistics.outputs import Name as Number

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one alteration.

    Attributes:
        value: the metric of the altered images.
        drop: the metric of the untouched less that of the altered, paired in the same draws.
        flips: share of decisions that changed; NaN where none is made.
    """

    value: Interval
    drop: Interval
    flips: float

    def as_dict(self, metric: str) -> dict[str, Any]:
        """Return it as the evidence keeps it, its members named by the metric."""
        return {
            metric: interval_as_json(self.value),
            f"{metric}_drop": interval_as_json(self.drop),
            "flips": number_as_json(self.flips),
        }


def outcomes(sample: Sample, altered: Mapping[Key, Cases]) -> dict[Key, Outcome]:
    """Return what each alteration did to a sample; all from the same draws.

    Args:
        sample: the images untouched.
        altered: the sample's cases as they were answered after each alteration.
    """
    untouched = sample.measure(sample.cases)
    others = {key: sample.measure(cases) for key, cases in altered.items()}
    overall: Number = (None, sample.metric)

    def measure(weights: FloatArray) -> dict[tuple[str, Key, str], FloatArray]:
        base = untouched(weights)[overall]
        found: dict[tuple[str, Key, str], FloatArray] = {}
        for key, other in others.items():
            value = other(weights)[overall]
            found |= {("value", key, sample.metric): value, ("drop", key, sample.metric): base - value}
        return found

    numbers = intervals(measure, sample.cases, sample.policy, signed=lambda key: key[0] == "drop")
    return {
        key: Outcome(
            numbers["value", key, sample.metric],
            numbers["drop", key, sample.metric],
            flips(sample.cases, cases, sample.outputs),
        )
        for key, cases in altered.items()
    }


def flips(before: Cases, after: Cases, outputs: Outputs, judged: Sequence[bool] | None = None) -> float:
    """Return the share of decisions that differ: of images for classes, otherwise of images and outputs with a threshold.

    Args:
        before: n cases.
        after: the same cases, answered otherwise.
        outputs: how both answers become decisions.
        judged: the outputs that count; all if None.
    """
    if outputs.kind == "multiclass":
        answers = (cases.probabilities.argmax(axis=1) for cases in (before, after))
        return _share(np.not_equal(*answers))
    counted = judged or (True,) * len(outputs.labels)
    decided = [k for k, threshold in enumerate(outputs.thresholds) if threshold is not None and counted[k]]
    first, second = (called(cases, outputs)[:, decided] for cases in (before, after))
    return _share(first != second)


def called(cases: Cases, outputs: Outputs) -> NDArray[np.bool_]:
    """Return the decisions, bool [n, K]; False where an output has no threshold."""
    if outputs.kind == "multiclass":
        rows = [decisions(row, outputs.kind, ()) for row in cases.probabilities.tolist()]
        return np.asarray(rows, dtype=np.bool_).reshape(len(cases), len(outputs.labels))
    found = np.zeros(cases.probabilities.shape, dtype=np.bool_)
    for k, cut in enumerate(outputs.cuts(cases.frame)):
        if cut is not None:
            found[:, k] = cases.probabilities[:, k] >= cut
    return found


def _share(differ: NDArray[np.bool_]) -> float:
    return float(differ.mean()) if differ.size else float("nan")
