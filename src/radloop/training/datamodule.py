"""The Lightning DataModule over cached pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler, Sampler, WeightedRandomSampler

from radloop.training.balance import draw_weights
from radloop.training.batch import Batch, Rows, whole
from radloop.training.pixels import Pixels
from radloop.use_case import Labels

TUNE_BATCH = 64
"""Images a batch of `tune`, unless memory runs out."""


class _Order(Sampler[int]):
    """Places in the order of another sampler, whose generator may first be set to where an interrupted trial left it.

    That waits until the first place is asked for: Lightning may have made other iterators before, which drew from it.
    """

    def __init__(self, inner: RandomSampler | WeightedRandomSampler, generator: torch.Generator, left: list[Tensor]) -> None:
        self._inner = inner
        self._generator = generator
        self._left = left

    def __len__(self) -> int:
        return len(self._inner)

    def __iter__(self) -> Iterator[int]:
        if self._left:
            self._generator.set_state(self._left.pop())
            # A loader's iterator draws a seed for its workers before it asks for places.
            torch.empty((), dtype=torch.int64).random_(generator=self._generator)
        yield from self._inner


class PixelDataModule(LightningDataModule):
    """Serves the batches of `train` and `tune`; images of which nothing is known that can be learnt are left out.

    Nothing is decoded or worked on here, so that no worker process is needed: augmentation runs on the
    batch, in the LightningModule.

    Args:
        pixels: of a data version.
        batch_size: images a batch of `train`.
        seed: of the order.
        balanced: the labels whose classes are drawn as often; None draws every image once.
        words: each of the n images' group; given, every class of every group is drawn as often.
        tune_batch: images a batch of `tune`.
    """

    def __init__(
        self,
        pixels: Pixels,
        batch_size: int,
        seed: int,
        *,
        balanced: Labels | None = None,
        words: Sequence[str | None] | None = None,
        tune_batch: int = TUNE_BATCH,
    ) -> None:
        super().__init__()
        self._generator = torch.Generator().manual_seed(seed)
        self._left: list[Tensor] = []
        self._pixels = pixels
        self._batch_size = batch_size
        self._balanced = balanced
        self._words = words
        self._tune_batch = tune_batch
        # Copies to a GPU run beside its work only out of pinned memory.
        self._pinned = torch.cuda.is_available()

    @property
    def steps(self) -> int:
        """Return the batches of an epoch."""
        return len(self.train_dataloader())

    def order(self) -> Tensor:
        """Return the state of the order between two epochs."""
        return self._generator.get_state()

    def resume(self, order: Tensor) -> None:
        """Begin with the epoch that follows a state of the order."""
        self._left[:] = [order]

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the shuffled batches of `train`; the order depends on the seed and the epoch only."""
        rows = self._pixels.taught("train")
        data = Rows(self._pixels, rows)
        order: RandomSampler | WeightedRandomSampler = RandomSampler(data, generator=self._generator)
        if self._balanced is not None:
            words = None if self._words is None else [self._words[row] for row in rows]
            weights = draw_weights(self._pixels.truths[rows], self._balanced, words).tolist()
            order = WeightedRandomSampler(weights, len(rows), generator=self._generator)
        # A last batch of one or two images would upset batch normalisation.
        short = len(data) > self._batch_size
        return DataLoader(
            data,
            batch_size=self._batch_size,
            sampler=_Order(order, self._generator, self._left),
            generator=self._generator,
            drop_last=short,
            collate_fn=whole,
            pin_memory=self._pinned,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the batches of `tune` in the manifest's order."""
        data = Rows(self._pixels, self._pixels.taught("tune"))
        return DataLoader(data, batch_size=self._tune_batch, collate_fn=whole, pin_memory=self._pinned)
