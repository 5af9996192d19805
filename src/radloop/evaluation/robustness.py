"""How the answers stand up to images that are worse than those tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from radloop.evaluation.measures import interval_as_json
from radloop.evaluation.outcomes import Outcome, outcomes
from radloop.evaluation.perturbations import PERTURBATIONS, Perturbation
from radloop.evaluation.sample import Picture, Sample
from radloop.statistics.intervals import Interval

_UNTOUCHED = ("untouched", 0)


@dataclass(frozen=True, slots=True)
class Step:
    """One strength of a perturbation.

    Attributes:
        strength: 1 to 5.
        amount: in the perturbation's unit.
    """

    strength: int
    amount: float
    unit: str
    outcome: Outcome


@dataclass(frozen=True)
class Robustness:
    """What each perturbation does, by its name, five steps each.

    Attributes:
        images: how many were asked.
        metric: `auroc`, the mean over the judged labels where there are several, or `dice`.
        untouched: the metric of the same images as they are.
    """

    images: int
    metric: str
    untouched: Interval
    perturbations: dict[str, tuple[Step, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as the evidence keeps it."""
        rows = {name: [self._row(step) for step in steps] for name, steps in self.perturbations.items()}
        untouched = interval_as_json(self.untouched)
        return {"images": self.images, "metric": self.metric, "untouched": untouched, "perturbations": rows}

    def _row(self, step: Step) -> dict[str, Any]:
        place = {"strength": step.strength, "amount": step.amount, "unit": step.unit}
        return place | step.outcome.as_dict(self.metric)


def judge_robustness(sample: Sample) -> Robustness:
    """Ask about every image of a sample under every perturbation, before preprocessing."""
    places = [(name, number) for name, found in PERTURBATIONS.items() for number in range(len(found.amounts))]
    altered = {
        (name, number): sample.altered(_altering(PERTURBATIONS[name], PERTURBATIONS[name].amounts[number], sample.policy.seed))
        for name, number in places
    }
    found = outcomes(sample, {**altered, _UNTOUCHED: sample.cases})
    steps = {
        name: tuple(
            Step(number + 1, float(amount), perturbation.unit, found[name, number])
            for number, amount in enumerate(perturbation.amounts)
        )
        for name, perturbation in PERTURBATIONS.items()
    }
    return Robustness(len(sample.cases), sample.metric, found[_UNTOUCHED].value, steps)


def _altering(perturbation: Perturbation, amount: float, seed: int) -> Callable[[int, Picture], Picture]:
    """Return what alters a picture; one picture has the same draws at every strength."""

    def alter(number: int, picture: Picture) -> Picture:
        pixels = perturbation.apply(picture.pixels, amount, np.random.default_rng([seed, number]))
        region = picture.region
        if region is not None and perturbation.moves:
            drawn = region.astype(np.uint8) * np.uint8(255)
            region = perturbation.apply(drawn, amount, np.random.default_rng([seed, number])) >= 128
        return replace(picture, pixels=pixels, region=region)

    return alter
