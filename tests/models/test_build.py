"""From a use case to its network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from models.cases import CLASSES, REGION, SEVERITY, images, use_case

from radloop.clinical import ClinicalInput
from radloop.models.backbones import build_backbone
from radloop.models.build import build_network
from radloop.models.network import Head
from radloop.use_case import Recipe

SMALL = Recipe(backbone="mobilenet_v3_small", dropout=0.1)
AGE_AND_SEX = (ClinicalInput(name="age", mean=50.0, deviation=10.0), ClinicalInput(name="sex", words=("F", "M", "O")))
FINDINGS = {"kind": "multilabel", "findings": ["mass", "nodule"], "none": "normal"}


@pytest.mark.parametrize(
    ("sections", "logits", "grades", "mask"),
    [
        ({}, 1, None, None),
        ({"labels": CLASSES}, 3, None, None),
        ({"labels": FINDINGS, "severity": SEVERITY}, 2, 2, None),
        ({"location": {"stride": 8}}, 1, None, 8),
        ({"labels": REGION, "location": {"stride": 4}}, 1, None, 16),
        ({"fusion": {"values": ["age", "sex"], "kind": "concat"}, "severity": SEVERITY, "location": {"stride": 4}}, 1, 2, 16),
    ],
)
def test_it_gives_what_the_use_case_asks_for(sections: dict[str, Any], logits: int, grades: int | None, mask: int | None) -> None:
    case = use_case(**sections)
    network = build_network(case, SMALL, AGE_AND_SEX if case.fusion else (), pretrained=False).eval()
    with torch.no_grad():
        outputs = network(images(2))
        explained = network.explain(images(2))
    assert outputs.logits.shape == (2, logits)
    assert (outputs.grades.shape if outputs.grades is not None else None) == ((2, grades) if grades else None)
    assert (outputs.mask.shape if outputs.mask is not None else None) == ((2, 1, mask, mask) if mask else None)
    assert explained.embedding.shape == (2, 576)
    assert explained.cam.shape[:2] == (2, logits)
    for ours, theirs in zip(outputs, (explained.logits, explained.grades, explained.mask), strict=True):
        assert (ours is None and theirs is None) or torch.equal(ours, theirs)


def test_clinical_places_are_counted() -> None:
    """Age takes 2 places, sex with three words 4."""
    network = build_network(use_case(fusion={"values": ["age", "sex"]}), SMALL, AGE_AND_SEX, pretrained=False)
    assert network.fusion is not None
    assert network.fusion.places == 6


def test_a_plain_network_keeps_its_names_and_its_order_of_weights() -> None:
    """Weights that were trained before load, and one seed gives one network: backbone first, then the head."""
    torch.manual_seed(5)
    network = build_network(use_case(labels=CLASSES), SMALL, (), pretrained=False)
    torch.manual_seed(5)
    backbone = build_backbone("mobilenet_v3_small", pretrained=False)
    head = Head(576, 3)
    state = network.state_dict()
    assert {name.split(".")[0] for name in state} == {"features", "head"}
    assert torch.equal(state["head.linear.weight"], head.linear.weight)
    assert all(torch.equal(state[f"features.backbone.{name}"], weights) for name, weights in backbone.state_dict().items())


def test_what_cannot_work_is_refused() -> None:
    recipe = Recipe(backbone="convnext_tiny")
    with pytest.raises(ValueError, match="no feature map finer than stride 4"):
        build_network(use_case(location={"stride": 2}), recipe, (), pretrained=False)
