"""The judgement of a bundle on `test`, through the code that serves it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.data.storing import stored_image
from radloop.inference.predictor import Predictor
from radloop.statistics.intervals import METRICS, Interval, bootstrap
from radloop.use_case import Attribute, IntendedUse, Policy, Subgroups

_SUBGROUP_METRICS = ("auroc", "sensitivity", "specificity")
_ATTRIBUTES: tuple[Attribute, ...] = ("sex", "age_band", "site", "view")


@dataclass(frozen=True)
class Cases:
    """Judged test cases, n rows in the manifest's order.

    Attributes:
        frame: the manifest's rows with `age_band`; unknown words are None.
        probabilities: calibrated, float64 [n].
        labels: int64 [n], 1 is the positive label.
        intended: bool [n], inside the intended use; unknown age counts as inside, as in serving.
    """

    frame: pd.DataFrame
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    intended: NDArray[np.bool_]

    def within(self, mask: NDArray[np.bool_]) -> Cases:
        """Return the cases of a mask [n]."""
        return Cases(self.frame[mask], self.probabilities[mask], self.labels[mask], self.intended[mask])

    def count(self) -> dict[str, int]:
        """Return numbers of images, patients and positives."""
        return {"images": len(self.labels), "patients": int(self.frame["patient"].nunique()), "positives": int(self.labels.sum())}


@dataclass(frozen=True)
class Judgement:
    """Metrics with intervals over the intended population, over all of `test`, and by subgroup."""

    cases: Cases
    threshold: float
    population: dict[str, dict[str, int]]
    metrics: dict[str, Interval]
    metrics_all_test: dict[str, Interval]
    subgroups: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return the judgement as the evidence keeps it; NaN becomes null."""
        return {
            "population": self.population,
            "metrics": intervals_as_json(self.metrics),
            "metrics_all_test": intervals_as_json(self.metrics_all_test),
            "subgroups": [row | {"metrics": intervals_as_json(row["metrics"])} for row in self.subgroups],
        }


def intervals_as_json(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Return intervals as JSON; a number that could not be computed is null."""
    return {
        name: {end: _known(getattr(interval, end)) for end in ("value", "low", "high")} for name, interval in intervals.items()
    }


def _known(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def score_cases(
    predictor: Predictor, frame: pd.DataFrame, folder: Path, subgroups: Subgroups, progress: Callable[[int, int], None]
) -> Cases:
    """Ask the bundle about every image of a frame.

    Args:
        predictor: the bundle, as serving would load it.
        frame: manifest rows [n]; paths are relative to the folder.
    """
    facts = predictor.facts
    probabilities = np.empty(len(frame), dtype=np.float64)
    for number, (path, frame_number) in enumerate(zip(frame["path"], frame["frame"], strict=True)):
        image = stored_image(folder / str(path), frame_number, facts.image)
        probabilities[number] = predictor.score(image).probability
        progress(number + 1, len(frame))
    ages = frame["age"].to_numpy(np.float64)
    bands = [subgroups.age_band(float(age)) for age in ages]
    labels = np.asarray(frame["label"] == facts.labels.positive, dtype=np.int64)
    banded = frame.assign(age_band=pd.Series(bands, index=frame.index, dtype=object))
    return Cases(banded, probabilities, labels, _intended(ages, facts.intended_use))


def _intended(ages: NDArray[np.float64], use: IntendedUse) -> NDArray[np.bool_]:
    if use.age is None:
        return np.ones(len(ages), dtype=np.bool_)
    return np.isnan(ages) | ((ages >= use.age[0]) & (np.floor(ages) <= use.age[1]))


def judge(cases: Cases, threshold: float, subgroups: Subgroups, policy: Policy) -> Judgement:
    """Compute every number that the gate and the reviewer look at.

    Args:
        cases: the scored cases of `test`.
        threshold: the bundle's own.
        subgroups: which attribute values are gated.
        policy: number and seed of the bootstrap's draws.
    """
    inside = cases.within(cases.intended)
    return Judgement(
        cases=cases,
        threshold=threshold,
        population={"gated": inside.count(), "all_test": cases.count()},
        metrics=_intervals(inside, threshold, policy, METRICS),
        metrics_all_test=_intervals(cases, threshold, policy, METRICS),
        subgroups=list(_rows(cases, inside, threshold, subgroups, policy)),
    )


def _intervals(cases: Cases, threshold: float, policy: Policy, metrics: tuple[str, ...]) -> dict[str, Interval]:
    # The order of first appearance, not the pseudonym: the numbers must not depend on an installation's key.
    patients, _ = pd.factorize(cases.frame["patient"])
    return bootstrap(
        cases.probabilities, cases.labels, patients, threshold=threshold, draws=policy.draws, seed=policy.seed, metrics=metrics
    )


def _rows(cases: Cases, inside: Cases, threshold: float, subgroups: Subgroups, policy: Policy) -> Iterator[dict[str, Any]]:
    gated = {(group.attribute, group.value) for group in subgroups.gated}
    for attribute in _ATTRIBUTES:
        known = [str(value) for value in sorted({value for value in cases.frame[attribute] if value is not None}, key=str)]
        words: list[str | None] = list(
            dict.fromkeys([*known, *(group.value for group in subgroups.gated if group.attribute == attribute)])
        )
        words += [None] if any(value is None for value in cases.frame[attribute]) else []
        for word in words:
            # A gated group is judged inside the intended use; all others are reported over the whole of `test`.
            base = inside if (attribute, word) in gated else cases
            mask = np.asarray(
                [value == word if word is not None else value is None for value in base.frame[attribute]], dtype=np.bool_
            )
            part = base.within(mask)
            yield {
                "attribute": attribute,
                "value": word if word is not None else "unknown",
                "gated": (attribute, word) in gated,
                "inside_intended_use": bool(part.intended.all()) if len(part.labels) else True,
                **part.count(),
                "metrics": _intervals(part, threshold, policy, _SUBGROUP_METRICS),
            }


def cases_as_csv(cases: Cases) -> bytes:
    """Return id, label and probability of every case: what a later champion is compared on."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["id", "label", "probability", "intended"])
    for name, label, number, inside in zip(cases.frame["id"], cases.labels, cases.probabilities, cases.intended, strict=True):
        writer.writerow([name, int(label), repr(float(number)), int(inside)])
    return stream.getvalue().encode()
