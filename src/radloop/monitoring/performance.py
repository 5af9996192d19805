"""How well the served model does: by the labels that came back, and as far as can be told without any.

Labels are not a random sample: what was corrected is what somebody looked at. The numbers say how many there are and of
whom, and nothing is filled in where there are none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from radloop.inference.bundle import BundleFacts
from radloop.monitoring.index import ANSWERS, Index
from radloop.monitoring.served import ATTRIBUTES
from radloop.monitoring.truths import Labelled, Labels
from radloop.statistics.arrays import FloatArray, owners
from radloop.statistics.averages import averages
from radloop.statistics.estimated import Expected, expected
from radloop.statistics.intervals import Interval, Measure, resample
from radloop.statistics.outputs import Name
from radloop.statistics.resamples import evaluate, presorted

METRICS = ("sensitivity", "specificity", "brier", "ece", "auroc")
_DRAWS = 1000
_SEED = 17
ASSUMES = (
    "expected where the probabilities mean what they say: calibration holds and only the mix of images changed; "
    "a finding that looks different, or is scored wrongly, does not show here"
)


def live(labels: Labels, facts: BundleFacts) -> dict[str, Any]:
    """Return the performance by confirmed labels, over all and by subgroup, every number with its interval and n.

    Unknown is null: a number that the labels cannot tell, or a bound where they are too few.
    """
    everyone = labels.labelled
    found: dict[str, Any] = {
        "labels": labels.given,
        "used": len(everyone.truths),
        "contradicted": len(labels.contradicted),
        "unanswered": labels.unanswered,
        "coverage_stated": facts.conformal.coverage if facts.conformal else None,
        "overall": measured(everyone, facts.outputs),
        "subgroups": {},
    }
    for name in ATTRIBUTES:
        words = everyone.groups[name]
        found["subgroups"][name] = {
            str(word): measured(everyone.chosen(words == word), facts.outputs) for word in np.unique(words)
        }
    return found


def measured(cases: Labelled, outputs: tuple[str, ...]) -> dict[str, Any]:
    """Return n, the coverage of the sets, and each output's positives, negatives and metrics."""
    known = ~np.isnan(cases.covered)
    coverage = (
        resampled(averages({"coverage": cases.covered[known]}, cases.patients[known]), cases.patients[known])
        if known.any()
        else {}
    )
    return {
        "n": len(cases.truths),
        "coverage": as_interval(coverage.get("coverage"), int(known.sum())),
        "findings": {label: rated(cases, k) for k, label in enumerate(outputs)},
    }


def rated(cases: Labelled, k: int, metrics: tuple[str, ...] = METRICS) -> dict[str, Any]:
    """Return metrics of one output by name, each with n, value, low and high; unknown is None."""
    truth, positives = cases.truths[:, k], int(cases.truths[:, k].sum())
    counts = {"sensitivity": positives, "specificity": len(truth) - positives}
    found: Mapping[str, Interval] = {}
    if len(truth):
        owner, number = owners(cases.patients, len(truth))
        called = cases.called[:, k] if cases.decided[:, k].all() else None
        sorted_cases = presorted(cases.scores[:, k], truth, owner, number, called)

        def measure(weights: FloatArray) -> Mapping[Name, FloatArray]:
            return {(None, name): values for name, values in evaluate(sorted_cases, weights, metrics).items()}

        found = resampled(measure, cases.patients)
    return {name: as_interval(found.get(name), counts.get(name, len(truth))) for name in metrics}


def resampled(measure: Measure[Name], patients: NDArray[np.str_]) -> dict[str, Interval]:
    """Return the numbers of a measure with their patient-bootstrap intervals, by name."""
    found = resample(measure, len(np.unique(patients)), cases=len(patients), draws=_DRAWS, seed=_SEED)
    return {name: interval for (_, name), interval in found.items()}


def as_interval(found: Interval | None, n: int) -> dict[str, float | int | None]:
    """Return n, value, low and high; unknown is None."""
    values = (found.value, found.low, found.high) if found is not None else (math.nan,) * 3
    return {
        "n": n,
        **dict(zip(("value", "low", "high"), (None if math.isnan(value) else value for value in values), strict=True)),
    }


def shown(found: Mapping[str, Any]) -> str:
    """Return a number with its interval as people read it."""
    if found["value"] is None:
        return f"unknown (n {found['n']})"
    bounds = "unknown" if found["low"] is None or found["high"] is None else f"{found['low']:.3f} to {found['high']:.3f}"
    return f"{found['value']:.3f} ({bounds}; n {found['n']})"


def without_labels(index: Index, which: sa.ColumnElement[bool], facts: BundleFacts) -> dict[str, Any]:
    """Return the performance to expect of all answers, by their probabilities alone, and what that assumes.

    Args:
        index: refreshed.
        which: of the bundle's requests.
        facts: of the bundle.
    """
    k = len(facts.outputs)
    sums, n = [Expected() for _ in facts.outputs], 0
    for block in index.blocks(sa.select(ANSWERS.c.scores, ANSWERS.c.positive).where(which, ANSWERS.c.answered)):
        scores = np.frombuffer(b"".join(row[0] for row in block), dtype="<f8").reshape(-1, k)
        marks = np.frombuffer(b"".join(bytes(row[1]) for row in block), dtype=np.uint8).reshape(-1, k)
        called = np.arange(k)[None, :] == scores.argmax(axis=1)[:, None] if facts.labels.kind == "multiclass" else marks == 1
        n += len(scores)
        for place in range(k):
            kept = slice(None) if facts.labels.kind == "multiclass" else marks[:, place] != 2
            sums[place] += expected(scores[kept, place], called[kept, place])
    findings = {
        label: {name: None if math.isnan(value) else value for name, value in total.metrics().items()}
        for label, total in zip(facts.outputs, sums, strict=True)
    }
    return {"n": n, "findings": findings, "assumes": ASSUMES}
