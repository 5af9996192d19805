"""A trial epoch by epoch: told to whoever listens, and kept so that a killed trial goes on where it was."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from radloop.training.datamodule import PixelDataModule
from radloop.training.module import DiagnosisModule

EpochEnd = Callable[[int, dict[str, float]], None]
"""Called after each epoch with its number, from 0, and its metrics; it may raise to prune."""

LAST = "last.ckpt"
_KEY = "radloop"


class Teller(Callback):
    """Tells of each epoch before early stopping and checkpoints look at it: whoever listens may prune.

    Args:
        tell: hears of every epoch, in order, once in a process.

    Attributes:
        told: the metrics of the epochs so far; a resumed trial tells them again, for its MLflow run is a new one.
    """

    def __init__(self, tell: EpochEnd) -> None:
        self.told: list[dict[str, float]] = []
        self._tell = tell

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Tell again what was told before the crash."""
        for epoch, metrics in enumerate(self.told):
            self._tell(epoch, dict(metrics))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Tell of the epoch."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self._tell(trainer.current_epoch, dict(metrics))
        self.told.append(metrics)


class LastEpoch(Checkpoint):
    """Keeps after each epoch all that the next one depends on.

    Lightning keeps weights, averages, optimiser, schedule and the other callbacks; what it leaves out is here: what was told,
    and the generators' states. As a checkpoint it comes after early stopping and after the best epoch was kept.

    Args:
        folder: of the trial; `last.ckpt` is written there after every epoch but the last.
        identity: a digest of all that the trial's result depends on.
        batch_size: images a step.
        data: whose order goes on.
        module: whose generator goes on.
        teller: what was told.
    """

    def __init__(
        self, folder: Path, identity: str, batch_size: int, data: PixelDataModule, module: DiagnosisModule, teller: Teller
    ) -> None:
        self._path = folder / LAST
        self._identity = identity
        self._batch_size = batch_size
        self._data = data
        self._module = module
        self._teller = teller
        self._started = time.monotonic()
        self._earlier = 0.0
        self._states: dict[str, Any] | None = None

    @property
    def seconds(self) -> float:
        """Return the time that the trial took, that before a crash included."""
        return self._earlier + time.monotonic() - self._started

    @property
    def state_key(self) -> str:
        """Return where a checkpoint has this callback's state."""
        return _KEY

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed trial needs; tensors and plain values, so that it is read without a pickle's code."""
        return {
            "identity": self._identity,
            "batch_size": self._batch_size,
            "told": self._teller.told,
            "seconds": self.seconds,
            "order": self._data.order(),
            "augmentation": self._module.generator.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what an interrupted trial kept."""
        self._teller.told[:] = state_dict["told"]
        self._earlier = float(state_dict["seconds"])
        self._data.resume(state_dict["order"])
        self._states = state_dict

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Set the generators as they were: here, because Lightning draws from them while it starts."""
        if self._states is None:
            return
        self._module.generator.set_state(self._states["augmentation"])
        torch.set_rng_state(self._states["torch"])
        if self._states["cuda"]:
            torch.cuda.set_rng_state_all(self._states["cuda"])
        self._states = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Keep the epoch, unless it was the last."""
        if not trainer.should_stop and trainer.current_epoch + 1 < (trainer.max_epochs or 0):
            trainer.save_checkpoint(self._path)


def interrupted(folder: Path, identity: str) -> int | None:
    """Return the batch size of the trial that a crash left in a folder; None where there is none that may go on."""
    try:
        kept = torch.load(folder / LAST, weights_only=True, mmap=True, map_location="cpu")["callbacks"][_KEY]
    except (OSError, RuntimeError, EOFError, LookupError, pickle.UnpicklingError):
        return None
    return int(kept["batch_size"]) if kept["identity"] == identity else None
