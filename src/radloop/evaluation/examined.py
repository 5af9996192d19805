"""What the report's tables of fairness, of parts of the image and of worse images hold: rows of the evidence, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radloop.evaluation.sections import Row, is_pair, kind_of
from radloop.evaluation.wording import ATTRIBUTES, PERTURBATIONS, PLACES, name


def fairness_rows(evidence: Mapping[str, Any]) -> list[Row]:
    """Return a row for every attribute that was compared."""
    return [
        {
            "name": ATTRIBUTES.get(attribute, attribute),
            "groups": found.get("groups") or [],
            "selection": found.get("selection_rate") or {},
            "odds": found.get("equalised_odds") or {},
            "worst": found.get("worst") or {},
        }
        for attribute, found in _in_order(evidence.get("fairness"), ATTRIBUTES)
    ]


def pair_rows(evidence: Mapping[str, Any]) -> list[Row]:
    """Return the subgroups of two attributes, each named in words."""
    return [row | {"name": pair_name(row)} for row in evidence.get("subgroups") or () if is_pair(row)]


def pair_name(row: Mapping[str, Any]) -> str:
    """Return `Sex and age band: F+18-39` in the words of the report."""
    first, *others = (ATTRIBUTES.get(word, word) for word in str(row.get("attribute")).split("+"))
    return f"{' and '.join([first, *(word.lower() for word in others)])}: {row.get('value')}"


def shortcuts_of(evidence: Mapping[str, Any]) -> Row | None:
    """Return probes and occlusions; None where they were not recorded."""
    found = evidence.get("shortcuts")
    if not isinstance(found, Mapping):
        return None
    key = _metric(evidence, found)
    return {
        "metric": name(key),
        "images": found.get("images"),
        "untouched": found.get("untouched"),
        "probes": [
            row | {"name": ATTRIBUTES.get(attribute, attribute)} for attribute, row in (found.get("probes") or {}).items()
        ],
        "regions": [
            {
                "name": PLACES.get(region, region),
                "left": row.get(key),
                "drop": row.get(f"{key}_drop"),
                "flips": row.get("flips"),
                "alone": row.get("alone"),
            }
            for region, row in _in_order(found.get("occlusion"), PLACES)
        ],
    }


def robustness_of(evidence: Mapping[str, Any]) -> Row | None:
    """Return the perturbations with their steps; None where they were not recorded."""
    found = evidence.get("robustness")
    if not isinstance(found, Mapping):
        return None
    key = _metric(evidence, found)
    rows = [
        {
            "name": PERTURBATIONS.get(word, word),
            "unit": next((step.get("unit") for step in steps), None),
            "steps": [step | {"left": step.get(key), "drop": step.get(f"{key}_drop")} for step in steps],
        }
        for word, steps in _in_order(found.get("perturbations"), PERTURBATIONS)
    ]
    return {"metric": name(key), "images": found.get("images"), "untouched": found.get("untouched"), "rows": rows}


def _in_order(found: Any, words: Mapping[str, str]) -> list[tuple[str, Any]]:
    """Return members in the order of their words, for sealed JSON has them by the alphabet; unknown ones come last."""
    members: Mapping[str, Any] = found or {}
    known = [word for word in words if word in members]
    return [(word, members[word]) for word in dict.fromkeys([*known, *members])]


def _metric(evidence: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    return str(found.get("metric") or ("dice" if kind_of(evidence) == "segmentation" else "auroc"))
