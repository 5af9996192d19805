"""For whom the bundle does worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

from radloop.governance.judges.reading import Evidence, Span, at, counts, end, number, span
from radloop.governance.judges.reason import MISSING, Reason, compared, missing
from radloop.use_case import ERRORS, ContradictionRule, GapRule, SizedRule, SubgroupRule, WorstRule

Key = tuple[str, str]


def each(evidence: Evidence, rule: SubgroupRule) -> list[Reason]:
    """Judge a metric in each gated subgroup."""
    gated, found = _gated(evidence), _rows(evidence)
    if gated is None or found is None:
        return [missing(rule.name, "The evidence does not name its gated subgroups for certain", rule.limit)]
    return [_each(found.get(key) if key is not None else None, key, rule) for key in gated]


def _each(row: Any, key: Key | None, rule: SubgroupRule) -> Reason:
    title = f"{rule.name}[{_word(key)}]"
    unfit = _unfit(row, key, rule)
    if unfit is not None:
        return Reason(title, "not_evaluable", None, rule.limit, unfit)
    least = rule.kind == "subgroup_lower_bound"
    seen = end(at(row, "metrics", rule.metric), "low" if least else "high")
    return compared(
        title, seen, rule.limit, least, f"The {'lower' if least else 'upper'} 95% bound of {rule.metric} for {_word(key)}"
    )


def gap(evidence: Evidence, rule: GapRule) -> list[Reason]:
    """Judge how far the gated groups of an attribute lie apart."""
    title, gated, found = f"{rule.name}[{rule.attribute}]", _gated(evidence), _rows(evidence)
    if gated is None or found is None or None in gated:
        return [missing(title, "The evidence does not name its gated subgroups for certain", rule.limit)]
    groups = [key for key in gated if key is not None and key[0] == rule.attribute]
    if len(groups) < 2:
        return [missing(title, f"Fewer than two gated groups of {rule.attribute} were judged", rule.limit)]
    for key in groups:
        unfit = _unfit(found.get(key), key, rule)
        if unfit is not None:
            return [Reason(title, "not_evaluable", None, rule.limit, unfit)]
    spans = [(key[1], span(at(found[key], "metrics", rule.metric))) for key in groups]
    return [_gap(title, spans, rule)]


def _gap(title: str, spans: Sequence[tuple[str, Span | None]], rule: GapRule) -> Reason:
    known = [(word, numbers) for word, numbers in spans if numbers is not None]
    if len(known) < len(spans):
        return missing(title, f"The interval of {rule.metric} of a group cannot be computed", rule.limit)
    bound, more, less = max((apart(one, other), a, b) for (a, one), (b, other) in permutations(known, 2))
    sentence = f"{rule.metric} of {rule.attribute}={more} may lie up to {bound:.3f} above that of {rule.attribute}={less}"
    return Reason(
        title,
        "passed" if bound <= rule.limit else "failed",
        bound,
        rule.limit,
        f"{sentence} (upper 95% bound of the largest difference); the policy asks at most {rule.limit:g}.",
    )


def apart(one: Span, other: Span) -> float:
    """Return the upper bound of `one - other` for groups of different patients, from their own intervals.

    The method of variance estimates recovery (Zou and Donner, Stat Med 27:1693, 2008, eq. 4); where a patient stands in both
    groups, the groups go along with each other and the bound is wider than it need be.

    Args:
        one: value, low and high.
        other: value, low and high.
    """
    return one[0] - other[0] + math.hypot(one[2] - one[0], other[0] - other[1])


def worst(evidence: Evidence, rule: WorstRule) -> list[Reason]:
    """Judge the worst group of an attribute, of those with enough cases."""
    title, found = f"{rule.name}[{rule.attribute}]", _rows(evidence)
    if found is None:
        return [missing(title, "The subgroups are not told for certain", rule.limit)]
    judged: list[tuple[str, float]] = []
    small: list[str] = []
    for key, row in found.items():
        if key[0] != rule.attribute or at(row, "inside_intended_use") is False:
            continue
        positives, negatives = counts(row)
        if at(row, "inside_intended_use") is not True or positives is None or negatives is None:
            return [missing(title, f"How many cases {_word(key)} has within the intended use is not known", rule.limit)]
        if positives < rule.min_positives or negatives < rule.min_negatives:
            small.append(key[1])
            continue
        seen = end(at(row, "metrics", rule.metric), "high" if rule.metric in ERRORS else "low")
        if seen is None:
            return [missing(title, f"The bound of {rule.metric} for {_word(key)} cannot be computed", rule.limit)]
        judged.append((key[1], seen))
    return [_worst(title, judged, small, rule)]


def _worst(title: str, judged: Sequence[tuple[str, float]], small: Sequence[str], rule: WorstRule) -> Reason:
    if not judged:
        return missing(title, f"No group of {rule.attribute} has enough cases to be judged", rule.limit)
    left_out = f" Too few cases to judge: {', '.join(small)}." if small else ""
    error = rule.metric in ERRORS
    word, seen = (max if error else min)(judged, key=lambda item: item[1])
    what = f"The {'upper' if error else 'lower'} 95% bound of {rule.metric} for the worst group, {rule.attribute}={word},"
    reason = compared(title, seen, rule.limit, not error, what)
    return replace(reason, sentence=reason.sentence + left_out)


def contradicted(evidence: Evidence, rule: ContradictionRule) -> list[Reason]:
    """Judge how many labels of `train` the bundle contradicts in each gated subgroup."""
    gated, found = _gated(evidence), _rows(at(evidence, "contradictions"))
    if gated is None or found is None:
        return [missing(rule.name, "The labels of train were not held against the bundle's answers", rule.limit)]
    aside = number(at(evidence, "contradictions", "set_aside")) or 0
    left = f" {aside:.0f} labels were set aside before the training." if aside else ""
    reasons = [_contradicted(found.get(key) if key is not None else None, key, rule) for key in gated]
    return [replace(reason, sentence=reason.sentence + left) for reason in reasons]


def _contradicted(row: Any, key: Key | None, rule: ContradictionRule) -> Reason:
    title, images = f"{rule.name}[{_word(key)}]", number(at(row, "images"))
    if images is None:
        return missing(title, f"No label of {_word(key)} in train was held against the bundle's answer", rule.limit)
    if images < rule.min_images:
        sentence = f"{_word(key)} has {images:.0f} images in train; {rule.min_images} are needed to judge their labels."
        return Reason(title, "not_evaluable", None, rule.limit, sentence)
    what = f"The share of labels in train that the bundle contradicts for {_word(key)} (upper 95% bound)"
    reason = compared(title, end(at(row, "share"), "high"), rule.limit, False, what)
    advice = f" Look at the labels of {_word(key)}: they are wrong in part, or were not learnt."
    return replace(reason, sentence=reason.sentence + advice) if reason.status == "failed" else reason


def _gated(evidence: Evidence) -> list[Key | None] | None:
    """Return the gated groups, None unless policy and rows name the same."""
    named, rows = at(evidence, "policy_subgroups"), at(evidence, "subgroups")
    if not isinstance(named, list) or not named or not isinstance(rows, list):
        return None
    gated = [_key(group) for group in named]
    return gated if {_key(row) for row in rows if at(row, "gated") is True} <= set(gated) else None


def _rows(document: Any) -> dict[Key, Any] | None:
    """Return the rows of a document by group, None where one does not say whose it is."""
    rows = at(document, "subgroups")
    if not isinstance(rows, list):
        return None
    found = {key: row for row in rows if (key := _key(row)) is not None}
    return found if len(found) == len(rows) else None


def _key(document: Any) -> Key | None:
    attribute, value = at(document, "attribute"), at(document, "value")
    named = isinstance(attribute, str) and isinstance(value, str) and attribute and value
    return (attribute, value) if named else None


def _word(key: Key | None) -> str:
    return "an unnamed group" if key is None else f"{key[0]}={key[1]}"


def _unfit(row: Any, key: Key | None, rule: SizedRule) -> str | None:
    """Return why a group cannot be judged, None where it can."""
    positives, negatives = counts(row)
    if positives is None or negatives is None:
        return f"No test case of {_word(key)} was judged: {MISSING}."
    # A region is judged where there is one: images without any are not asked for.
    least = 0 if rule.metric in ("dice", "location") else rule.min_negatives
    if positives >= rule.min_positives and negatives >= least:
        return None
    label = " of the rarest label" if at(row, "fewest") is not None else ""
    seen = f"{_word(key)} has {positives:.0f} positive and {negatives:.0f} negative test images{label}"
    return f"{seen}; {rule.min_positives} and {least} are needed to judge it."
