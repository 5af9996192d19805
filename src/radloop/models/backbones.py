"""Backbones by name: each turns ImageNet-normalised pixels into a feature map that ends in a ReLU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torchvision
from torch import Tensor, nn
from torch.nn import functional

from radloop.errors import nearest
from radloop.models import efficientnet_lite
from radloop.models.pretrained import TorchvisionWeights, lite0_file, lite0_weights, torchvision_weights

_RESNET18 = TorchvisionWeights("https://download.pytorch.org/models/resnet18-f37072fd.pth", classifier="fc")
_DENSENET121 = TorchvisionWeights("https://download.pytorch.org/models/densenet121-a639ec97.pth", classifier="classifier")


class Backbone(nn.Module):
    """A network without its classifier.

    Attributes:
        channels: C, the number of channels of the last feature map.

    Example:
        >>> backbone = build_backbone("resnet18", pretrained=False)
        >>> backbone(torch.zeros(2, 3, 224, 224)).shape
        torch.Size([2, 512, 7, 7])
    """

    def __init__(self, network: nn.Module, channels: int) -> None:
        super().__init__()
        self.network = network
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Map ImageNet-normalised pixels [N, 3, H, W] to features [N, C, h, w], none negative."""
        return functional.relu(self.network(x))


@dataclass(frozen=True)
class _Entry:
    build: Callable[[bool], Backbone]
    available: Callable[[], bool]


def _efficientnet_lite0(pretrained: bool) -> Backbone:
    network = efficientnet_lite.EfficientNetLite0()
    if pretrained:
        network.load_state_dict(lite0_weights())
    return Backbone(network, efficientnet_lite.CHANNELS)


def _resnet18(pretrained: bool) -> Backbone:
    """He et al., "Deep Residual Learning for Image Recognition", CVPR 2016."""
    whole = torchvision.models.resnet18(weights=None)
    channels = int(whole.fc.in_features)
    # torchvision's own forward pass flattens; the children in order are the same network up to there.
    network = nn.Sequential(OrderedDict((name, child) for name, child in whole.named_children() if name not in ("avgpool", "fc")))
    if pretrained:
        network.load_state_dict(torchvision_weights(_RESNET18))
    return Backbone(network, channels)


def _densenet121(pretrained: bool) -> Backbone:
    """Huang et al., "Densely Connected Convolutional Networks", CVPR 2017; the network of CheXNet (arXiv 1711.05225)."""
    whole = torchvision.models.densenet121(weights=None)
    channels = int(whole.classifier.in_features)
    network = nn.Sequential(OrderedDict(features=whole.features))
    if pretrained:
        network.load_state_dict(torchvision_weights(_DENSENET121))
    return Backbone(network, channels)


_BACKBONES = {
    "densenet121": _Entry(_densenet121, lambda: _DENSENET121.file.is_file()),
    "efficientnet-lite0": _Entry(_efficientnet_lite0, lambda: lite0_file().is_file()),
    "resnet18": _Entry(_resnet18, lambda: _RESNET18.file.is_file()),
}
BACKBONES = tuple(_BACKBONES)
"""The known names, sorted."""


def build_backbone(name: str, *, pretrained: bool) -> Backbone:
    """Build a backbone, with ImageNet weights or with random ones from torch's global generator.

    Raises:
        ValueError: no backbone has this name; the message names the nearest.
        FileNotFoundError: the weights are not on this machine and cannot be fetched; the message says what to do.
        IntegrityError: the file of weights is not the one that was pinned.
    """
    return _entry(name).build(pretrained)


def pretrained_available(name: str) -> bool:
    """Tell whether this backbone's ImageNet weights lie on this machine, without asking the network.

    Raises:
        ValueError: no backbone has this name.
    """
    return _entry(name).available()


def _entry(name: str) -> _Entry:
    if name not in _BACKBONES:
        raise ValueError(f"no backbone '{name}': {nearest(name, BACKBONES)}")
    return _BACKBONES[name]
