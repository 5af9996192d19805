"""Whether the prediction sets hold the truth as often as they promise, and how much they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.groups import UNKNOWN, words_of
from radloop.evaluation.measures import interval_as_json, intervals
from radloop.inference.conformal import ConformalFacts
from radloop.statistics.arrays import divided
from radloop.statistics.averages import averages
from radloop.statistics.intervals import Interval
from radloop.use_case import Attribute, Policy

ATTRIBUTE: Attribute = "sex"
"""Whose groups are looked at by themselves."""


@dataclass(frozen=True, slots=True)
class Share:
    """Of some cases.

    Attributes:
        images: whose truth is known.
        covered: the share whose set holds the truth; of findings, the mean share of an image's known findings.
        decided: the share whose set has exactly one label; of findings, likewise. The rest is what a use case that
            abstains does not answer.
        right: of those, the share that is right.
    """

    images: int
    covered: Interval
    decided: Interval
    right: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return it as the evidence keeps it."""
        return {
            "images": self.images,
            "covered": interval_as_json(self.covered),
            "decided": interval_as_json(self.decided),
            "right": interval_as_json(self.right),
        }


@dataclass(frozen=True)
class Coverage:
    """What the sets do on `test`: over all, by the true label (of findings, by finding), and by sex."""

    agreed: float
    abstain: bool
    overall: Share
    labels: dict[str, Share]
    groups: dict[str, Share]

    def as_dict(self) -> dict[str, Any]:
        """Return it as the evidence keeps it."""
        return {
            "coverage": self.agreed,
            "abstain": self.abstain,
            "overall": self.overall.as_dict(),
            "labels": {label: share.as_dict() for label, share in self.labels.items()},
            "subgroups": [{"attribute": ATTRIBUTE, "value": word, **share.as_dict()} for word, share in self.groups.items()],
        }


def judge_coverage(cases: Cases, outputs: Outputs, absence: str, facts: ConformalFacts, policy: Policy) -> Coverage:
    """Judge the sets of some cases.

    Args:
        cases: those within the intended use.
        outputs: the bundle's own.
        absence: the word where a yes-or-no question is answered with no.
        facts: the bundle's limits.
        policy: number and seed of the draws.
    """
    cells = _cells(cases, facts)
    truths, several = cases.truths, outputs.kind == "multilabel"
    means = _Cells(*(_row_means(part) for part in (cells.covered, cells.decided, cells.right)))
    labels: dict[str, Share] = {}
    for k, label in enumerate(outputs.labels):
        own = ~np.isnan(truths[:, k]) if several else truths[:, k] == 1
        labels[label] = _share(cases, cells.column(k), own, policy)
    if outputs.kind == "binary":
        labels[absence] = _share(cases, cells.column(0), truths[:, 0] == 0, policy)
    words = np.asarray([word or UNKNOWN for word in words_of(cases, ATTRIBUTE)], dtype=object)
    everyone = np.ones(len(cases), np.bool_)
    return Coverage(
        facts.coverage,
        facts.abstain,
        _share(cases, means, everyone, policy),
        labels,
        {word: _share(cases, means, words == word, policy) for word in sorted(set(words))},
    )


@dataclass(frozen=True)
class _Cells:
    """Of each truth that is known, float64 [n, K] or means over K [n]; NaN where it is not.

    Attributes:
        covered: whether it is in its set.
        decided: whether the set says one thing only.
        right: whether that thing is the truth; NaN where the set does not say one thing.
    """

    covered: NDArray[np.float64]
    decided: NDArray[np.float64]
    right: NDArray[np.float64]

    def column(self, k: int) -> _Cells:
        return _Cells(self.covered[:, k], self.decided[:, k], self.right[:, k])


def _cells(cases: Cases, facts: ConformalFacts) -> _Cells:
    """Return what the sets say of each truth.

    Of classes both are the image's: the same in the column of its class, NaN in the others.
    """
    present, absent = facts.held(cases.probabilities)
    unknown = np.isnan(cases.truths)
    if facts.absent:
        covered, decided = np.where(cases.truths == 1, present, absent), present != absent
    else:
        unknown = unknown | (cases.truths != 1)
        covered, decided = present, np.repeat(present.sum(axis=1, keepdims=True) == 1, present.shape[1], axis=1)
    return _Cells(
        *(np.where(gap, np.nan, part) for gap, part in ((unknown, covered), (unknown, decided), (unknown | ~decided, covered)))
    )


def _row_means(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(cells)
    return divided(np.where(known, cells, 0.0).sum(axis=1), known.sum(axis=1))


def _share(cases: Cases, cells: _Cells, rows: NDArray[np.bool_], policy: Policy) -> Share:
    chosen = np.asarray(rows & ~np.isnan(cells.covered), dtype=np.bool_)
    part = cases.within(chosen)
    columns = {name: getattr(cells, name)[chosen] for name in ("covered", "decided", "right")}
    found = intervals(averages(columns, part.units), part, policy)
    return Share(int(chosen.sum()), found[None, "covered"], found[None, "decided"], found[None, "right"])
