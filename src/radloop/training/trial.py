"""One trial: a network trained by Lightning, its best epoch kept as safetensors."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import MLFlowLogger
from safetensors.torch import save_file

from radloop.errors import ToolError
from radloop.models.backbones import build_backbone
from radloop.models.network import Network
from radloop.training.datamodule import PixelDataModule
from radloop.training.devices import Devices, plan_devices
from radloop.training.memory import keep_freed_memory
from radloop.training.module import DiagnosisModule
from radloop.training.pixels import Pixels
from radloop.use_case import Recipe, Search

_MONITOR = {"auroc": ("tune_auroc", "max"), "loss": ("tune_loss", "min")}


@dataclass(frozen=True)
class TrialSpec:
    """What one trial is asked to do.

    Attributes:
        number: counted from 0 over the trials that count.
        run_id: its MLflow run.
        folder: where its weights go.
    """

    number: int
    recipe: Recipe
    seed: int
    run_id: str
    folder: Path
    tracking_uri: str


@dataclass(frozen=True)
class TrialOutcome:
    """What one trial gave.

    Attributes:
        value: the objective on `tune` at the best epoch.
        epoch: the best epoch, from 0.
        weights: the network of that epoch, safetensors.
    """

    value: float
    epoch: int
    weights: Path
    seconds: float


def _network(recipe: Recipe, *, pretrained: bool) -> Network:
    return Network(build_backbone(recipe.backbone, pretrained=pretrained), classes=1, dropout=recipe.dropout)


EpochEnd = Callable[[int, dict[str, float]], None]


class _Epochs(Callback):
    """Calls back after each validation with the epoch and its metrics; the callee may raise to prune."""

    def __init__(self, call: EpochEnd) -> None:
        self._call = call

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self._call(trainer.current_epoch, metrics)


class _BestEpoch(ModelCheckpoint):
    """Lightning's checkpoint of the best epoch, as weights only."""

    def __init__(self, folder: Path, monitor: str, mode: str) -> None:
        super().__init__(
            dirpath=folder,
            filename="best",
            monitor=monitor,
            mode=mode,
            save_top_k=1,
            save_weights_only=True,
            enable_version_counter=False,
        )


def run_trial(spec: TrialSpec, search: Search, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
    """Train one network and keep the epoch that was best on `tune`.

    The result depends on the spec, the search and the pixels only (on one kind of CPU).
    """
    started = time.monotonic()
    devices = plan_devices()
    if devices.accelerator == "cpu":
        keep_freed_memory()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on workers and loggers; none of it applies here
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        seed_everything(spec.seed, workers=True, verbose=False)
        # Deterministic mode would fill every new tensor in case somebody reads it unwritten; nothing here does.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        data = PixelDataModule(pixels, spec.recipe.batch_size, spec.seed)
        network = _network(spec.recipe, pretrained=spec.recipe.pretrained)
        # Depthwise convolutions on a CPU are 1.5 to 5 times as fast with the channels last.
        network = network.to(memory_format=torch.channels_last)
        module = DiagnosisModule(network, spec.recipe, search.max_epochs, len(data.train_dataloader()), spec.seed)
        best = _BestEpoch(spec.folder, *_MONITOR[search.objective])
        trainer = _trainer(spec, search, devices, best, epoch_end)
        trainer.fit(module, data)
    if best.best_model_score is None:
        raise ToolError(
            "trial_failed", f"trial {spec.number} kept no epoch: its metric was never a number", "lower the learning rate"
        )
    weights = _keep(Path(best.best_model_path), spec)
    epoch = int(torch.load(best.best_model_path, weights_only=True)["epoch"])
    return TrialOutcome(float(best.best_model_score), epoch, weights, time.monotonic() - started)


def _trainer(spec: TrialSpec, search: Search, devices: Devices, best: _BestEpoch, epoch_end: EpochEnd) -> Trainer:
    monitor, mode = _MONITOR[search.objective]
    callbacks: list[Callback] = [best, _Epochs(epoch_end)]
    if spec.recipe.average_decay:
        callbacks.append(EMAWeightAveraging(decay=spec.recipe.average_decay))
    if spec.recipe.patience:
        callbacks.append(EarlyStopping(monitor=monitor, mode=mode, patience=spec.recipe.patience))
    return Trainer(
        accelerator=devices.accelerator,
        devices=devices.devices,
        strategy=devices.strategy,
        precision=devices.precision,
        deterministic=devices.deterministic,
        max_epochs=search.max_epochs,
        logger=MLFlowLogger(run_id=spec.run_id, tracking_uri=spec.tracking_uri, log_model=False),
        callbacks=callbacks,
        default_root_dir=spec.folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1_000_000,
        gradient_clip_val=1.0,
    )


def _keep(checkpoint: Path, spec: TrialSpec) -> Path:
    """Turn Lightning's checkpoint into safetensors: nothing downstream reads a pickle."""
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location="cpu")["state_dict"]
    prefix = "network."
    tensors = {name.removeprefix(prefix): tensor.contiguous() for name, tensor in state.items() if name.startswith(prefix)}
    path = spec.folder / "network.safetensors"
    temporary = path.with_suffix(".part")
    save_file(tensors, temporary, metadata={"recipe": json.dumps(spec.recipe.model_dump(mode="json"), sort_keys=True)})
    temporary.replace(path)
    return path


def load_trained(weights: Path, recipe: Recipe) -> Network:
    """Return the trained network, in evaluation mode."""
    from safetensors.torch import load_file

    network = _network(recipe, pretrained=False)
    network.load_state_dict(load_file(weights))
    return network.eval()
