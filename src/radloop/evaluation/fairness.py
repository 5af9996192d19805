"""Whom the answers serve worse: parity of the groups of each attribute, within the intended use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.groups import ATTRIBUTES, UNKNOWN, words_of
from radloop.evaluation.measures import interval_as_json, intervals, labels_measure, number_as_json
from radloop.evaluation.outcomes import called as decided
from radloop.statistics import fairness as parities
from radloop.statistics.arrays import FloatArray
from radloop.statistics.intervals import Interval
from radloop.use_case import Policy

FEWEST = 5
"""A group counts with so many positive and so many negative images of every judged label; for its sensitivity the former do."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the groups lie apart, as `statistics.fairness` defines it: a difference is best at 0, a ratio at 1."""

    selection_difference: float
    selection_ratio: float
    odds_difference: float
    odds_ratio: float


@dataclass(frozen=True, slots=True)
class Fairness:
    """How the groups of one attribute compare.

    Attributes:
        groups: those that are large enough to count, the unknown among them.
        parity: of several outputs, the mean over the judged labels.
        worst: the group with the lowest sensitivity; None where no group's is known.
        sensitivity: of that group.
    """

    groups: tuple[str, ...]
    parity: Parity
    worst: str | None
    sensitivity: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return it as the evidence keeps it."""
        found = self.parity
        number = interval_as_json(self.sensitivity)
        return {
            "groups": list(self.groups),
            "selection_rate": _pair(found.selection_difference, found.selection_ratio),
            "equalised_odds": _pair(found.odds_difference, found.odds_ratio),
            "worst": None if self.worst is None else {"metric": "sensitivity", "value": self.worst, "number": number},
        }


def judge_fairness(cases: Cases, outputs: Outputs, judged: Sequence[bool], policy: Policy) -> dict[str, Fairness]:
    """Compare the groups of every attribute.

    Args:
        cases: those within the intended use.
        outputs: the bundle's own; without thresholds there are no decisions, and all is NaN.
        judged: which outputs the means are over.
        policy: number and seed of the draws.
    """
    return {attribute: _fairness(cases, attribute, outputs, judged, policy) for attribute in ATTRIBUTES}


def _fairness(cases: Cases, attribute: str, outputs: Outputs, judged: Sequence[bool], policy: Policy) -> Fairness:
    words = np.asarray([UNKNOWN if word is None else word for word in words_of(cases, attribute)], dtype=np.str_)
    truths = cases.truths[:, np.asarray(judged, dtype=np.bool_)]
    members = {str(word): words == word for word in np.unique(words)}
    positive, negative = ([word for word, rows in members.items() if _fewest(truths[rows], value) >= FEWEST] for value in (1, 0))
    groups = tuple(word for word in positive if word in negative)
    worst, sensitivity = _worst(cases, {word: members[word] for word in positive}, outputs, judged, policy)
    return Fairness(groups, _parity(cases, words, groups, outputs, judged), worst, sensitivity)


def _fewest(truths: NDArray[np.float64], value: int) -> int:
    """Return how many images of the rarest label have a truth."""
    return int(np.sum(truths == value, axis=0).min(initial=len(truths)))


def _parity(cases: Cases, words: NDArray[np.str_], groups: Sequence[str], outputs: Outputs, judged: Sequence[bool]) -> Parity:
    """Return the mean over the judged labels, each on the images where it is known."""
    decisions, counted = decided(cases, outputs), np.isin(words, groups)
    found = []
    for k in np.flatnonzero(judged):
        if outputs.kind != "multiclass" and outputs.thresholds[k] is None:
            return _NOTHING
        rows = counted & ~np.isnan(cases.truths[:, k])
        found.append(_four(decisions[rows, k], cases.truths[rows, k], words[rows]))
    return Parity(*(float(number) for number in np.mean(found, axis=0))) if found and groups else _NOTHING


def _four(called: NDArray[np.bool_], truths: NDArray[np.float64], words: NDArray[np.str_]) -> tuple[float, ...]:
    """Return the four numbers of one label."""
    return (
        parities.demographic_parity_difference(called, words),
        parities.demographic_parity_ratio(called, words),
        parities.equalised_odds_difference(called, truths, words),
        parities.equalised_odds_ratio(called, truths, words),
    )


_NOTHING = Parity(math.nan, math.nan, math.nan, math.nan)


def _worst(
    cases: Cases, members: Mapping[str, NDArray[np.bool_]], outputs: Outputs, judged: Sequence[bool], policy: Policy
) -> tuple[str | None, Interval]:
    """Return the group with the lowest sensitivity, the first of equals."""
    parts = {word: cases.within(rows) for word, rows in members.items()}
    measures = {word: labels_measure(part, outputs, judged, ["sensitivity"]) for word, part in parts.items()}
    values = {word: _value(measures[word](np.ones((int(part.units.max()) + 1, 1)))) for word, part in parts.items()}
    known = {word: value for word, value in values.items() if not math.isnan(value)}
    if not known:
        return None, Interval(math.nan, math.nan, math.nan)
    worst = min(known, key=lambda word: known[word])
    return worst, intervals(measures[worst], parts[worst], policy)[None, "sensitivity"]


def _value(found: Mapping[tuple[str | None, str], FloatArray]) -> float:
    return float(found[None, "sensitivity"][0])


def _pair(difference: float, ratio: float) -> dict[str, float | None]:
    return {"difference": number_as_json(difference), "ratio": number_as_json(ratio)}
