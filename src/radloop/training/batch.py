"""What a training step is given."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from radloop.training.pixels import Pixels


class Batch(NamedTuple):
    """b images and what is known of them; see `Pixels` for the unknown's marks.

    Attributes:
        images: uint8 [b, 1, S, S].
        truths: float32 [b, K].
        grades: int64 [b], or None.
        clinical: float32 [b, D], or None.
        masks: uint8 [b, 1, S, S], or None.
        weights: of the truths, float32 [b, K], or None.
    """

    images: Tensor
    truths: Tensor
    grades: Tensor | None = None
    clinical: Tensor | None = None
    masks: Tensor | None = None
    weights: Tensor | None = None


class Rows(Dataset[Batch]):
    """Some rows of the pixels, taken a batch at a time: collating images one by one costs more than copying them.

    Nothing is held in memory but what the batch needs; the operating system keeps the file's pages.
    """

    def __init__(self, pixels: Pixels, rows: NDArray[np.int64]) -> None:
        self._pixels = pixels
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> Batch:
        return self.__getitems__([place])

    def __getitems__(self, places: list[int]) -> Batch:
        """Return a batch; the name is what torch's loader looks for."""
        pixels, rows = self._pixels, self._rows[places]
        return Batch(
            images=torch.from_numpy(pixels.images[rows])[:, None],
            truths=torch.from_numpy(pixels.truths[rows]),
            grades=None if pixels.grades is None else torch.from_numpy(pixels.grades[rows]),
            clinical=None if pixels.clinical is None else torch.from_numpy(pixels.clinical[rows]),
            masks=None if pixels.masks is None else torch.from_numpy(pixels.masks[rows])[:, None],
            weights=None if pixels.weights is None else torch.from_numpy(pixels.weights[rows]),
        )


def whole(batch: Any) -> Batch:
    """Return what `Rows` took as it is: it needs no collating."""
    taken: Batch = batch
    return taken
