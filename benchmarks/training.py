"""How many images a second our training loop takes, beside a bare PyTorch loop.

    python benchmarks/training.py [--steps 12] [--rounds 7] [--augmentation 0] [--backbone NAME] [--size 128] [--batch 32]

Ours is the Trainer of a trial with all it does in a step: batches out of the memory-mapped cache, the schedule, clipped gradients,
logging, callbacks. The bare loop is forward, loss, backward, clipping and AdamW on the same network with the same batches, which
it is given as ready tensors, on the GPU where there is one. Both run in one process, an epoch of one after an epoch of the
other; the ratio is the median over the rounds. With `--augmentation 1` ours also augments, which the bare loop does not.
Without a GPU efficientnet-lite0 at 128 pixels is measured, with one densenet121 at 224 pixels in bf16.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.nn import functional

from radloop.configuration import read_use_case
from radloop.training import trial
from radloop.training.batch import Batch
from radloop.training.devices import plan_devices
from radloop.training.memory import keep_freed_memory
from radloop.training.module import DiagnosisModule
from radloop.training.pixels import Pixels
from radloop.use_case import UseCase

PHANTOMS = Path(__file__).resolve().parents[1] / "configs" / "use_cases" / "phantom-cxr.yaml"


def clock() -> float:
    """Return the time when all that was asked of the GPU is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Bare:
    """Forward, loss, backward, step: nothing else."""

    def __init__(self, module: DiagnosisModule, batches: list[Batch], *, bf16: bool) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = copy.deepcopy(module.network).to(self._device)
        self._optimiser = torch.optim.AdamW(self._network.parameters(), lr=1e-4)
        self._batches = [(batch.images.to(self._device), batch.truths.to(self._device)) for batch in batches]
        self._bf16 = bf16

    def epoch(self) -> float:
        """Train on every batch and return the seconds that it took."""
        self._network.train()
        started = clock()
        for images, truths in self._batches:
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
                logits = self._network(images).logits
            loss = functional.binary_cross_entropy_with_logits(logits.float(), truths)
            self._optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            self._optimiser.step()
        return clock() - started


class Interleaved(Callback):
    """Before each epoch of the Trainer, one of the bare loop; both timed."""

    def __init__(self, bare: Bare) -> None:
        self._bare = bare
        self._started = 0.0
        self.seconds: list[tuple[float, float]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Time the bare loop, and start the clock of ours."""
        self.seconds.append((self._bare.epoch(), 0.0))
        self._started = clock()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Stop the clock after the last batch: what follows is `tune`, which the bare loop has not."""
        if batch_idx + 1 == trainer.num_training_batches:
            self.seconds[-1] = (self.seconds[-1][0], clock() - self._started)


def made(use_case: UseCase, images: int, folder: Path) -> Pixels:
    """Return noise in a memory-mapped file, as the cache is, and a few images to tune on."""
    size, tune = use_case.image.size, 8
    rng = np.random.default_rng(0)
    np.save(folder / "images.npy", rng.integers(0, 256, (images + tune, size, size), dtype=np.uint8))
    truths = rng.integers(0, 2, (images + tune, 1)).astype(np.float32)
    truths[-2:, 0] = (0, 1)
    frame = pd.DataFrame({"split": ["train"] * images + ["tune"] * tune})
    return Pixels(np.load(folder / "images.npy", mmap_mode="r"), truths, frame)


def asked(options: argparse.Namespace) -> UseCase:
    """Return the phantoms' use case with the recipe that is measured."""
    use_case = read_use_case(PHANTOMS)
    recipe = use_case.search.recipe.model_copy(
        update={
            "backbone": options.backbone,
            "pretrained": False,
            "batch_size": options.batch,
            "augmentation": options.augmentation,
            "average_decay": 0.0,
        }
    )
    search = use_case.search.model_copy(update={"recipe": recipe, "max_epochs": options.rounds + 1})
    image = use_case.image.model_copy(update={"size": options.size})
    bare = {"severity": None, "fusion": None, "location": None}
    return use_case.model_copy(update={"search": search, "image": image, **bare})


def measured(options: argparse.Namespace) -> list[tuple[float, float]]:
    """Return the seconds of an epoch, (bare, ours), round by round; the first, which warms up, is left out."""
    use_case, devices = asked(options), plan_devices()
    if devices.accelerator == "cpu":
        keep_freed_memory()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pixels = made(use_case, options.steps * options.batch, folder)
        spec = trial.TrialSpec(0, use_case.search.recipe, 1, "", folder, "")
        data = trial._data(spec, use_case, pixels, options.batch)
        module = trial._module(spec, use_case, pixels, data.steps)
        bare = Bare(module, list(data.train_dataloader()), bf16=devices.precision == "bf16-mixed")
        interleaved = Interleaved(bare)
        trainer = trial._trainer(spec, use_case, devices, [interleaved])
        trainer.fit(module, data)
    return interleaved.seconds[1:]


def main() -> None:
    """Print both throughputs and their ratio."""
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40 if on_gpu else 12)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--augmentation", type=float, default=0.0)
    parser.add_argument("--backbone", default="densenet121" if on_gpu else "efficientnet-lite0")
    parser.add_argument("--size", type=int, default=224 if on_gpu else 128)
    parser.add_argument("--batch", type=int, default=64 if on_gpu else 32)
    options = parser.parse_args()
    seconds = measured(options)
    images = options.steps * options.batch
    where = torch.cuda.get_device_name() if on_gpu else f"{torch.get_num_threads()} threads"
    print(f"{options.backbone}, {options.size} px, batch {options.batch}, augmentation {options.augmentation:g}, {where}")
    for name, column in zip(("bare loop", "ours"), zip(*seconds, strict=True), strict=True):
        rates = sorted(images / each for each in column)
        print(f"  {name:<10} {statistics.median(rates):8.1f} images/s  ({rates[0]:.1f} to {rates[-1]:.1f})")
    ratios = sorted(bare / ours for bare, ours in seconds)
    print(f"  ratio      {statistics.median(ratios):8.3f}           ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
