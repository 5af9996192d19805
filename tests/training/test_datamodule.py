"""Which images a batch has."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from radloop.errors import ConfigError
from radloop.training.datamodule import PixelDataModule


def drawn(module: PixelDataModule) -> list[float]:
    return [truth for batch in seen(module) for truth in batch]


def seen(module: PixelDataModule) -> list[list[float]]:
    return [batch.truths[:, 0].tolist() for batch in module.train_dataloader()]


def test_a_last_short_batch_is_dropped_unless_it_is_the_only_one(cases) -> None:
    pixels = cases.pixels(30)  # 20 of them train
    assert [len(batch) for batch in seen(PixelDataModule(pixels, 8, 0))] == [8, 8]
    assert [len(batch) for batch in seen(PixelDataModule(pixels, 32, 0))] == [20]
    assert PixelDataModule(pixels, 8, 0).steps == 2


def test_tune_comes_in_the_manifests_order(cases) -> None:
    pixels = cases.pixels(30)
    batches = list(PixelDataModule(pixels, 8, 0, tune_batch=4).val_dataloader())
    assert [len(batch.images) for batch in batches] == [4, 4, 2]
    assert torch.equal(torch.cat([batch.truths for batch in batches]), torch.from_numpy(pixels.truths[2::3]))


def test_an_image_without_any_truth_is_not_learnt_from(cases) -> None:
    pixels = cases.pixels(30)
    pixels.truths[[0, 2]] = np.nan
    module = PixelDataModule(pixels, 8, 0)
    assert len(module.train_dataloader().dataset) == 19
    assert len(module.val_dataloader().dataset) == 9
    graded = cases.pixels(30, grades=np.where(np.arange(30) == 0, 2, -1))
    graded.truths[[0, 1]] = np.nan
    assert graded.taught("train")[:2].tolist() == [0, 3]
    masks = np.full((30, 32, 32), 255, np.uint8)
    masks[1, 0, 0] = 0
    masked = cases.pixels(30, masks=masks)
    masked.truths[[0, 1]] = np.nan
    assert masked.taught("train")[:2].tolist() == [1, 3]


def test_balanced_classes_are_drawn_as_often_and_the_seed_decides(cases) -> None:
    pixels = cases.pixels(300)
    pixels.truths[:] = (np.arange(300) % 10 == 0)[:, None]
    labels = cases.use_case().labels
    first, again, other = (drawn(PixelDataModule(pixels, 10, seed, balanced=labels)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 200
    assert 70 <= Counter(first)[1.0] <= 130  # 100 on average, with a deviation of 7
    assert Counter(drawn(PixelDataModule(pixels, 10, 1)))[1.0] == 20


def test_findings_cannot_be_balanced_by_drawing(cases) -> None:
    labels = cases.use_case(labels={"kind": "multilabel", "findings": ["a", "b"], "none": "none"}, source={"labels": {}}).labels
    with pytest.raises(ConfigError) as refused:
        PixelDataModule(cases.pixels(30, outputs=2), 8, 0, balanced=labels).train_dataloader()
    assert refused.value.code == "balance_multilabel"
    assert "balance: loss" in refused.value.hint
