"""Augmentation of whole batches, cheap enough for a CPU: no mirror images, so that the heart stays on its side.

Every function is pure: its randomness is the generator it is given, always drawn on the CPU, so that one seed gives the same
images on every device.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# What strength 1 means; every amount is drawn evenly between its negative and itself.
ROTATION = math.radians(8)
SHIFT = 0.06
"""Share of the image's side."""
ZOOM = 0.12
"""Natural logarithm of the magnification."""
GAMMA = 0.25
"""Natural logarithm of the exponent on the grey values."""
CONTRAST = 0.2
"""Share of the distance from the image's mean."""
BRIGHTNESS = 20.0
"""Grey values out of 255."""
ERASED = 0.3
"""Probability that a rectangle is blanked."""
ERASED_SIDE = (0.1, 0.3)
"""Shortest and longest side of the rectangle, as a share of the image's; the strength does not change it."""


class Augmented(NamedTuple):
    """Images float32 [N, 1, H, W], grey values 0 to 255, and masks uint8 [N, 1, H, W] or None."""

    images: Tensor
    masks: Tensor | None


def augment(images: Tensor, strength: float, generator: torch.Generator, *, masks: Tensor | None = None) -> Augmented:
    """Move, expose and partly erase every image of a batch by its own random amounts; its mask moves with it.

    Args:
        images: grey values 0 to 255, uint8 or float [N, 1, H, W].
        strength: multiplies every amount and the probability of erasing; 0 changes nothing and draws nothing.
        generator: of the CPU; it moves on by the same number of draws for every strength above 0.
        masks: uint8 [N, 1, H, W], 255 where unknown.

    Returns:
        Both on the images' device.
    """
    pixels = images.float()
    if strength > 0:
        theta = placements(len(pixels), strength, generator).to(pixels.device)
        pixels = erase(expose(move(pixels, theta), strength, generator), strength, generator)
        masks = None if masks is None else move_masks(masks, theta)
    return Augmented(pixels, masks)


def placements(count: int, strength: float, generator: torch.Generator) -> Tensor:
    """Draw a rotation about the centre, a zoom and a shift for each image, as `theta` [count, 2, 3].

    As Jaderberg et al., "Spatial Transformer Networks", NIPS 2015: `theta` maps target places to source places.
    """
    angle, zoom, right, down = _draw(count, 4, generator).mul(strength).unbind(dim=1)
    angle, scale = angle * ROTATION, torch.exp(-zoom * ZOOM)
    # A grid runs from -1 to 1, so that a share of the side counts twice.
    rows = [
        angle.cos() * scale,
        -angle.sin() * scale,
        -2 * SHIFT * right,
        angle.sin() * scale,
        angle.cos() * scale,
        -2 * SHIFT * down,
    ]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


def move(pixels: Tensor, theta: Tensor) -> Tensor:
    """Place images anew, as one bilinear resampling; the border is repeated outwards."""
    grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)


def move_masks(masks: Tensor, theta: Tensor) -> Tensor:
    """Place masks anew by their nearest pixels, uint8; what comes from outside the image is unknown, 255."""
    grid = functional.affine_grid(theta, list(masks.shape), align_corners=False)
    # Outside, the sampler gives 0: counted from 255 downwards, that is the unknown.
    moved = functional.grid_sample(255 - masks.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return (255 - moved).to(torch.uint8)


def expose(pixels: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change gamma, contrast about the image's mean, and brightness; the result stays within 0 to 255."""
    amounts = _draw(len(pixels), 3, generator).mul(strength).to(pixels.device)
    gamma, contrast, brightness = (amount.view(-1, 1, 1, 1) for amount in amounts.unbind(dim=1))
    pixels = (pixels / 255).clamp(0, 1).pow(torch.exp(gamma * GAMMA)) * 255
    mean = pixels.mean(dim=(2, 3), keepdim=True)
    return ((pixels - mean) * (1 + contrast * CONTRAST) + mean + brightness * BRIGHTNESS).clamp(0, 255)


def erase(pixels: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Set a rectangle of some images to the image's mean (Zhong et al., "Random Erasing Data Augmentation", AAAI 2020)."""
    chance, *draws = torch.rand(len(pixels), 5, generator=generator).to(pixels.device).unbind(dim=1)
    wide, high, left, top = draws
    shortest, longest = ERASED_SIDE
    across = _within(pixels.shape[-1], left, shortest + wide * (longest - shortest))[:, None, None, :]
    along = _within(pixels.shape[-2], top, shortest + high * (longest - shortest))[:, None, :, None]
    chosen = (chance < ERASED * strength)[:, None, None, None]
    return torch.where(chosen & across & along, pixels.mean(dim=(2, 3), keepdim=True), pixels)


def _within(size: int, place: Tensor, share: Tensor) -> Tensor:
    """Mark the pixels of an interval that lies wholly inside an axis.

    Args:
        size: pixels of the axis.
        place: 0 to 1, where the interval lies in the room that it has, [N].
        share: of the axis that it covers, [N].

    Returns:
        bool [N, size].
    """
    centres = (torch.arange(size, device=place.device) + 0.5) / size
    start = (place * (1 - share))[:, None]
    return (centres >= start) & (centres < start + share[:, None])


def _draw(count: int, amounts: int, generator: torch.Generator) -> Tensor:
    """Return even draws from -1 to 1, [count, amounts]."""
    return torch.rand(count, amounts, generator=generator) * 2 - 1
