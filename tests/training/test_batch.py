"""Batches taken whole are those that collating one by one gives, in the same order."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from radloop.training.batch import Batch, Rows
from radloop.training.datamodule import PixelDataModule


def test_a_batch_has_its_rows_and_what_is_known_of_them(cases) -> None:
    pixels = cases.pixels(
        9, grades=np.arange(9), clinical=np.eye(9, 3, dtype=np.float32), masks=np.full((9, 32, 32), 255, np.uint8)
    )
    rows = Rows(pixels, np.asarray([8, 2, 5]))
    assert len(rows) == 3
    batch = rows.__getitems__([2, 0])
    assert batch.grades is not None
    assert batch.clinical is not None
    assert batch.masks is not None
    assert batch.grades.tolist() == [5, 8]
    assert batch.clinical.shape == (2, 3)
    assert batch.images.shape == batch.masks.shape == (2, 1, 32, 32)
    assert np.array_equal(batch.images[0, 0], pixels.images[5])
    assert torch.equal(rows[1].images[0], torch.from_numpy(pixels.images[2])[None])


def test_what_a_use_case_has_not_is_none(cases) -> None:
    batch = Rows(cases.pixels(3), np.arange(3))[0]
    assert batch == Batch(batch.images, batch.truths)
    assert batch.truths.dtype == torch.float32


def test_order_and_bytes_are_those_of_torchs_own_loader(cases) -> None:
    pixels = cases.pixels(50)
    rows = pixels.indices("train")
    data = TensorDataset(torch.from_numpy(pixels.images[rows])[:, None], torch.from_numpy(pixels.truths[rows]))
    plain = DataLoader(data, batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(3), drop_last=True)
    ours = PixelDataModule(pixels, batch_size=8, seed=3).train_dataloader()
    for _ in range(3):
        theirs = list(plain)
        assert len(theirs) == len(ours) == 34 // 8
        for (images, truths), batch in zip(theirs, ours, strict=True):
            assert torch.equal(images, batch.images)
            assert torch.equal(truths, batch.truths)
