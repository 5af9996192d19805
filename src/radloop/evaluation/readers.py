"""Readers and the bundle side by side: on the images that each reader read, and how far they agree."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.measures import interval_as_json, intervals, intervals_as_json, labels_measure
from radloop.evaluation.outcomes import called
from radloop.statistics import kappa
from radloop.statistics.arrays import FloatArray
from radloop.statistics.intervals import Interval
from radloop.statistics.outputs import Name
from radloop.use_case import Policy

PREFIX = "reader_"
"""Of the manifest's columns with readers' answers."""
_RATES = ("sensitivity", "specificity", "accuracy")

Intervals = dict[str, Interval]


@dataclass(frozen=True)
class Reader:
    """One reader, and the bundle on the images that this reader read.

    Attributes:
        images: that were read, and whose truth is known.
        patients: whose they are.
        metrics: of the reader.
        model: of the bundle at its thresholds.
        difference: bundle less reader, in the same draws.
        kappa: of the bundle's decisions and the reader's answers.
    """

    name: str
    images: int
    patients: int
    metrics: Intervals
    model: Intervals
    difference: Intervals
    kappa: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return it as the evidence keeps it."""
        parts = {part: intervals_as_json(getattr(self, part)) for part in ("metrics", "model", "difference")}
        return {"images": self.images, "patients": self.patients, **parts, "kappa": interval_as_json(self.kappa)}


@dataclass(frozen=True)
class Agreement:
    """Two readers on the images that both read."""

    first: str
    second: str
    images: int
    kappa: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return it as the evidence keeps it."""
        return {"first": self.first, "second": self.second, "images": self.images, "kappa": interval_as_json(self.kappa)}


@dataclass(frozen=True)
class Readers:
    """Everyone who read, and how far any two agree."""

    each: tuple[Reader, ...]
    agreement: tuple[Agreement, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return them as the evidence keeps them."""
        return {
            "each": {reader.name: reader.as_dict() for reader in self.each},
            "agreement": [pair.as_dict() for pair in self.agreement],
        }


def judge_readers(cases: Cases, outputs: Outputs, policy: Policy) -> Readers | None:
    """Judge every reader of the manifest and the bundle on the same images; None where nobody read or nothing is decided.

    Args:
        cases: within the intended use.
        outputs: the bundle's own; of a yes-or-no question or of classes.
        policy: number and seed of the draws.
    """
    columns = [str(name) for name in cases.frame if str(name).startswith(PREFIX) and cases.frame[name].notna().any()]
    if not columns or outputs.kind not in ("binary", "multiclass") or (not outputs.several and outputs.thresholds[0] is None):
        return None
    answers = {name.removeprefix(PREFIX): _answers(cases.frame[name].tolist(), outputs) for name in columns}
    count, pairs = max(2, len(outputs.labels)), itertools.combinations(answers.items(), 2)
    return Readers(
        each=tuple(_reader(name, said, cases, outputs, policy, count) for name, said in answers.items()),
        agreement=tuple(_agreement(first, second, cases, policy, count) for first, second in pairs),
    )


def _answers(words: list[str | None], outputs: Outputs) -> NDArray[np.int64]:
    """Return the number of each word: of its class, or 1 for the finding and 0 for its absence; -1 where nobody read."""
    if not outputs.several:
        return np.array([-1 if pd.isna(word) else int(word == outputs.labels[0]) for word in words], np.int64)
    numbers = {label: number for number, label in enumerate(outputs.labels)}
    return np.array([-1 if pd.isna(word) else numbers[str(word)] for word in words], np.int64)


def _reader(name: str, said: NDArray[np.int64], cases: Cases, outputs: Outputs, policy: Policy, count: int) -> Reader:
    read = (said >= 0) & ~np.isnan(cases.truths).any(axis=1)
    part, answers = cases.within(read), said[read]
    # A reader is a bundle that is sure: its probability of what it says is one.
    sure = np.eye(count)[answers] if outputs.several else (answers == 1).astype(np.float64)[:, None]
    judged = (True,) * len(outputs.labels)
    firm = Outputs(outputs.kind, outputs.labels, (0.5,) * len(outputs.labels))
    human = labels_measure(replace(part, probabilities=sure), firm, judged, _RATES)
    model = labels_measure(part, outputs, judged, _RATES)
    alike = kappa.kappa(_decided(part, outputs), answers, part.units, count=count)

    def measure(weights: FloatArray) -> dict[tuple[str, str], FloatArray]:
        theirs, ours = _overall(human(weights)), _overall(model(weights))
        found = {("metrics", rate): drawn for rate, drawn in theirs.items()}
        found |= {("model", rate): drawn for rate, drawn in ours.items()}
        found |= {("difference", rate): ours[rate] - theirs[rate] for rate in _RATES}
        return found | {("kappa", rate): drawn for rate, drawn in alike(weights).items()}

    found = intervals(measure, part, policy, signed=lambda key: key[0] in ("difference", "kappa"))
    parts = {part_: {rate: found[part_, rate] for rate in _RATES} for part_ in ("metrics", "model", "difference")}
    return Reader(name, len(part), int(part.frame["patient"].nunique()), **parts, kappa=found["kappa", "kappa"])


def _agreement(
    first: tuple[str, NDArray[np.int64]], second: tuple[str, NDArray[np.int64]], cases: Cases, policy: Policy, count: int
) -> Agreement:
    both = (first[1] >= 0) & (second[1] >= 0)
    part = cases.within(both)
    measure = kappa.kappa(first[1][both], second[1][both], part.units, count=count)
    alike = intervals(measure, part, policy, signed=lambda _: True)["kappa"]
    return Agreement(first[0], second[0], len(part), alike)


def _decided(cases: Cases, outputs: Outputs) -> NDArray[np.int64]:
    """Return the number of the bundle's word of each case, shape [n]."""
    positive = called(cases, outputs)
    if not outputs.several:
        return positive[:, 0].astype(np.int64)
    return positive.argmax(axis=1).astype(np.int64) if len(cases) else np.zeros(0, np.int64)


def _overall(found: Mapping[Name, FloatArray]) -> dict[str, FloatArray]:
    return {name: drawn for (label, name), drawn in found.items() if label is None}
