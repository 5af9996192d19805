"""The groups of patients that are judged by themselves: by one attribute, or by two together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import numpy as np

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.measures import cases_measure, intervals
from radloop.statistics.intervals import METRICS, Interval
from radloop.use_case import Attribute, Policy, SizedRule, Subgroups

ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
UNKNOWN = "unknown"
"""The word of the group whose attribute nobody knows."""
PAIR_DRAWS = 500
"""Draws for a pair of attributes, at most: there are many pairs, and none gates."""
_METRICS = {
    "binary": ("auroc", "accuracy", "sensitivity", "specificity"),
    "multiclass": ("auroc", "accuracy", "balanced_accuracy"),
    "multilabel": ("auroc", "sensitivity", "specificity"),
    "segmentation": ("sensitivity", "specificity"),
}


def words_of(cases: Cases, attribute: str) -> list[str | None]:
    """Return each case's word, None where it is unknown."""
    return [None if value is None else str(value) for value in cases.frame[attribute]]


def subgroup_rows(
    cases: Cases, inside: Cases, outputs: Outputs, judged: Sequence[bool], subgroups: Subgroups, policy: Policy
) -> Iterator[dict[str, Any]]:
    """Yield a row for each word of each attribute, then for each pair of known words of two attributes.

    Args:
        cases: of the whole of `test`.
        inside: those within the intended use: a gated group is judged among them, all others are reported over all.
        outputs: the bundle's own.
        judged: which outputs the means are over.
        subgroups: which words gate; a pair never does.
        policy: number and seed of the draws, and the metrics that its rules ask of subgroups.
    """
    for attribute in ATTRIBUTES:
        yield from attribute_rows(attribute, cases, inside, outputs, judged, subgroups, policy)
    yield from _pairs(cases, outputs, judged, policy)


def attribute_rows(
    attribute: Attribute,
    cases: Cases,
    inside: Cases,
    outputs: Outputs,
    judged: Sequence[bool],
    subgroups: Subgroups,
    policy: Policy,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each word of one attribute; see `subgroup_rows`."""
    gated = {group.value for group in subgroups.gated if group.attribute == attribute}
    asked = [rule.metric for rule in policy.rules if isinstance(rule, SizedRule) and rule.metric in METRICS]
    metrics = list(dict.fromkeys([*_METRICS[outputs.kind], *asked]))
    for word in _listed(cases, attribute, subgroups):
        # A gated group is judged inside the intended use; all others are reported over the whole of `test`.
        base = inside if word in gated else cases
        part = base.within(np.asarray([value == word for value in words_of(base, attribute)], dtype=np.bool_))
        yield {
            "attribute": attribute,
            "value": word if word is not None else UNKNOWN,
            "gated": word in gated,
            **_judged(part, outputs, judged, policy, metrics),
        }


def _pairs(cases: Cases, outputs: Outputs, judged: Sequence[bool], policy: Policy) -> Iterator[dict[str, Any]]:
    """Yield the rows of pairs; an attribute with one word tells nothing that the other does not."""
    fewer = policy.model_copy(update={"draws": min(policy.draws, PAIR_DRAWS)})
    words = {attribute: words_of(cases, attribute) for attribute in ATTRIBUTES}
    several = [attribute for attribute in ATTRIBUTES if len(set(words[attribute]) - {None}) > 1]
    for first, second in itertools.combinations(several, 2):
        both = [f"{one}+{other}" if one and other else None for one, other in zip(words[first], words[second], strict=True)]
        for pair in sorted({pair for pair in both if pair is not None}):
            part = cases.within(np.asarray([found == pair for found in both], dtype=np.bool_))
            row = _judged(part, outputs, judged, fewer, _METRICS[outputs.kind])
            yield {
                "attribute": f"{first}+{second}",
                "value": pair,
                "gated": False,
                "draws": fewer.draws,
                **{key: value for key, value in row.items() if key not in ("labels", "label_metrics")},
            }


def _judged(part: Cases, outputs: Outputs, judged: Sequence[bool], policy: Policy, metrics: Sequence[str]) -> dict[str, Any]:
    """Return counts and metrics of a group."""
    found = intervals(cases_measure(part, outputs, judged, metrics), part, policy)
    overall: dict[str, Interval] = {name: interval for (label, name), interval in found.items() if label is None}
    row = {
        "inside_intended_use": bool(part.intended.all()) if len(part) else True,
        **part.count(outputs),
        "metrics": overall,
    }
    if outputs.several:
        row["label_metrics"] = {
            word: {name: interval for (label, name), interval in found.items() if label == word} for word in outputs.labels
        }
    return row


def _listed(cases: Cases, attribute: Attribute, subgroups: Subgroups) -> list[str | None]:
    """Return the words of an attribute, those that gate among them though nobody has them, the unknown last."""
    values = words_of(cases, attribute)
    known = sorted({value for value in values if value is not None})
    gated = (group.value for group in subgroups.gated if group.attribute == attribute)
    return [*dict.fromkeys([*known, *gated]), *([None] if None in values else [])]
