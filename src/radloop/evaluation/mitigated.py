"""What the report's tables of a mitigation and of the prediction sets hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radloop.evaluation.sections import Row
from radloop.evaluation.wording import ATTRIBUTES, name

_DONE: Mapping[str, str] = {
    "reweighting": "in training every group weighed as if its labels were spread as everybody's",
    "balanced_sampling": "training drew every label of every group as often",
    "per_group": "each group has a threshold of its own; the unknown take the most sensitive one",
    "set_aside": "labels of train that a network contradicted though it was taught them were not learnt",
}
SHOWN = ("auroc", "accuracy", "sensitivity", "specificity")
"""The metrics that are set side by side, of those that a row has."""


def mitigation_of(evidence: Mapping[str, Any]) -> Row | None:
    """Return what was done for the groups of an attribute, and the groups before and after; None where nothing was asked for."""
    found = evidence.get("mitigation")
    if not isinstance(found, Mapping):
        return None
    before = found.get("before") or {}
    states = [
        (f"before (version {before['version']})" if before.get("version") else "before", before.get("rows")),
        ("one threshold for all", found.get("one_threshold")),
        ("as judged", found.get("after")),
    ]
    rows = [(title, given) for title, given in states if isinstance(given, Sequence)]
    used = [key for key in SHOWN if any(key in (row.get("metrics") or {}) for _, given in rows for row in given)]
    return {
        "attribute": ATTRIBUTES.get(str(found.get("attribute")), str(found.get("attribute"))),
        "done": [_DONE[str(found[key])] for key in ("training", "thresholds", "labels") if found.get(key) in _DONE],
        "before": bool(before),
        "columns": [(key, name(key)) for key in used],
        "contradicted": any(row.get("contradicted") for _, given in rows for row in given),
        "groups": _by_group(rows),
        "set_aside": list(found.get("set_aside") or ()),
    }


def _by_group(states: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> list[Row]:
    words = dict.fromkeys(str(row.get("value")) for _, given in states for row in given)
    return [
        {
            "word": word,
            "rows": [dict(row) | {"state": title} for title, given in states for row in given if row.get("value") == word],
        }
        for word in words
    ]


def sets_of(evidence: Mapping[str, Any]) -> Row | None:
    """Return how often the prediction sets hold the truth; None where the bundle has none."""
    found = evidence.get("conformal")
    if not isinstance(found, Mapping):
        return None
    rows = [{"name": "All"} | dict(found.get("overall") or {})]
    rows += [{"name": label} | dict(item) for label, item in (found.get("labels") or {}).items()]
    rows += [{"name": f"{ATTRIBUTES['sex']} {item.get('value')}"} | dict(item) for item in found.get("subgroups") or ()]
    return {"coverage": found.get("coverage"), "abstain": found.get("abstain"), "rows": rows}
