"""Which measure judges cases, by the kind of their labels, its intervals over a policy's draws, and these as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from radloop.evaluation.cases import Cases, Outputs
from radloop.statistics import outputs as several
from radloop.statistics.averages import averages
from radloop.statistics.intervals import Interval, Measure, resample
from radloop.statistics.outputs import Name
from radloop.use_case import Policy

Key = TypeVar("Key", bound=Hashable)


def intervals(
    measure: Measure[Key], cases: Cases, policy: Policy, signed: Callable[[Key], bool] = lambda _: False
) -> dict[Key, Interval]:
    """Return a measure's numbers with their intervals; the units of its cases are drawn.

    Args:
        measure: of the weights of the cases' units.
        cases: n of them.
        policy: number and seed of the draws.
        signed: which numbers are differences; see `statistics.intervals.resample`.
    """
    units = int(cases.units.max(initial=-1)) + 1
    return resample(measure, units, cases=len(cases), draws=policy.draws, seed=policy.seed, signed=signed)


def cases_measure(cases: Cases, outputs: Outputs, judged: Sequence[bool], metrics: Sequence[str]) -> Measure[Name]:
    """Return the measure of the labels' metrics, and of regions where they are marked."""
    marks = {"dice": cases.dice, "location": cases.location}
    drawn = averages({name: values for name, values in marks.items() if values is not None}, cases.units)
    said = labels_measure(cases, outputs, judged, metrics)
    return lambda weights: {**said(weights), **drawn(weights)}


def labels_measure(cases: Cases, outputs: Outputs, judged: Sequence[bool], metrics: Sequence[str]) -> Measure[Name]:
    """Return the measure of the labels' metrics.

    Args:
        cases: n of them.
        outputs: the bundle's own.
        judged: of separate findings, those that the means are over.
        metrics: names out of `statistics.intervals.METRICS`.
    """
    if outputs.kind == "multiclass":
        return several.classes(cases.probabilities, cases.truths, cases.units, labels=outputs.labels, metrics=metrics)
    if outputs.kind == "multilabel":
        return several.findings(
            cases.probabilities,
            cases.truths,
            cases.units,
            labels=outputs.labels,
            thresholds=outputs.cuts(cases.frame),
            judged=judged,
            metrics=metrics,
        )
    said, truth = cases.probabilities[:, 0], cases.truths[:, 0]
    return several.one(said, truth, cases.units, threshold=outputs.cuts(cases.frame)[0], metrics=metrics)


def intervals_as_json(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Return intervals as JSON; a number that could not be computed is null."""
    return {name: interval_as_json(interval) for name, interval in intervals.items()}


def interval_as_json(interval: Interval) -> dict[str, float | None]:
    """Return one interval as JSON."""
    return {end: number_as_json(getattr(interval, end)) for end in ("value", "low", "high")}


def number_as_json(number: float) -> float | None:
    """Return a number, null where it is not finite."""
    return float(number) if math.isfinite(number) else None
