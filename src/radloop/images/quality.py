"""Five numbers that say how an image was taken, not what it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Quality:
    """Properties of an 8-bit image, comparable between images of different size.

    Attributes:
        black: share of pixels at 0.
        saturated: share of pixels at 255.
        contrast: 99th minus 1st percentile, as a share of 255.
        sharpness: variance of the 4-neighbour Laplacian of the grey in 0 to 1.
        mean: mean grey in 0 to 1.
    """

    black: float
    saturated: float
    contrast: float
    sharpness: float
    mean: float


def quality(pixels: NDArray[np.uint8]) -> Quality:
    """Return the quality of an image uint8 [rows, columns]; it depends on nothing else."""
    counts = np.bincount(pixels.ravel(), minlength=256)
    total = int(counts.sum())
    cumulated = np.cumsum(counts)
    # Nearest-rank percentiles: the smallest grey that at least this share of pixels does not exceed.
    low, high = (int(np.searchsorted(cumulated, share * total)) for share in (0.01, 0.99))
    return Quality(
        black=float(counts[0] / total),
        saturated=float(counts[255] / total),
        contrast=(high - low) / 255.0,
        sharpness=_sharpness(pixels),
        mean=float(counts @ np.arange(256) / (255.0 * total)),
    )


def _sharpness(pixels: NDArray[np.uint8]) -> float:
    if min(pixels.shape) < 3:
        return 0.0
    grey = pixels.astype(np.int16)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    return float(laplacian.var(dtype=np.float64) / 255.0**2)
