"""Marked regions against true ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.inference.location import INSIDE, strongest
from radloop.statistics.regions import dice, located


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One image with what was marked and what is true.

    Attributes:
        words: such as `worst`.
        pixels: uint8 [rows, columns].
        marked: bool [rows, columns].
        true: bool [rows, columns].
        dice: of the two.
        point: the strongest pixel (x, y).
    """

    words: str
    pixels: NDArray[np.uint8]
    marked: NDArray[np.bool_]
    true: NDArray[np.bool_]
    dice: float
    point: tuple[int, int]


def true_region(path: Any, folder: Path, shape: tuple[int, int], truth: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Return the true region of an image, bool [rows, columns]; None where nobody outlined it.

    Args:
        path: of its stored mask, relative to the folder; anything but a word is none.
        folder: that holds the manifest.
        shape: of the image, rows and columns.
        truth: of the image, [K]; without any finding and without a mask, the region is empty.
    """
    if isinstance(path, str):
        with Image.open(folder / path) as stored:
            return np.asarray(stored.convert("L")) >= 128
    return np.zeros(shape, dtype=np.bool_) if np.all(truth == 0) else None


def marked_region(mask: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where a mask of probabilities [h, w], drawn over an image of a shape, is at least one half."""
    rows, columns = shape
    drawn = Image.fromarray(np.ascontiguousarray(mask, dtype=np.float32)).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(drawn) >= INSIDE


def covered(mask: NDArray[np.float32], true: NDArray[np.bool_], reach: float) -> tuple[float, float]:
    """Return Dice of the marked region, and 1 if the strongest point lies in or near a true one, 0 if not.

    Args:
        mask: probabilities of the whole image, [h, w].
        true: bool [rows, columns] of the image.
        reach: what counts as near, as a share of the image's width.

    Returns:
        both 0 to 1; the second is NaN without a true region.
    """
    rows, columns = true.shape
    found = dice(marked_region(mask, (rows, columns)), true)
    return found, located(strongest(mask, rows, columns), true, reach * columns)
