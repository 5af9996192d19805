"""The judgement of a bundle on `test`: every number that the gate and the reviewer look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.evaluation.cases import Cases, Outputs
from radloop.statistics import outputs as several
from radloop.statistics.arrays import FloatArray
from radloop.statistics.averages import averages
from radloop.statistics.intervals import METRICS, Interval, Measure, resample
from radloop.statistics.ordinal import levels, nearest_level
from radloop.statistics.outputs import Name, confusion_matrix
from radloop.use_case import Attribute, GapRule, Policy, SubgroupRule, Subgroups, WorstRule

_ATTRIBUTES: tuple[Attribute, ...] = ("sex", "age_band", "site", "view")
_SUBGROUP_METRICS: Mapping[str, tuple[str, ...]] = {
    "binary": ("auroc", "sensitivity", "specificity"),
    "multiclass": ("auroc", "accuracy", "balanced_accuracy"),
    "multilabel": ("auroc", "sensitivity", "specificity"),
    "segmentation": ("sensitivity", "specificity"),
}

Intervals = dict[str, Interval]


@dataclass(frozen=True)
class Numbers:
    """Metrics with intervals over all outputs and, of several outputs, of each against all else."""

    overall: Intervals
    labels: dict[str, Intervals] = field(default_factory=dict)


@dataclass(frozen=True)
class Severity:
    """How well the levels are told, within the intended use.

    Attributes:
        words: of the levels, from the mildest.
        images: whose level is known.
        confusion: the true level in rows, the nearest to the expected one in columns, int64 [G, G].
    """

    words: tuple[str, ...]
    images: int
    metrics: Intervals
    confusion: NDArray[np.int64]


@dataclass(frozen=True)
class Hidden:
    """The same cases with every clinical value hidden, and how far the numbers with them lie above, draw by draw."""

    metrics: Intervals
    difference: Intervals


@dataclass(frozen=True)
class Judgement:
    """Metrics with intervals over the intended population, over all of `test`, and by subgroup.

    Attributes:
        judged: which outputs the means are over.
        labels: of several outputs, each one's metrics over the intended population.
        confusion: of classes, the truth in rows and answers in columns, int64 [K, K], over the intended population.
    """

    cases: Cases
    outputs: Outputs
    judged: tuple[bool, ...]
    population: dict[str, dict[str, Any]]
    metrics: Intervals
    metrics_all_test: Intervals
    labels: dict[str, Intervals]
    subgroups: list[dict[str, Any]]
    confusion: NDArray[np.int64] | None = None
    severity: Severity | None = None
    without_clinical: Hidden | None = None

    @property
    def inside(self) -> Cases:
        """Return the cases within the intended use."""
        return self.cases.within(self.cases.intended)

    def as_dict(self) -> dict[str, Any]:
        """Return the judgement as the evidence keeps it; NaN becomes null."""
        return {
            "population": self.population,
            "metrics": intervals_as_json(self.metrics),
            "metrics_all_test": intervals_as_json(self.metrics_all_test),
            "subgroups": [_row_as_json(row) for row in self.subgroups],
            **self._of_several(),
            **self._of_heads(),
        }

    def _of_several(self) -> dict[str, Any]:
        """Return what only several outputs have."""
        if not self.outputs.several:
            return {}
        counts = self.population["gated"]["labels"]
        labels = {
            label: counts[label] | {"judged": judged, "metrics": intervals_as_json(self.labels[label])}
            for label, judged in zip(self.outputs.labels, self.judged, strict=True)
        }
        if self.confusion is None:
            return {"labels": labels}
        return {"labels": labels, "confusion": {"labels": list(self.outputs.labels), "counts": self.confusion.tolist()}}

    def _of_heads(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.severity is not None:
            found["severity"] = {
                "levels": list(self.severity.words),
                "images": self.severity.images,
                "metrics": intervals_as_json(self.severity.metrics),
                "confusion": self.severity.confusion.tolist(),
            }
        if self.without_clinical is not None:
            found["without_clinical"] = {
                "metrics": intervals_as_json(self.without_clinical.metrics),
                "difference": intervals_as_json(self.without_clinical.difference),
            }
        return found


def intervals_as_json(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Return intervals as JSON; a number that could not be computed is null."""
    return {
        name: {end: _known(getattr(interval, end)) for end in ("value", "low", "high")} for name, interval in intervals.items()
    }


def _known(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _row_as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a subgroup's row, its labels' metrics beside their counts."""
    plain = {key: value for key, value in row.items() if key != "label_metrics"}
    labels = {
        label: counts | {"metrics": intervals_as_json(row["label_metrics"][label])}
        for label, counts in row.get("labels", {}).items()
    }
    return plain | {"metrics": intervals_as_json(row["metrics"])} | ({"labels": labels} if labels else {})


def judge(cases: Cases, outputs: Outputs, subgroups: Subgroups, policy: Policy) -> Judgement:
    """Compute every number that the gate and the reviewer look at.

    Args:
        cases: the scored cases of `test`.
        outputs: the bundle's own.
        subgroups: which attribute values are gated.
        policy: number and seed of the bootstrap's draws.
    """
    inside = cases.within(cases.intended)
    # One set for every table: means over different findings could not be compared.
    judged = inside.judged(outputs)
    numbers = _numbers(inside, outputs, judged, policy, METRICS)
    return Judgement(
        cases=cases,
        outputs=outputs,
        judged=judged,
        population={"gated": inside.count(outputs), "all_test": cases.count(outputs)},
        metrics=numbers.overall,
        metrics_all_test=_numbers(cases, outputs, judged, policy, METRICS).overall,
        labels=numbers.labels,
        subgroups=list(_rows(cases, inside, outputs, judged, subgroups, policy)),
        confusion=_confusion(inside) if outputs.kind == "multiclass" else None,
        severity=_severity(inside, outputs, policy),
        without_clinical=_hidden(inside, outputs, judged, policy),
    )


def _numbers(cases: Cases, outputs: Outputs, judged: Sequence[bool], policy: Policy, metrics: Sequence[str]) -> Numbers:
    found = _intervals(_measure(cases, outputs, judged, metrics), cases, policy)
    labels = outputs.labels if outputs.several else ()
    return Numbers(
        {name: interval for (label, name), interval in found.items() if label is None},
        {word: {name: interval for (label, name), interval in found.items() if label == word} for word in labels},
    )


def _intervals(
    measure: Measure[Name], cases: Cases, policy: Policy, signed: Callable[[Name], bool] = lambda _: False
) -> dict[Name, Interval]:
    units = int(cases.units.max(initial=-1)) + 1
    return resample(measure, units, cases=len(cases), draws=policy.draws, seed=policy.seed, signed=signed)


def _measure(cases: Cases, outputs: Outputs, judged: Sequence[bool], metrics: Sequence[str]) -> Measure[Name]:
    """Return the measure of the labels' metrics, and of regions where they are marked."""
    marks = {"dice": cases.dice, "location": cases.location}
    drawn = averages({name: values for name, values in marks.items() if values is not None}, cases.units)
    said = _labels_measure(cases, outputs, judged, metrics)
    return lambda weights: {**said(weights), **drawn(weights)}


def _labels_measure(cases: Cases, outputs: Outputs, judged: Sequence[bool], metrics: Sequence[str]) -> Measure[Name]:
    if outputs.kind == "multiclass":
        return several.classes(cases.probabilities, cases.truths, cases.units, labels=outputs.labels, metrics=metrics)
    if outputs.kind == "multilabel":
        return several.findings(
            cases.probabilities,
            cases.truths,
            cases.units,
            labels=outputs.labels,
            thresholds=outputs.thresholds,
            judged=judged,
            metrics=metrics,
        )
    said, truth = cases.probabilities[:, 0], cases.truths[:, 0]
    return several.one(said, truth, cases.units, threshold=outputs.thresholds[0], metrics=metrics)


def _hidden(cases: Cases, outputs: Outputs, judged: Sequence[bool], policy: Policy) -> Hidden | None:
    """Judge the cases without their clinical values, and against themselves with them."""
    blind = cases.without_clinical()
    if blind is None:
        return None
    with_values = _labels_measure(cases, outputs, judged, METRICS)
    without = _labels_measure(blind, outputs, judged, METRICS)

    def measure(weights: FloatArray) -> dict[Name, FloatArray]:
        image_only, both = without(weights), with_values(weights)
        found: dict[Name, FloatArray] = {("metrics", name): image_only[None, name] for name in METRICS}
        return found | {("difference", name): both[None, name] - image_only[None, name] for name in METRICS}

    found = _intervals(measure, cases, policy, signed=lambda name: name[0] == "difference")
    return Hidden({name: found["metrics", name] for name in METRICS}, {name: found["difference", name] for name in METRICS})


def _severity(cases: Cases, outputs: Outputs, policy: Policy) -> Severity | None:
    if cases.levels is None or cases.expected is None:
        return None
    count = len(outputs.levels)
    extents = cases.frame["extent"].to_numpy(np.float64)
    found = _intervals(levels(cases.expected, cases.levels, extents, cases.units, count=count), cases, policy)
    known = cases.levels >= 0
    return Severity(
        words=outputs.levels,
        images=int(known.sum()),
        metrics={name: interval for (_, name), interval in found.items()},
        confusion=confusion_matrix(nearest_level(cases.expected[known], count), cases.levels[known], count),
    )


def _confusion(cases: Cases) -> NDArray[np.int64]:
    known = ~np.isnan(cases.truths).any(axis=1)
    answers, truth = cases.probabilities[known].argmax(axis=1), cases.truths[known].argmax(axis=1)
    return confusion_matrix(answers, truth, cases.probabilities.shape[1])


def _rows(
    cases: Cases, inside: Cases, outputs: Outputs, judged: Sequence[bool], subgroups: Subgroups, policy: Policy
) -> Iterator[dict[str, Any]]:
    gated = {(group.attribute, group.value) for group in subgroups.gated}
    asked = [
        rule.metric for rule in policy.rules if isinstance(rule, SubgroupRule | GapRule | WorstRule) and rule.metric in METRICS
    ]
    metrics = list(dict.fromkeys([*_SUBGROUP_METRICS[outputs.kind], *asked]))
    for attribute in _ATTRIBUTES:
        for word in _words(cases, attribute, subgroups):
            # A gated group is judged inside the intended use; all others are reported over the whole of `test`.
            base = inside if (attribute, word) in gated else cases
            mask = np.asarray(
                [value == word if word is not None else value is None for value in base.frame[attribute]], dtype=np.bool_
            )
            part = base.within(mask)
            numbers = _numbers(part, outputs, judged, policy, metrics)
            yield {
                "attribute": attribute,
                "value": word if word is not None else "unknown",
                "gated": (attribute, word) in gated,
                "inside_intended_use": bool(part.intended.all()) if len(part) else True,
                **part.count(outputs),
                "metrics": numbers.overall,
                **({"label_metrics": numbers.labels} if outputs.several else {}),
            }


def _words(cases: Cases, attribute: Attribute, subgroups: Subgroups) -> list[str | None]:
    """Return the values of an attribute, those that gate among them though nobody has them, the unknown last."""
    values = list(cases.frame[attribute])
    known = sorted({str(value) for value in values if value is not None})
    gated = (group.value for group in subgroups.gated if group.attribute == attribute)
    return [*dict.fromkeys([*known, *gated]), *([None] if any(value is None for value in values) else [])]
