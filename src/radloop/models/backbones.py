"""Backbones by name: each turns ImageNet-normalised pixels into a feature map."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from radloop.models.efficientnet_lite import CHANNELS, EfficientNetLite0
from radloop.models.imagenet import to_symmetric
from radloop.models.pretrained import TorchvisionWeights, lite0_file, lite0_weights, torchvision_weights
from radloop.models.tokens import TokenMap
from radloop.use_case.families import BACKBONES, Family, backbone_problem, family

__all__ = ["BACKBONES", "Backbone", "Level", "build_backbone", "pretrained_available"]

_PROBE = 128
"""Side of the image that tells the levels apart: even at stride 32 the map has 4 places, no two levels the same."""


class Level(NamedTuple):
    """The last map of one resolution on the way through a backbone.

    Attributes:
        mark: how many steps of the backbone lead to it.
        stride: image pixels to one of its places.
        channels: its channels.
    """

    mark: int
    stride: int
    channels: int


class Backbone(nn.Module):
    """A network without its classifier.

    Attributes:
        channels: C, the number of channels of the last feature map.
        stride: image pixels to one place of that map.
        minimum: the side of the smallest image that is taken, pixels.
        ends_in_relu: whether no feature is negative.

    Example:
        >>> backbone = build_backbone("resnet18", pretrained=False)
        >>> backbone(torch.zeros(2, 3, 224, 224)).shape
        torch.Size([2, 512, 7, 7])
    """

    def __init__(
        self, network: nn.Module, channels: int, *, stride: int = 32, minimum: int = 32, ends_in_relu: bool = True
    ) -> None:
        super().__init__()
        self.network = network
        self.channels = channels
        self.stride = stride
        self.minimum = minimum
        self.ends_in_relu = ends_in_relu

    def forward(self, x: Tensor) -> Tensor:
        """Map ImageNet-normalised pixels [N, 3, H, W] to features [N, C, h, w]."""
        return self._end(self.network(x))

    def levels(self) -> tuple[Level, ...]:
        """Return where on the way the resolution changes, from fine to coarse; the last is the feature map itself."""
        training = self.training
        found: dict[int, Level] = {}
        with torch.no_grad():
            x = next(self.parameters()).new_zeros(1, 3, _PROBE, _PROBE)
            for mark, step in enumerate(_steps(self.eval().network), start=1):
                x = step(x)
                found[x.shape[-1]] = Level(mark, _PROBE // x.shape[-1], x.shape[1])
        self.train(training)
        return tuple(found.values())

    def pyramid(self, x: Tensor, marks: tuple[int, ...]) -> list[Tensor]:
        """Return the maps at some levels in one pass.

        Args:
            x: ImageNet-normalised pixels [N, 3, H, W].
            marks: `Level.mark`, rising; with the last level's, the last map is what `forward` returns.
        """
        maps: list[Tensor] = []
        steps = list(_steps(self.network))
        for mark, step in enumerate(steps[: marks[-1]], start=1):
            x = step(x)
            if mark in marks:
                maps.append(self._end(x) if mark == len(steps) else x)
        return maps

    def _end(self, x: Tensor) -> Tensor:
        # torchvision's DenseNet leaves its last ReLU to the classifier; the others do not mind a second one.
        return functional.relu(x) if self.ends_in_relu else x


def _steps(network: nn.Module) -> Iterator[nn.Module]:
    """Yield the modules that a network applies one after the other."""
    if type(network) is nn.Sequential:
        for child in network:
            yield from _steps(child)
    elif isinstance(network, EfficientNetLite0):
        yield from (network.centre, network.stem, *network.blocks, network.top)
    else:
        yield network


def build_backbone(name: str, *, pretrained: bool, size: int = 224) -> Backbone:
    """Build a backbone, with ImageNet weights or with random ones from torch's global generator.

    Args:
        name: one of `BACKBONES`.
        pretrained: whether to load weights.
        size: side of the images, pixels; only a ViT is made for one size, its position embeddings interpolated to it.

    Raises:
        ValueError: no backbone has this name, or it cannot take images of this size.
        FileNotFoundError: the weights are not on this machine and cannot be fetched; the message says what to do.
        IntegrityError: the file of weights is not the one that was pinned.
    """
    problem = backbone_problem(name, size)
    if problem:
        raise ValueError(problem)
    kind = family(name)
    network, channels = _lite0(pretrained) if name == "efficientnet-lite0" else _torchvision(name, kind, pretrained, size)
    return Backbone(network, channels, stride=kind.stride, minimum=kind.minimum, ends_in_relu=kind.ends_in_relu)


def pretrained_available(name: str) -> bool:
    """Tell whether this backbone's ImageNet weights lie on this machine, without asking the network.

    Raises:
        ValueError: no backbone has this name.
    """
    family(name)
    return lite0_file().is_file() if name == "efficientnet-lite0" else published(name).file.is_file()


def published(name: str) -> TorchvisionWeights:
    """Return torchvision's file for one of its networks.

    Always `IMAGENET1K_V1`: every member has it, some have no other, and it comes under torchvision's own licence.
    """
    return TorchvisionWeights(torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].url)


_Bare = tuple[nn.Module, int]


def _lite0(pretrained: bool) -> _Bare:
    network = EfficientNetLite0()
    if pretrained:
        network.load_state_dict(lite0_weights())
    return network, CHANNELS


def _torchvision(name: str, kind: Family, pretrained: bool, size: int) -> _Bare:
    whole = torchvision.models.get_model(name, weights=None, **_options(kind, size))
    if pretrained:
        state = torchvision_weights(published(name))
        if kind.name == "vit":
            state = torchvision.models.vision_transformer.interpolate_embeddings(size, kind.patch, state)
        whole.load_state_dict({key: tensor for key, tensor in state.items() if not key.startswith("AuxLogits.")})
    network, channels = _STRIP[kind.name](whole)
    return (nn.Sequential(to_symmetric(), network) if kind.symmetric else network), channels


def _options(kind: Family, size: int) -> dict[str, Any]:
    if kind.name == "inception":
        return {"aux_logits": False, "transform_input": False, "init_weights": True}
    return {"image_size": size} if kind.name == "vit" else {}


def _children(whole: nn.Module) -> _Bare:
    """Keep the children in order up to the pool: torchvision's own forward pass flattens, but is the same up to there."""
    kept = OrderedDict((name, child) for name, child in whole.named_children() if name not in ("avgpool", "dropout", "fc"))
    return nn.Sequential(kept), _inputs(whole.fc)


def _features(whole: Any) -> _Bare:
    return nn.Sequential(OrderedDict(features=whole.features)), _inputs(whole.classifier)


def _vgg(whole: Any) -> _Bare:
    network, inputs = _features(whole)
    return network, inputs // 49  # its classifier takes 7 x 7 places


def _convnext(whole: Any) -> _Bare:
    """Keep the classifier's normalisation, here of each place and not of their mean, so that the mean stays linear in the map."""
    network = nn.Sequential(OrderedDict(features=whole.features, norm=whole.classifier[0]))
    return network, _inputs(whole.classifier)


def _vit(whole: Any) -> _Bare:
    return TokenMap(whole.conv_proj, whole.class_token, whole.encoder), int(whole.hidden_dim)


def _inputs(classifier: Any) -> int:
    """Return what the first linear layer takes."""
    return next(int(layer.in_features) for layer in classifier.modules() if isinstance(layer, nn.Linear))


_STRIP: dict[str, Callable[[Any], _Bare]] = {
    "convnext": _convnext,
    "densenet": _features,
    "efficientnet": _features,
    "inception": _children,
    "mobilenet": _features,
    "resnet": _children,
    "vgg": _vgg,
    "vit": _vit,
}
