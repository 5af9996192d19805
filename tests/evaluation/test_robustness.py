"""Robustness: thirty alterations of real images through a real bundle, the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from readers import MIDDLE, UPPER_LEFT, Reader

from radloop.evaluation.robustness import judge_robustness
from radloop.use_case import Policy


def test_five_steps_of_each_and_the_same_again(make_reader: Callable[..., Reader], policy: Policy) -> None:
    sample = make_reader(MIDDLE).sample(policy)
    found = judge_robustness(sample)
    assert found == judge_robustness(sample)
    document = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert (document["images"], document["metric"]) == (40, "auroc")
    assert document["untouched"]["value"] == 1
    names = ["noise", "blur", "contrast", "rotation", "jpeg", "resolution"]
    assert list(document["perturbations"]) == names
    for steps in document["perturbations"].values():
        assert [step["strength"] for step in steps] == [1, 2, 3, 4, 5]
        for step in steps:
            assert step["auroc_drop"]["value"] == pytest.approx(1 - step["auroc"]["value"])
            assert step["unit"]
    # Three quarters and more of the contrast gone: the order stays, and nobody reaches the threshold.
    contrast = document["perturbations"]["contrast"]
    assert contrast[4]["auroc"]["value"] > 0.95
    assert contrast[4]["flips"] == 0.5
    assert contrast[0]["flips"] == 0


def test_a_corner_is_lost_by_turning_and_the_middle_is_not(make_reader: Callable[..., Reader], policy: Policy) -> None:
    drops = [
        judge_robustness(make_reader(cell).sample(policy)).perturbations["rotation"][4].outcome.flips
        for cell in (UPPER_LEFT, MIDDLE)
    ]
    assert drops[0] > 0.2
    assert drops[1] == 0
