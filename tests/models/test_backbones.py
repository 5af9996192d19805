"""The registry of backbones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import torchvision

from radloop.models import backbones
from radloop.models.backbones import BACKBONES, build_backbone, pretrained_available


@pytest.mark.parametrize(("name", "channels"), [("resnet18", 512), ("densenet121", 1024), ("efficientnet-lite0", 1280)])
def test_features_have_stride_32_and_are_not_negative(name: str, channels: int) -> None:
    backbone = build_backbone(name, pretrained=False).eval()
    with torch.no_grad():
        features = backbone(torch.randn(2, 3, 64, 96))
    assert backbone.channels == channels
    assert features.shape == (2, channels, 2, 3)
    assert features.min() >= 0


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_weights_of_torchvision_fit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file saved by torchvision's class gives that class's features."""
    whole = getattr(torchvision.models, name)(weights=None).eval()
    path = tmp_path / "checkpoints" / "saved.pth"
    path.parent.mkdir()
    torch.save(whole.state_dict(), path)
    path = path.rename(path.with_stem(f"{name}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    classifier = "fc" if name == "resnet18" else "classifier"
    monkeypatch.setattr(backbones, f"_{name.upper()}", backbones.TorchvisionWeights(path.as_uri(), classifier))
    image = torch.randn(1, 3, 64, 64)
    setattr(whole, classifier, torch.nn.Identity())
    with torch.no_grad():
        embedding = build_backbone(name, pretrained=True).eval()(image).mean(dim=(2, 3))
        torch.testing.assert_close(embedding, whole(image))


def test_pretrained_lite0_differs_from_random_and_is_repeatable() -> None:
    first, second = (build_backbone("efficientnet-lite0", pretrained=True).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(
        first["network.top.conv.weight"],
        build_backbone("efficientnet-lite0", pretrained=False).state_dict()["network.top.conv.weight"],
    )


def test_what_is_available_is_known_without_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert {name: pretrained_available(name) for name in BACKBONES} == {
        "densenet121": False,
        "efficientnet-lite0": True,
        "resnet18": False,
    }


def test_a_mistyped_name_gets_the_nearest() -> None:
    with pytest.raises(ValueError, match="no backbone 'resnet-18': did you mean 'resnet18'"):
        build_backbone("resnet-18", pretrained=False)
