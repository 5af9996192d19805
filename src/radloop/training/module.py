"""The LightningModule: loss, optimiser and schedule around a plain network."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from radloop.models.fusion import drop_modalities
from radloop.models.network import Network, Outputs
from radloop.training.augmentation import augment
from radloop.training.batch import Batch
from radloop.training.losses import Loss
from radloop.training.tuning import Counts, overlaps, tune_accuracy, tune_auroc, tune_dice
from radloop.use_case import Fusion, Recipe, UseCase


class _Tuned(NamedTuple):
    """What an epoch keeps of a batch of `tune`; `beside` is the sum over images of the loss beside the diagnosis."""

    logits: Tensor
    truths: Tensor
    beside: float
    counts: Counts | None


class DiagnosisModule(LightningModule):
    """Trains a network: the use case's loss, AdamW, warm-up and cosine.

    Args:
        network: `Outputs` from images uint8 [b, 1, S, S] and clinical inputs float32 [b, D] or None.
        use_case: says what the outputs are, and how long the schedule is.
        recipe: every number of the training.
        loss: of the outputs.
        steps: optimiser steps an epoch.
        seed: of the augmentation.

    Attributes:
        generator: of augmentation and modality dropout; a resumed trial sets its state.
    """

    def __init__(self, network: Network, use_case: UseCase, recipe: Recipe, loss: Loss, steps: int, seed: int) -> None:
        super().__init__()
        self.network = network
        self.generator = torch.Generator().manual_seed(seed)
        self._kind = use_case.labels.kind
        self._fusion: Fusion | None = use_case.fusion
        self._recipe = recipe
        self._loss = loss
        self._total = max(1, use_case.search.max_epochs * steps)
        self._steps = steps
        self._tuned: list[_Tuned] = []

    def forward(self, images: Tensor, clinical: Tensor | None = None, blind: Tensor | None = None) -> Outputs:
        """Return the network's outputs."""
        outputs: Outputs = self.network(images, clinical, blind)
        return outputs

    def on_train_epoch_start(self) -> None:
        """Freeze the backbone in the first epochs, and batch statistics where the recipe says so."""
        frozen = self.current_epoch < self._recipe.head_epochs
        for parameter in self.network.features.parameters():
            parameter.requires_grad_(not frozen)
        for layer in self.network.features.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.train(not (frozen or self._recipe.freeze_batch_norm))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Return the loss of one augmented batch."""
        recipe = self._recipe
        images, masks = augment(batch.images, recipe.augmentation, self.generator, masks=batch.masks)
        clinical, blind = batch.clinical, None
        if self._fusion is not None and clinical is not None:
            clinical, blind = drop_modalities(clinical, self._fusion.hidden, self._fusion.blind, self.generator)
        loss = self._loss(self(images, clinical, blind), batch._replace(masks=masks))
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.images))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Keep what the epoch's metrics need of a batch."""
        outputs: Outputs = self(batch.images, batch.clinical)
        beside = sum(float(part) for part in self._loss.beside(outputs, batch)) * len(batch.images)
        counts = None if outputs.mask is None or batch.masks is None else overlaps(outputs.mask.float(), batch.masks)
        self._tuned.append(_Tuned(outputs.logits.float().cpu(), batch.truths.cpu(), beside, counts))

    def on_validation_epoch_end(self) -> None:
        """Log `tune_loss`, `tune_auroc`, `tune_accuracy` and, with masks, `tune_dice`."""
        logits, truths = (torch.cat(parts) for parts in list(zip(*self._tuned, strict=True))[:2])
        beside = sum(batch.beside for batch in self._tuned) / len(logits)
        counts = [batch.counts for batch in self._tuned if batch.counts is not None]
        self._tuned.clear()
        loss = self._loss.plain(complete=not bool(truths.isnan().any()))
        diagnosis = 0.0 if self._kind == "segmentation" else float(loss.diagnosis(logits, truths))
        said, seen = logits.numpy().astype(np.float64), truths.numpy().astype(np.float64)
        self.log("tune_loss", diagnosis + beside)
        self.log("tune_auroc", tune_auroc(said, seen, self._kind))
        self.log("tune_accuracy", tune_accuracy(said, seen, self._kind))
        if counts:
            self.log("tune_dice", tune_dice(np.concatenate(counts)))

    def configure_optimizers(self) -> Any:
        """Return AdamW with a smaller rate for the backbone, and a rate for every step."""
        recipe = self._recipe
        rest = [parameter for name, parameter in self.network.named_parameters() if not name.startswith("features.")]
        groups = [
            {"params": rest, "lr": recipe.learning_rate},
            {"params": list(self.network.features.parameters()), "lr": recipe.learning_rate * recipe.backbone_rate},
        ]
        optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _factor(self, step: int) -> float:
        """Return the share of the full rate at a step: linear warm-up over half an epoch, then a cosine to zero."""
        warm = max(1, self._steps // 2)
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, self._total - warm))))
