"""The classifier and its exact explanation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from radloop.models.backbones import BACKBONES, Backbone, build_backbone
from radloop.models.network import Network


class Brightness(nn.Module):
    """A backbone whose two channels are red and its negative."""

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, 3, H, W] to [N, 2, H, W]."""
        return torch.cat([x[:, :1], -x[:, :1]], dim=1)


@pytest.fixture
def tiny() -> Network:
    network = Network(Backbone(Brightness(), channels=2), classes=1)
    with torch.no_grad():
        network.head.linear.weight.copy_(torch.tensor([[3.0, -1.0]]))
        network.head.linear.bias.fill_(0.5)
    return network.eval()


def grad_cam(network: Network, x: Tensor) -> Tensor:
    """Return Selvaraju's equations 1 and 2 with autograd: [N, K, h, w]."""
    features = network.features(x).detach().requires_grad_()
    logits = network.head(features.mean(dim=(2, 3)))
    maps = []
    for column in logits.unbind(dim=1):
        (gradient,) = torch.autograd.grad(column.sum(), features, retain_graph=True)
        maps.append((gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1).relu())
    return torch.stack(maps, dim=1)


def test_hand_worked_logit_and_map(tiny: Network) -> None:
    # Red: (255 / 255 - 0.485) / 0.229 = 2.24891 and (0 - 0.485) / 0.229 = -2.11790; ReLU leaves [2.24891, 0] and [0, 2.11790].
    logits, embedding, cam = tiny.explain(torch.tensor([[[[255, 0]]]], dtype=torch.uint8))
    torch.testing.assert_close(embedding, torch.tensor([[1.124454, 1.058952]]))
    torch.testing.assert_close(logits, torch.tensor([[3 * 1.124454 - 1.058952 + 0.5]]))
    torch.testing.assert_close(cam, torch.tensor([[[[3 * 2.248908 / 2, 0.0]]]]))


@pytest.mark.parametrize("name", BACKBONES)
def test_the_map_is_grad_cam(name: str) -> None:
    torch.manual_seed(0)
    network = Network(build_backbone(name, pretrained=False), classes=3).eval()
    images = torch.randint(0, 256, (2, 1, 96, 64), dtype=torch.uint8)
    with torch.no_grad():
        logits, embedding, cam = network.explain(images)
        torch.testing.assert_close(logits, network(images))
    assert embedding.shape == (2, network.head.linear.in_features)
    assert cam.shape == (2, 3, 3, 2)
    assert cam.max() > 0
    torch.testing.assert_close(cam, grad_cam(network, images), atol=1e-5, rtol=1e-5)


def test_bytes_and_floats_mean_the_same(tiny: Network) -> None:
    image = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4)
    torch.testing.assert_close(tiny(image), tiny(image.float()))


def test_explain_traces_without_autograd() -> None:
    network = Network(build_backbone("efficientnet-lite0", pretrained=False), classes=2).eval()

    class Explained(nn.Module):
        """What is exported: `explain` as the forward pass."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """Return logits, embeddings and maps."""
            return self.network.explain(x)

    image = torch.rand(1, 1, 64, 64) * 255
    with torch.no_grad():
        exported = torch.export.export(Explained(), (image,)).module()
        for ours, theirs in zip(network.explain(image), exported(image), strict=True):
            torch.testing.assert_close(ours, theirs)


def test_dropout_acts_on_the_head_only_in_training() -> None:
    network = Network(Backbone(Brightness(), channels=2), classes=1, dropout=0.5)
    image = torch.full((1, 1, 2, 2), 200.0)
    assert len({network.train()(image).item() for _ in range(30)}) > 1
    assert len({network.eval()(image).item() for _ in range(3)}) == 1
