"""The pixel values that networks trained on ImageNet expect."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's red, green and blue, of values 0 to 1."""
DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of ImageNet's red, green and blue, of values 0 to 1."""


class Affine(nn.Module):
    """Scale and shift each of three channels; a single channel becomes three, each with its own scale and shift.

    The constants move with the module and stay out of its state dict.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, 1 or 3, H, W] of any number type to float [N, 3, H, W]."""
        return x.to(self.scale.dtype) * self.scale + self.shift


def normalise() -> Affine:
    """Return the step from grey values 0 to 255 to ImageNet-normalised red = green = blue."""
    mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
    return Affine(1 / (255 * deviation), -mean / deviation)


def to_centred() -> Affine:
    """Return the step from ImageNet-normalised pixels to (value - 127) / 128, what TensorFlow's Lite networks were trained on."""
    mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
    return Affine(255 * deviation / 128, (255 * mean - 127) / 128)


def to_symmetric() -> Affine:
    """Return the step from ImageNet-normalised pixels to values of -1 to 1, what Inception v3 was trained on."""
    mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
    return Affine(2 * deviation, 2 * mean - 1)
