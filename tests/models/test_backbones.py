"""The registry of backbones."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from radloop.models import backbones
from radloop.models.backbones import BACKBONES, Backbone, build_backbone, pretrained_available
from radloop.models.pretrained import TorchvisionWeights
from radloop.use_case.families import family

# The smallest member of each family, with the channels of its classifier's input.
SMALLEST = [
    ("efficientnet-lite0", 1280),
    ("resnet18", 512),
    ("densenet121", 1024),
    ("vgg11", 512),
    ("inception_v3", 2048),
    ("efficientnet_b0", 1280),
    ("convnext_tiny", 768),
    ("mobilenet_v2", 1280),
    ("mobilenet_v3_small", 576),
    ("vit_b_32", 768),
]


@functools.cache
def bare(name: str) -> Backbone:
    """Return a backbone with random weights, to look at, in evaluation mode."""
    return build_backbone(name, pretrained=False, size=family(name).minimum).eval()


@pytest.mark.parametrize(("name", "channels"), SMALLEST)
def test_the_smallest_image_gives_one_place(name: str, channels: int) -> None:
    minimum = family(name).minimum
    backbone = bare(name)
    with torch.no_grad():
        features = backbone(torch.randn(2, 3, minimum, minimum, generator=torch.Generator().manual_seed(0)))
    assert backbone.channels == channels
    assert backbone.minimum == minimum
    assert features.shape == (2, channels, 1, 1)
    assert bool(features.min() >= 0) == family(name).ends_in_relu


@pytest.mark.parametrize("name", ["vgg11", "inception_v3", "convnext_tiny"])
def test_a_smaller_image_leaves_no_place(name: str) -> None:
    """The others pad, and would make a map of padding."""
    backbone = bare(name)
    side = backbone.minimum - 1
    with torch.no_grad(), pytest.raises(RuntimeError):
        backbone(torch.zeros(1, 3, side, side))


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("efficientnet-lite0", [(1, 3), (2, 16), (4, 24), (8, 40), (16, 112), (32, 1280)]),
        ("resnet18", [(2, 64), (4, 64), (8, 128), (16, 256), (32, 512)]),
        ("densenet121", [(2, 64), (4, 256), (8, 512), (16, 1024), (32, 1024)]),
        ("vgg11", [(1, 64), (2, 128), (4, 256), (8, 512), (16, 512), (32, 512)]),
        ("efficientnet_b0", [(2, 16), (4, 24), (8, 40), (16, 112), (32, 1280)]),
        ("convnext_tiny", [(4, 96), (8, 192), (16, 384), (32, 768)]),
        ("mobilenet_v3_small", [(2, 16), (4, 16), (8, 24), (16, 48), (32, 576)]),
    ],
)
def test_the_pyramid_ends_in_the_feature_map(name: str, levels: list[tuple[int, int]]) -> None:
    backbone = bare(name)
    found = backbone.levels()
    assert [(level.stride, level.channels) for level in found] == levels
    assert min(level.stride for level in found if level.channels > 3) == family(name).finest
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        maps = backbone.pyramid(image, tuple(level.mark for level in found))
        assert torch.equal(maps[-1], backbone(image))
    assert [(x.shape[1], x.shape[2], x.shape[3]) for x in maps] == [(c, 64 // stride, 96 // stride) for stride, c in levels]


def test_only_the_levels_asked_for_are_kept() -> None:
    backbone = build_backbone("resnet18", pretrained=False)
    fine, *_, coarse = backbone.levels()
    assert backbone.training
    with torch.no_grad():
        maps = backbone.pyramid(torch.zeros(1, 3, 64, 64), (fine.mark, coarse.mark))
    assert [tuple(x.shape) for x in maps] == [(1, 64, 32, 32), (1, 512, 2, 2)]


def saved(whole: nn.Module, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save a network as torchvision publishes it and let the registry find it."""
    path = folder / "checkpoints" / "saved.pth"
    path.parent.mkdir()
    torch.save(whole.state_dict(), path)
    path = path.rename(path.with_stem(f"{name}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder))
    monkeypatch.setattr(backbones, "published", lambda _: TorchvisionWeights(path.as_uri()))


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "efficientnet_b0", "mobilenet_v3_small"])
def test_weights_of_torchvision_fit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file saved by torchvision's class gives that class's features."""
    whole = torchvision.models.get_model(name, weights=None).eval()
    saved(whole, name, tmp_path, monkeypatch)
    assert pretrained_available(name)
    setattr(whole, "fc" if name == "resnet18" else "classifier", nn.Identity())
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        embedding = build_backbone(name, pretrained=True).eval()(image).mean(dim=(2, 3))
        torch.testing.assert_close(embedding, whole(image))


def given(whole: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish a network's weights without the way through a file."""
    state = whole.state_dict()
    monkeypatch.setattr(backbones, "torchvision_weights", lambda _: state)


def test_convnext_normalises_each_place(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torchvision.models.convnext_tiny(weights=None).eval()
    given(whole, monkeypatch)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            build_backbone("convnext_tiny", pretrained=True).eval()(image), whole.classifier[0](whole.features(image))
        )


def test_inception_converts_its_input_and_drops_its_second_head(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torchvision.models.inception_v3(weights=None, transform_input=True, aux_logits=True, init_weights=False).eval()
    given(whole, monkeypatch)
    whole.fc = nn.Identity()
    image = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        embedding = build_backbone("inception_v3", pretrained=True, size=96).eval()(image).mean(dim=(2, 3))
        torch.testing.assert_close(embedding, whole(image))


def test_vit_gives_its_patch_tokens_as_a_map_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    whole = torchvision.models.vit_b_16(weights=None, image_size=64).eval()
    given(whole, monkeypatch)
    tokens: list[Tensor] = []
    whole.encoder.register_forward_hook(lambda _module, _inputs, output: tokens.append(output))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        features = build_backbone("vit_b_16", pretrained=True, size=64).eval()(image)
        whole(image)
        assert features.shape == (1, 768, 4, 4)
        # Row 1, column 2 of a 4 x 4 grid is token 1 + 6, behind the class token.
        torch.testing.assert_close(features[0, :, 1, 2], tokens[0][0, 7])
        # Two tokens a side out of four, corners on corners: the corners keep their embedding.
        position = dict(build_backbone("vit_b_16", pretrained=True, size=32).named_parameters())["network.encoder.pos_embedding"]
    theirs = whole.encoder.pos_embedding
    torch.testing.assert_close(position[0], theirs[0, [0, 1, 4, 13, 16]])


def test_pretrained_lite0_differs_from_random_and_is_repeatable() -> None:
    first, second = (build_backbone("efficientnet-lite0", pretrained=True).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(
        first["network.top.conv.weight"],
        build_backbone("efficientnet-lite0", pretrained=False).state_dict()["network.top.conv.weight"],
    )


def test_what_is_available_is_known_without_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert [name for name in BACKBONES if pretrained_available(name)] == ["efficientnet-lite0"]


def test_offline_says_where_the_file_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("RADLOOP_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match=r"mobilenet_v3_small-047dcff4\.pth.*RADLOOP_OFFLINE is set"):
        build_backbone("mobilenet_v3_small", pretrained=True)


def test_the_same_seed_gives_the_same_weights() -> None:
    def build() -> Backbone:
        torch.manual_seed(3)
        return build_backbone("mobilenet_v3_small", pretrained=False)

    first, second = build().state_dict(), build().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_mistyped_name_gets_the_nearest() -> None:
    with pytest.raises(ValueError, match="no backbone 'resnet-18': did you mean 'resnet18'"):
        build_backbone("resnet-18", pretrained=False)


def test_an_image_too_small_is_refused_before_anything_is_built() -> None:
    with pytest.raises(ValueError, match="at least 75 pixels, not 64"):
        build_backbone("inception_v3", pretrained=False, size=64)
