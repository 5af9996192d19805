"""What may help, by the rules that said no; what was tried is not proposed again."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from installations import small_phantom_config

from radloop.governance.gate import Verdict
from radloop.governance.judges.reason import Reason
from radloop.governance.proposals import proposals
from radloop.use_case import UseCase

RULES = [
    {"kind": "contradicted_labels", "name": "labels", "limit": 0.1},
    {"kind": "subgroup_lower_bound", "name": "sens", "metric": "sensitivity", "limit": 0.8},
    {"kind": "subgroup_upper_bound", "name": "ece", "metric": "ece", "limit": 0.2},
    {"kind": "subgroup_lower_bound", "name": "area", "metric": "auroc", "limit": 0.8},
    {"kind": "worst_subgroup", "name": "worst", "attribute": "site", "metric": "sensitivity", "limit": 0.5},
    {"kind": "lower_bound", "name": "auroc_lower", "metric": "auroc", "limit": 0.9},
]


def use_case(**changes: Any) -> UseCase:
    config = small_phantom_config() | changes
    config["policy"] = config["policy"] | {"rules": RULES}
    return UseCase.model_validate_json(json.dumps(config))


def said(*rules: str, status: Any = "failed") -> Verdict:
    return Verdict("rejected", tuple(Reason(rule, status, 0.5, 0.8, "") for rule in rules))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (["labels[sex=F]"], {"attribute": "sex", "labels": "set_aside"}),
        (["sens[sex=F]", "sens[sex=M]"], {"attribute": "sex", "thresholds": "per_group"}),
        (["sens[sex=F]", "labels[sex=F]"], {"attribute": "sex", "thresholds": "per_group", "labels": "set_aside"}),
        (["area[age_band=18-39]"], {"attribute": "age_band", "training": "balanced_sampling"}),
        (["worst[site]"], {"attribute": "site", "training": "balanced_sampling"}),  # a site is not known where one answers
    ],
)
def test_each_failed_rule_has_its_remedy(rules: list[str], expected: dict[str, str]) -> None:
    (found,) = proposals(use_case(), said(*rules))
    assert found.rules == tuple(rules)
    section = yaml.safe_load(found.yaml)
    assert section == {"mitigation": expected}
    assert use_case(**section).mitigation is not None  # it is a valid section


def test_what_is_no_groups_and_what_has_no_evidence_has_none() -> None:
    assert proposals(use_case(), said("auroc_lower")) == []
    assert proposals(use_case(), said("sens[sex=F]", status="not_evaluable")) == []
    assert proposals(use_case(), said("ece[sex=F]")) == []


def test_what_was_tried_is_kept_and_the_next_is_proposed() -> None:
    tried = use_case(mitigation={"attribute": "sex", "thresholds": "per_group", "training": "balanced_sampling"})
    (found,) = proposals(tried, said("area[sex=F]"))
    section = {"attribute": "sex", "thresholds": "per_group", "training": "reweighting"}
    assert yaml.safe_load(found.yaml) == {"mitigation": section}
    both = use_case(mitigation={"attribute": "sex", "labels": "set_aside"})
    assert proposals(both, said("labels[sex=F]")) == []
