"""The heat map of the exported graph is Grad-CAM as autograd gives it, for every family of backbones and every head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from radloop.inference.openvino_engine import OpenVINOEngine
from radloop.inference.precision import runs_natively
from radloop.models.build import build_network
from radloop.models.network import Network, StrongestPlace
from radloop.packaging.export import export
from radloop.use_case.families import FAMILIES
from tests.packaging.cases import CASES, make_pixels

HEADS = {
    "binary": CASES["binary"],
    "multiclass": CASES["multiclass"],
    "multilabel": CASES["multilabel"],
    "gated": CASES["fusion"],
    "concat": CASES["fusion"].model_copy(
        update={"fusion": CASES["fusion"].fusion.model_copy(update={"kind": "concat"}) if CASES["fusion"].fusion else None}
    ),
}
"""Severity stands beside the two fusions; a decoder changes nothing of the map, and a segmentation's map is its mask."""
BACKBONES = (
    "convnext_tiny",
    "densenet121",
    "efficientnet-lite0",
    "efficientnet_b0",
    "inception_v3",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "vgg11",
    "vit_b_32",
)


def test_every_family_is_here() -> None:
    tested = [family for family in FAMILIES if set(family.members) & set(BACKBONES)]
    assert {family.name for family in tested} == {family.name for family in FAMILIES} - {"resnet"}  # with every head, below


def autograd(network: Network, image: Tensor, clinical: Tensor | None) -> Tensor:
    """Return Grad-CAM [K, h, w] of one image (Selvaraju et al., ICCV 2017, equations 1 and 2)."""
    features = network.features(image).detach().requires_grad_()
    embedding = features.mean(dim=(2, 3))
    joint = embedding if network.fusion is None else network.fusion(embedding, clinical)
    assert not isinstance(network.head, StrongestPlace)
    maps = []
    for logit in network.head(joint)[0]:
        (gradient,) = torch.autograd.grad(logit, features, retain_graph=True)
        maps.append(torch.relu((gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1))[0])
    return torch.stack(maps).detach()


@pytest.mark.parametrize(
    ("backbone", "head"), [*((name, "multilabel") for name in BACKBONES), *(("resnet18", head) for head in HEADS)]
)
def test_the_map_is_autograds(tmp_path: Path, backbone: str, head: str) -> None:
    size = 96 if backbone == "inception_v3" else 64
    case = HEADS[head].model_copy(update={"image": HEADS[head].image.model_copy(update={"size": size})})
    torch.manual_seed(4)
    inputs = make_pixels(case, 3).inputs
    recipe = case.search.recipe.model_copy(update={"backbone": backbone})
    network = build_network(case, recipe, inputs, pretrained=False).eval()
    if head == "gated":
        nn.init.normal_(network.fusion.score.weight, std=3.0)  # type: ignore[union-attr, arg-type]
    width = sum(item.width for item in inputs)
    image = torch.randint(0, 256, (1, 1, size, size), dtype=torch.uint8)
    clinical = torch.randn(1, width) if width else None
    expected = autograd(network, image, clinical).numpy()
    top = float(expected.max())
    assert top > 0  # somewhere there is heat to compare
    export(network, size, width, tmp_path)
    given = (image[0, 0].numpy(), None if clinical is None else clinical[0].numpy())
    assert np.abs(OpenVINOEngine(tmp_path, size, streams=1).run(*given).cam - expected).max() <= 1e-3 * top
    if runs_natively("bf16"):
        assert np.abs(OpenVINOEngine(tmp_path, size, precision="bf16", streams=1).run(*given).cam - expected).max() <= 0.1 * top
