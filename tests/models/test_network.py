"""The network and its exact explanation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from models.cases import CLASSES, REGION, SEVERITY, images, use_case
from torch import Tensor, nn

from radloop.clinical import ClinicalInput
from radloop.models.backbones import Backbone, build_backbone
from radloop.models.build import build_network
from radloop.models.fusion import Gated
from radloop.models.network import Explained, Head, Network, StrongestPlace, embed
from radloop.use_case import Recipe

AGE = (ClinicalInput(name="age", mean=50.0, deviation=10.0),)


class Brightness(nn.Module):
    """A backbone whose two channels are red and its negative."""

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, 3, H, W] to [N, 2, H, W]."""
        return torch.cat([x[:, :1], -x[:, :1]], dim=1)


@pytest.fixture
def tiny() -> Network:
    network = Network(Backbone(Brightness(), channels=2), Head(2, classes=1))
    with torch.no_grad():
        network.head.linear.weight.copy_(torch.tensor([[3.0, -1.0]]))
        network.head.linear.bias.fill_(0.5)
    return network.eval()


def grad_cam(network: Network, x: Tensor, clinical: Tensor | None = None) -> Tensor:
    """Return Selvaraju's equations 1 and 2 with autograd: [N, K, h, w]."""
    features = network.features(x).detach().requires_grad_()
    joint = embed(features)
    if network.fusion is not None:
        joint = network.fusion(joint, torch.zeros(len(x), network.fusion.places) if clinical is None else clinical)
    maps = []
    for column in network.head(joint).unbind(dim=1):
        (gradient,) = torch.autograd.grad(column.sum(), features, retain_graph=True)
        maps.append((gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1).relu())
    return torch.stack(maps, dim=1)


def build(backbone: str, size: int = 64, **sections: Any) -> Network:
    """Return a network with random weights; attention, which begins neutral, gets its own."""
    torch.manual_seed(0)
    case = use_case(size, **sections)
    network = build_network(case, Recipe(backbone=backbone), AGE if case.fusion else (), pretrained=False).eval()
    if isinstance(network.fusion, Gated):
        nn.init.normal_(network.fusion.score.weight, std=3.0)
    return network


def test_hand_worked_logit_and_map(tiny: Network) -> None:
    # Red: (255 / 255 - 0.485) / 0.229 = 2.24891 and (0 - 0.485) / 0.229 = -2.11790; ReLU leaves [2.24891, 0] and [0, 2.11790].
    explained = tiny.explain(torch.tensor([[[[255, 0]]]], dtype=torch.uint8))
    torch.testing.assert_close(explained.embedding, torch.tensor([[1.124454, 1.058952]]))
    torch.testing.assert_close(explained.logits, torch.tensor([[3 * 1.124454 - 1.058952 + 0.5]]))
    torch.testing.assert_close(explained.cam, torch.tensor([[[[3 * 2.248908 / 2, 0.0]]]]))
    assert explained.grades is None
    assert explained.mask is None


@pytest.mark.parametrize(
    ("backbone", "sections"),
    [
        ("efficientnet-lite0", {"labels": CLASSES}),
        ("resnet18", {"labels": CLASSES}),
        ("densenet121", {"labels": CLASSES}),
        ("convnext_tiny", {}),
        ("vit_b_32", {"labels": CLASSES}),
        ("mobilenet_v3_small", {"location": {"stride": 4}}),
        ("resnet18", {"labels": CLASSES, "fusion": {"values": ["age"]}, "severity": SEVERITY}),
        ("resnet18", {"labels": CLASSES, "fusion": {"values": ["age"], "kind": "concat"}}),
    ],
)
def test_the_map_is_grad_cam(backbone: str, sections: dict[str, Any]) -> None:
    network = build(backbone, **sections)
    clinical = torch.tensor([[1.3, 1.0], [0.0, 0.0]]) if network.fusion is not None else None
    with torch.no_grad():
        explained = network.explain(images(2), clinical)
        torch.testing.assert_close(explained.logits, network(images(2), clinical).logits)
    expected = grad_cam(network, images(2), clinical)
    assert expected.shape == explained.cam.shape == (2, explained.logits.shape[1], 2, 2)
    scale = float(explained.cam.max())
    assert scale > 0
    torch.testing.assert_close(explained.cam, expected, atol=1e-5 * scale, rtol=1e-4)


def test_a_segmentation_explains_itself() -> None:
    network = build("mobilenet_v3_small", labels=REGION, location={"stride": 4})
    with torch.no_grad():
        explained = network.explain(images(2))
    assert explained.mask is not None
    assert torch.equal(explained.logits[:, 0], explained.mask.flatten(1).max(dim=1).values)
    assert torch.equal(explained.cam, explained.mask.clamp(min=0))
    assert network.head.state_dict() == {}


def test_a_segmentation_without_a_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a decoder"):
        Network(Backbone(Brightness(), channels=2), StrongestPlace())


@pytest.mark.parametrize("kind", ["gated", "concat"])
def test_no_values_are_unknown_values(kind: str) -> None:
    network = build("mobilenet_v3_small", fusion={"values": ["age"], "kind": kind})
    with torch.no_grad():
        assert torch.equal(network(images(2)).logits, network(images(2), torch.zeros(2, 2)).logits)
        assert not torch.equal(network(images(2)).logits, network(images(2), torch.tensor([[2.0, 1.0]] * 2)).logits)


def test_a_blind_image_does_not_matter() -> None:
    network = build("resnet18", fusion={"values": ["age"]})
    clinical = torch.tensor([[2.0, 1.0]] * 2)
    blind = torch.tensor([True, False])
    with torch.no_grad():
        one, two = network(images(2), clinical, blind).logits, network(images(2, seed=1), clinical, blind).logits
    assert torch.equal(one[0], two[0])
    assert not torch.equal(one[1], two[1])


def test_the_backbone_runs_once() -> None:
    network = build("mobilenet_v3_small", location={"stride": 4}, severity=SEVERITY)
    calls = []
    network.features.backbone.network.features[0].register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        explained = network.explain(images(1))
        torch.testing.assert_close(explained.embedding, embed(network.features(images(1))))
    assert len(calls) == 2  # once to explain, once for the comparison


def test_every_weight_is_trained() -> None:
    """Several devices need a gradient for each: no weight may be left over."""
    network = build("mobilenet_v3_small", labels=CLASSES, fusion={"values": ["age"]}, severity=SEVERITY, location={"stride": 4})
    outputs = network.train()(images(4), torch.tensor([[1.0, 1.0]] * 4))
    assert outputs.grades is not None
    assert outputs.mask is not None
    (outputs.logits.sum() + outputs.grades.sum() + outputs.mask.square().sum()).backward()
    assert [name for name, weights in network.named_parameters() if weights.grad is None] == []


def test_bytes_and_floats_mean_the_same(tiny: Network) -> None:
    image = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4)
    torch.testing.assert_close(tiny(image).logits, tiny(image.float()).logits)


def test_explain_traces_without_autograd() -> None:
    network = Network(build_backbone("efficientnet-lite0", pretrained=False), Head(1280, classes=2)).eval()

    class Explaining(nn.Module):
        """What is exported: `explain` as the forward pass."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """Return logits, embeddings and maps."""
            explained: Explained = self.network.explain(x)
            return explained.logits, explained.embedding, explained.cam

    image = torch.rand(1, 1, 64, 64) * 255
    with torch.no_grad():
        exported = torch.export.export(Explaining(), (image,)).module()
        for ours, theirs in zip(network.explain(image)[:3], exported(image), strict=True):
            torch.testing.assert_close(ours, theirs)


def test_dropout_acts_on_the_head_only_in_training() -> None:
    network = Network(Backbone(Brightness(), channels=2), Head(2, classes=1, dropout=0.5))
    image = torch.full((1, 1, 2, 2), 200.0)
    assert len({network.train()(image).logits.item() for _ in range(30)}) > 1
    assert len({network.eval()(image).logits.item() for _ in range(3)}) == 1
