"""A policy with every kind of rule, and the least evidence that passes it: each member is read by a rule."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from radloop.use_case import Policy

Path = tuple[str | int, ...]

CHAMPION_RULES: list[dict[str, Any]] = [
    {"kind": "non_inferiority", "name": "auroc_kept", "metric": "auroc", "margin": 0.0625},
    {"kind": "non_inferiority", "name": "ece_kept", "metric": "ece", "margin": 0.0625},
    {
        "kind": "score_shift",
        "name": "shift",
        "max_flips": 0.125,
        "min_sensitivity": -0.0625,
        "min_specificity": -0.125,
    },
    {"kind": "permitted_changes", "name": "plan"},
]
RULES: list[dict[str, Any]] = [
    {"kind": "data_verdict", "name": "data_verdict"},
    {"kind": "leakage", "name": "leakage"},
    {"kind": "contradicted_labels", "name": "labels", "limit": 0.125},
    {"kind": "minimum_cases", "name": "cases", "positives": 30, "negatives": 30},
    {"kind": "lower_bound", "name": "auroc_lower", "metric": "auroc", "limit": 0.9},
    {"kind": "upper_bound", "name": "ece_upper", "metric": "ece", "limit": 0.2},
    {"kind": "subgroup_lower_bound", "name": "subgroup", "metric": "auroc", "limit": 0.8},
    {"kind": "subgroup_upper_bound", "name": "honest", "metric": "ece", "limit": 0.125},
    {"kind": "subgroup_gap", "name": "gap", "attribute": "sex", "metric": "sensitivity", "limit": 0.4375},
    {"kind": "worst_subgroup", "name": "worst", "attribute": "site", "metric": "sensitivity", "limit": 0.5},
    {"kind": "parity", "name": "parity", "max_difference": 0.001},
    {"kind": "precision", "name": "precision", "max_change": 0.0625, "max_flips": 0.125, "max_auroc_change": 0.25},
    {"kind": "robustness", "name": "robust", "perturbations": ["noise", "blur"], "strength": 2, "limit": 0.0625},
    {"kind": "occlusion_upper_bound", "name": "corner", "regions": ["upper_left"], "limit": 0.0625, "max_flips": 0.125},
    {"kind": "occlusion_lower_bound", "name": "anatomy", "regions": ["centre"], "limit": 0.0625},
    {"kind": "shortcut_probe", "name": "probe", "attributes": ["site"], "limit": 0.75},
    {"kind": "explanation", "name": "heat_map"},
    *CHAMPION_RULES,
]


def policy(*rules: dict[str, Any]) -> Policy:
    """Return a policy of some rules."""
    return Policy.model_validate_json(json.dumps({"written": "2026-01-01", "rules": rules}))


POLICY = policy(*RULES)


def good_evidence() -> dict[str, Any]:
    """Return evidence of a second version that passes `POLICY`, fresh each time."""
    return copy.deepcopy(
        {
            "data": {"validation": {"success": True}, "leaks": {"dropped": 4, "standing": 0, "findings": {"identical": 3}}},
            "population": {"gated": {"images": 120, "positives": 60}},
            "metrics": {"auroc": {"value": 0.95, "low": 0.92}, "ece": {"value": 0.05, "high": 0.1}},
            "policy_subgroups": [{"attribute": "sex", "value": "F"}, {"attribute": "sex", "value": "M"}],
            "subgroups": [
                {**_group("sex", "F", 60, 30), "metrics": _metrics(0.75, 0.5, 0.9375)},
                {**_group("sex", "M", 60, 30), "metrics": _metrics(0.625, 0.375, 0.75)},
                {**_group("site", "A", 100, 50), "inside_intended_use": True, "metrics": {"sensitivity": _lower(0.75, 0.625)}},
            ],
            "contradictions": {"subgroups": [_contradicted("F"), _contradicted("M")]},
            "parity": {"max_difference": 1e-6, "flips": 0},
            "precision": {"test": {"max_change": 0.0625, "flips": 5, "decisions": 40, "auroc_change": 0.25}},
            "robustness": {"perturbations": {name: [_step(2)] for name in ("noise", "blur")}},
            "shortcuts": {
                "probes": {"site": {"auroc": {"value": 0.625, "high": 0.75}}},
                "occlusion": {
                    "upper_left": {"auroc_drop": {"value": 0.0, "high": 0.0625}, "flips": 0.125},
                    "centre": {"auroc_drop": {"value": 0.25, "low": 0.125}},
                },
            },
            "explanations": {"sane": True},
            "champion": {
                "thresholds": {"champion": [0.375], "candidate": [0.375]},
                "difference": {
                    "auroc": {"value": 0.0, "low": -0.03125},
                    "ece": {"value": 0.0, "high": 0.03125},
                    "sensitivity": {"value": 0.0, "low": -0.0625},
                    "specificity": {"value": 0.0, "low": -0.125},
                },
                "shift": {
                    "flips": 0.125,
                    "sensitivity": {"value": 0.0, "low": -0.0625},
                    "specificity": {"value": 0.0, "low": -0.125},
                },
            },
            "changes": {
                "since": 3,
                "first": False,
                "permitted": ["data.version", "search.*"],
                "changed": {"search.trials": [2, 4]},
            },
        }
    )


def first_evidence() -> dict[str, Any]:
    """Return evidence of a first version."""
    alone = {"since": None, "first": True, "permitted": ["data.version"], "changed": {}}
    return good_evidence() | {"champion": None, "changes": alone}


def several_evidence() -> dict[str, Any]:
    """Return evidence of several labels that passes `SEVERAL`."""
    fewest = {"positives": 24, "negatives": 40}
    group = {"images": 60, "fewest": {"positives": 11, "negatives": 20}, "metrics": {"auroc": {"value": 0.94, "low": 0.85}}}
    return {
        "population": {"gated": {"images": 120, "fewest": fewest}},
        "metrics": {"auroc": {"value": 0.95, "low": 0.92}},
        "labels": {"stone": {"metrics": {"sensitivity": {"value": 0.9, "low": 0.81}}}},
        "policy_subgroups": [{"attribute": "sex", "value": "F"}],
        "subgroups": [{"attribute": "sex", "value": "F", **group}],
    }


SEVERAL = policy(
    {"kind": "minimum_cases", "name": "cases", "positives": 20, "negatives": 20},
    {"kind": "lower_bound", "name": "auroc_lower", "metric": "auroc", "limit": 0.9},
    {"kind": "lower_bound", "name": "stone_lower", "metric": "sensitivity", "label": "stone", "limit": 0.8},
    {"kind": "subgroup_lower_bound", "name": "subgroup", "metric": "auroc", "limit": 0.8},
)


def paths(document: Any, prefix: Path = ()) -> Iterator[Path]:
    """Yield where every member of a document stands."""
    children = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else []
    for key, value in children:
        yield (*prefix, key)
        yield from paths(value, (*prefix, key))


def put(document: Any, path: Path, value: Any) -> None:
    """Set a member."""
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


def lose(document: Any, path: Path, how: Any) -> None:
    """Take a member away (`absent`; of a list its place stays, as null), or put what is no evidence in its place."""
    for key in path[:-1]:
        document = document[key]
    if how == "absent" and isinstance(document, dict):
        del document[path[-1]]
    else:
        document[path[-1]] = None if how == "absent" else how


def _group(attribute: str, value: str, images: int, positives: int) -> dict[str, Any]:
    return {"attribute": attribute, "value": value, "images": images, "positives": positives}


def _contradicted(sex: str) -> dict[str, Any]:
    return {"attribute": "sex", "value": sex, "images": 30, "share": {"value": 0.0625, "high": 0.125}}


def _lower(value: float, low: float) -> dict[str, float]:
    return {"value": value, "low": low}


def _metrics(value: float, low: float, high: float) -> dict[str, Any]:
    return {
        "auroc": _lower(0.94, 0.85),
        "ece": {"value": 0.0625, "high": 0.125},
        "sensitivity": {"value": value, "low": low, "high": high},
    }


def _step(strength: int) -> dict[str, Any]:
    return {"strength": strength, "auroc_drop": {"value": 0.0, "high": 0.0625}}
