"""The judgement of a bundle on `test`: every number that the gate and the reviewer look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.decision import NetBenefit, judge_net_benefit, net_benefit_as_json
from radloop.evaluation.examination import Examination
from radloop.evaluation.fairness import Fairness, judge_fairness
from radloop.evaluation.groups import subgroup_rows
from radloop.evaluation.measures import cases_measure, intervals, intervals_as_json, labels_measure
from radloop.evaluation.paired import paired_areas
from radloop.evaluation.readers import Readers, judge_readers
from radloop.statistics.arrays import FloatArray
from radloop.statistics.intervals import METRICS, Interval
from radloop.statistics.ordinal import levels, nearest_level
from radloop.statistics.outputs import Name, confusion_matrix
from radloop.use_case import Policy, Subgroups

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
    """The same cases with every clinical value hidden, and how far the numbers with them lie above, draw by draw.

    Attributes:
        delong: what the values add to AUROC, by DeLong's test; see `evaluation.paired`.
    """

    metrics: Intervals
    difference: Intervals
    delong: dict[str, Any]


@dataclass(frozen=True)
class Judgement:
    """Metrics with intervals over the intended population, over all of `test`, and by subgroup.

    Attributes:
        judged: which outputs the means are over.
        labels: of several outputs, each one's metrics over the intended population.
        fairness: by attribute, over the intended population.
        net_benefit: by output with a threshold, over the intended population.
        readers: where the manifest has their answers.
        examination: the bundle asked about altered images; `judge` leaves it out, for it asks nothing of the bundle.
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
    fairness: dict[str, Fairness]
    net_benefit: dict[str, NetBenefit]
    confusion: NDArray[np.int64] | None = None
    severity: Severity | None = None
    without_clinical: Hidden | None = None
    readers: Readers | None = None
    examination: Examination | None = None

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
            "subgroups": [row_as_json(row) for row in self.subgroups],
            "fairness": {attribute: found.as_dict() for attribute, found in self.fairness.items()},
            **(self.examination.as_dict() if self.examination is not None else {}),
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
                "delong": self.without_clinical.delong,
            }
        if self.readers is not None:
            found["readers"] = self.readers.as_dict()
        benefit = net_benefit_as_json(self.net_benefit, self.outputs)
        return found | ({"net_benefit": benefit} if benefit else {})


def row_as_json(row: Mapping[str, Any]) -> dict[str, Any]:
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
        subgroups=list(subgroup_rows(cases, inside, outputs, judged, subgroups, policy)),
        fairness=judge_fairness(inside, outputs, judged, policy),
        net_benefit=judge_net_benefit(inside, outputs, judged, policy),
        confusion=_confusion(inside) if outputs.kind == "multiclass" else None,
        severity=_severity(inside, outputs, policy),
        without_clinical=_hidden(inside, outputs, judged, policy),
        readers=judge_readers(inside, outputs, policy),
    )


def _numbers(cases: Cases, outputs: Outputs, judged: Sequence[bool], policy: Policy, metrics: Sequence[str]) -> Numbers:
    found = intervals(cases_measure(cases, outputs, judged, metrics), cases, policy)
    labels = outputs.labels if outputs.several else ()
    return Numbers(
        {name: interval for (label, name), interval in found.items() if label is None},
        {word: {name: interval for (label, name), interval in found.items() if label == word} for word in labels},
    )


def _hidden(cases: Cases, outputs: Outputs, judged: Sequence[bool], policy: Policy) -> Hidden | None:
    """Judge the cases without their clinical values, and against themselves with them."""
    blind = cases.without_clinical()
    if blind is None:
        return None
    with_values = labels_measure(cases, outputs, judged, METRICS)
    without = labels_measure(blind, outputs, judged, METRICS)

    def measure(weights: FloatArray) -> dict[Name, FloatArray]:
        image_only, both = without(weights), with_values(weights)
        found: dict[Name, FloatArray] = {("metrics", name): image_only[None, name] for name in METRICS}
        return found | {("difference", name): both[None, name] - image_only[None, name] for name in METRICS}

    found = intervals(measure, cases, policy, signed=lambda name: name[0] == "difference")
    return Hidden(
        {name: found["metrics", name] for name in METRICS},
        {name: found["difference", name] for name in METRICS},
        paired_areas(cases, blind, outputs, judged),
    )


def _severity(cases: Cases, outputs: Outputs, policy: Policy) -> Severity | None:
    if cases.levels is None or cases.expected is None:
        return None
    count = len(outputs.levels)
    extents = cases.frame["extent"].to_numpy(np.float64)
    found = intervals(levels(cases.expected, cases.levels, extents, cases.units, count=count), cases, policy)
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
