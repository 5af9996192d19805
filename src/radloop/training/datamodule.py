"""The Lightning DataModule over cached pixels."""

from __future__ import annotations

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import DataLoader, TensorDataset

from radloop.training.pixels import Pixels


class PixelDataModule(LightningDataModule):
    """Serves (images uint8 [b, 1, S, S], labels float32 [b, 1]) of `train` and `tune`.

    Nothing is decoded or worked on here, so that no worker process is needed: augmentation runs on the
    batch, in the LightningModule.
    """

    def __init__(self, pixels: Pixels, batch_size: int, seed: int) -> None:
        super().__init__()
        self._pixels = pixels
        self._batch_size = batch_size
        self._seed = seed

    def train_dataloader(self) -> DataLoader[tuple[torch.Tensor, ...]]:
        """Return the shuffled batches of `train`; the order depends on the seed and the epoch only."""
        data = self._dataset(self._pixels.indices("train"))
        generator = torch.Generator().manual_seed(self._seed)
        # A last batch of one or two images would upset batch normalisation.
        whole = len(data) > self._batch_size
        return DataLoader(data, batch_size=self._batch_size, shuffle=True, generator=generator, drop_last=whole, num_workers=0)

    def val_dataloader(self) -> DataLoader[tuple[torch.Tensor, ...]]:
        """Return the batches of `tune` in the manifest's order."""
        return DataLoader(self._dataset(self._pixels.indices("tune")), batch_size=64, num_workers=0)

    def _dataset(self, rows: NDArray[np.int64]) -> TensorDataset:
        images = torch.from_numpy(np.ascontiguousarray(self._pixels.images[rows]))[:, None]
        labels = torch.from_numpy(self._pixels.labels[rows]).float()[:, None]
        return TensorDataset(images, labels)
