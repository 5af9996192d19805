"""What may be wrong with an image although the patient is the same, each at five strengths.

The corruptions follow ImageNet-C (Hendrycks and Dietterich, ICLR 2019); those that no clinic makes are left out.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]
Perturb = Callable[[Pixels, float, np.random.Generator], Pixels]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One thing that may be wrong.

    Attributes:
        unit: of the amounts.
        amounts: five, from the slightest.
        apply: gives the image, uint8 [rows, columns], at an amount; the generator is the image's own.
        moves: whether a place of the image lies elsewhere afterwards.
    """

    unit: str
    amounts: tuple[float, float, float, float, float]
    apply: Perturb
    moves: bool = False


def noise(pixels: Pixels, amount: float, draws: np.random.Generator) -> Pixels:
    """Add white Gaussian noise of a standard deviation in grey levels of 255."""
    return _grey(pixels + np.float32(amount) * draws.standard_normal(pixels.shape, dtype=np.float32))


def blur(pixels: Pixels, amount: float, _: np.random.Generator) -> Pixels:
    """Blur as a Gaussian does whose standard deviation is a percentage of the longer side."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(amount / 100 * max(pixels.shape))))


def contrast(pixels: Pixels, amount: float, _: np.random.Generator) -> Pixels:
    """Bring every grey nearer to the image's mean, to a share of its distance."""
    mean = np.float32(pixels.mean())
    return _grey(mean + np.float32(amount) * (pixels - mean))


def rotation(pixels: Pixels, amount: float, draws: np.random.Generator) -> Pixels:
    """Turn the image by degrees, each to its own side; what comes in shows the median of the image's edge."""
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    turn = amount if draws.random() < 0.5 else -amount
    return np.asarray(Image.fromarray(pixels).rotate(turn, Image.Resampling.BILINEAR, fillcolor=int(np.median(edge))))


def jpeg(pixels: Pixels, amount: float, _: np.random.Generator) -> Pixels:
    """Compress at a quality of libjpeg's scale, 1 to 95, and read again."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=int(amount))
    with Image.open(stream) as read:
        return np.asarray(read)


def resolution(pixels: Pixels, amount: float, _: np.random.Generator) -> Pixels:
    """Keep a share of the pixels of each side, and enlarge again."""
    rows, columns = pixels.shape
    small = (max(1, round(amount * columns)), max(1, round(amount * rows)))
    fewer = Image.fromarray(pixels).resize(small, Image.Resampling.BOX)
    return np.asarray(fewer.resize((columns, rows), Image.Resampling.BILINEAR))


def _grey(values: NDArray[np.float32]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


PERTURBATIONS: Mapping[str, Perturbation] = {
    "noise": Perturbation("grey levels of 255, standard deviation", (4, 8, 16, 32, 64), noise),
    "blur": Perturbation("% of the longer side, standard deviation", (0.25, 0.5, 1, 2, 4), blur),
    "contrast": Perturbation("share of the contrast kept", (0.8, 0.6, 0.4, 0.2, 0.1), contrast),
    "rotation": Perturbation("degrees", (2, 5, 10, 15, 20), rotation, moves=True),
    "jpeg": Perturbation("JPEG quality", (75, 50, 25, 10, 5), jpeg),
    "resolution": Perturbation("share of each side's pixels kept", (0.5, 0.35, 0.25, 0.15, 0.1), resolution),
}
"""By name. Amounts hold for images of at most twice the network's side, see `sample.Picture`."""
