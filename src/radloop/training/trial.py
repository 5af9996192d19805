"""One trial: a network trained by Lightning, its best epoch kept as safetensors."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import MLFlowLogger
from safetensors.torch import save_file

from radloop.data.groups import group_words
from radloop.errors import ToolError
from radloop.models.build import build_network
from radloop.records.seal import digest_document
from radloop.training.balance import loss_weights
from radloop.training.datamodule import TUNE_BATCH, PixelDataModule
from radloop.training.devices import Devices, plan_devices
from radloop.training.epochs import LAST, EpochEnd, LastEpoch, Teller, interrupted
from radloop.training.losses import Loss
from radloop.training.memory import free_memory, keep_freed_memory, out_of_memory
from radloop.training.module import DiagnosisModule
from radloop.training.pixels import Pixels
from radloop.use_case import Recipe, UseCase

logger = logging.getLogger("radloop.training")

_MONITOR = {
    "auroc": ("tune_auroc", "max"),
    "loss": ("tune_loss", "min"),
    "accuracy": ("tune_accuracy", "max"),
    "dice": ("tune_dice", "max"),
}
_SMALLEST_BATCH = 2


@dataclass(frozen=True)
class TrialSpec:
    """What one trial is asked to do.

    Attributes:
        number: counted from 0 over the trials that count.
        run_id: its MLflow run.
        folder: where its weights go, and what it needs to go on after a crash.
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
        seconds: that it took, those before a crash included.
        batch_size: images a step; less than the recipe's where memory ran out.
    """

    value: float
    epoch: int
    weights: Path
    seconds: float
    batch_size: int


def run_trial(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
    """Train one network and keep the epoch that was best on `tune`.

    The result depends on the spec, the use case and the pixels only (on one kind of CPU, with one number of threads).
    A trial that a crash interrupted goes on after its last whole epoch. Where memory runs out, the trial starts again with
    half the batch.

    Args:
        spec: what is asked; what an interrupted trial left in its folder counts if it was asked the same.
        use_case: its search says how long, and what is best.
        pixels: of the data version.
        epoch_end: hears of every epoch; a resumed trial tells it again of those before the crash.

    Raises:
        ToolError: no epoch had a metric that is a number.
        ConfigError: the recipe's balance and the labels do not go together.
        RuntimeError, MemoryError: training failed, or memory runs out with the smallest batch too.
    """
    identity = _identity(spec, use_case, pixels)
    batch_size = interrupted(spec.folder, identity)
    resumed = batch_size is not None
    batch_size = batch_size or spec.recipe.batch_size
    while True:
        try:
            return _attempt(spec, use_case, pixels, epoch_end, _Attempt(identity, batch_size, resumed))
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or batch_size <= _SMALLEST_BATCH:
                raise
            # Before memory is freed, for the traceback holds the tensors.
            error.__traceback__ = None
        halved = max(_SMALLEST_BATCH, batch_size // 2)
        logger.warning("memory ran out with %d images a step: trial %d starts again with %d", batch_size, spec.number, halved)
        batch_size, resumed = halved, False
        free_memory()


@dataclass(frozen=True)
class _Attempt:
    identity: str
    batch_size: int
    resumed: bool


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


def _attempt(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd, attempt: _Attempt) -> TrialOutcome:
    """Train with one batch size, to the end."""
    last = spec.folder / LAST
    if not attempt.resumed:
        last.unlink(missing_ok=True)
    devices = plan_devices()
    if devices.accelerator == "cpu":
        keep_freed_memory()
    best = _BestEpoch(spec.folder, *_MONITOR[use_case.search.objective])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on workers and loggers; none of it applies here
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        seed_everything(spec.seed, workers=True, verbose=False)
        # Deterministic mode would fill every new tensor in case somebody reads it unwritten; nothing here does.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        data = _data(spec, use_case, pixels, attempt.batch_size)
        module = _module(spec, use_case, pixels, data.steps)
        teller = Teller(_recorded(spec, epoch_end))
        kept = LastEpoch(spec.folder, attempt.identity, attempt.batch_size, data, module, teller)
        trainer = _trainer(spec, use_case, devices, [teller, best, kept])
        trainer.fit(module, data, ckpt_path=last if attempt.resumed else None, weights_only=True)
    value = math.nan if best.best_model_score is None else float(best.best_model_score)
    # Lightning takes what is not a number for the worst one.
    if not math.isfinite(value):
        raise ToolError(
            "trial_failed", f"trial {spec.number} kept no epoch: its metric was never a number", "lower the learning rate"
        )
    weights = _keep(Path(best.best_model_path), spec)
    epoch = int(torch.load(best.best_model_path, weights_only=True)["epoch"])
    last.unlink(missing_ok=True)
    return TrialOutcome(value, epoch, weights, kept.seconds, attempt.batch_size)


def _identity(spec: TrialSpec, use_case: UseCase, pixels: Pixels) -> str:
    """Return a digest of what the result depends on; the data version is the run's, whose folder this is in."""
    rows = hashlib.sha256("\n".join(map(str, pixels.frame["split"])).encode() + pixels.truths.tobytes()).hexdigest()
    asked = {"recipe": spec.recipe.model_dump(mode="json"), "seed": spec.seed, "rows": rows, "folder": str(spec.folder)}
    return digest_document(asked | {"use_case": use_case.model_dump(mode="json")})


def _data(spec: TrialSpec, use_case: UseCase, pixels: Pixels, batch_size: int) -> PixelDataModule:
    asked = use_case.mitigation
    by_group = asked is not None and asked.training == "balanced_sampling"
    balanced = use_case.labels if by_group or spec.recipe.balance == "sampler" else None
    words = group_words(pixels.frame, asked.attribute, use_case.subgroups) if asked is not None and by_group else None
    # Without gradients, a batch of `tune` needs less memory than one of `train`: it shrinks with it, not before.
    tune_batch = max(_SMALLEST_BATCH, TUNE_BATCH * batch_size // spec.recipe.batch_size)
    return PixelDataModule(pixels, batch_size, spec.seed, balanced=balanced, words=words, tune_batch=tune_batch)


def _module(spec: TrialSpec, use_case: UseCase, pixels: Pixels, steps: int) -> DiagnosisModule:
    truths = pixels.truths[pixels.taught("train")]
    weights = torch.from_numpy(loss_weights(truths, use_case.labels)) if spec.recipe.balance == "loss" else None
    complete = use_case.labels.kind == "binary" and not np.isnan(truths).any()
    loss = Loss.of(use_case, spec.recipe.label_smoothing, weights, complete=complete)
    network = build_network(use_case, spec.recipe, pixels.inputs, pretrained=spec.recipe.pretrained)
    # Depthwise convolutions on a CPU are 1.5 to 5 times as fast with the channels last.
    network = network.to(memory_format=torch.channels_last)
    return DiagnosisModule(network, use_case, spec.recipe, loss, steps, spec.seed)


def _recorded(spec: TrialSpec, epoch_end: EpochEnd) -> EpochEnd:
    """Return a listener that writes each epoch's metrics to the trial's MLflow run, and then tells of it."""
    run = MLFlowLogger(run_id=spec.run_id, tracking_uri=spec.tracking_uri, log_model=False)

    def tell(epoch: int, metrics: dict[str, float]) -> None:
        run.log_metrics(metrics | {"epoch": float(epoch)}, step=epoch)
        epoch_end(epoch, metrics)

    return tell


def _trainer(spec: TrialSpec, use_case: UseCase, devices: Devices, callbacks: list[Callback]) -> Trainer:
    monitor, mode = _MONITOR[use_case.search.objective]
    callbacks = list(callbacks)
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
        max_epochs=use_case.search.max_epochs,
        # The teller writes to MLflow: a resumed trial must write again what it wrote before.
        logger=False,
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
