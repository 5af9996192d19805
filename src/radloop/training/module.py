"""The LightningModule: loss, optimiser and schedule around a plain network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional

from radloop.models.network import Network
from radloop.statistics.discrimination import auroc
from radloop.training.augmentation import augment
from radloop.use_case import Recipe


class DiagnosisModule(LightningModule):
    """Trains a network with one logit a label: binary cross-entropy, AdamW, warm-up and cosine.

    Args:
        network: logits float32 [b, 1] from images uint8 [b, 1, S, S].
        recipe: every number of the training.
        max_epochs: the length of the schedule.
        steps: optimiser steps an epoch.
        seed: of the augmentation.
    """

    def __init__(self, network: Network, recipe: Recipe, max_epochs: int, steps: int, seed: int) -> None:
        super().__init__()
        self.network = network
        self._recipe = recipe
        self._total = max(1, max_epochs * steps)
        self._steps = steps
        self._generator = torch.Generator().manual_seed(seed)
        self._outputs: list[tuple[Tensor, Tensor]] = []

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [b, 1]."""
        logits: Tensor = self.network(images)
        return logits

    def on_train_epoch_start(self) -> None:
        """Freeze the backbone in the first epochs, and batch statistics where the recipe says so."""
        frozen = self.current_epoch < self._recipe.head_epochs
        for parameter in self.network.features.parameters():
            parameter.requires_grad_(not frozen)
        if frozen or self._recipe.freeze_batch_norm:
            for layer in self.network.features.modules():
                if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                    layer.eval()

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Return the loss of one augmented batch."""
        images, labels = batch
        images = augment(images, self._recipe.augmentation, self._generator)
        smoothing = self._recipe.label_smoothing
        targets = labels * (1 - smoothing) + smoothing / 2
        loss = functional.binary_cross_entropy_with_logits(self(images).float(), targets)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Keep a batch's logits for the epoch's metrics."""
        images, labels = batch
        self._outputs.append((self(images).float().cpu(), labels.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Log `tune_loss` and `tune_auroc`."""
        logits = torch.cat([pair[0] for pair in self._outputs])
        labels = torch.cat([pair[1] for pair in self._outputs])
        self._outputs.clear()
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        area = auroc(np.asarray(logits[:, 0], dtype=np.float64), np.asarray(labels[:, 0], dtype=np.int64))
        self.log("tune_loss", float(loss))
        self.log("tune_auroc", float(area))

    def configure_optimizers(self) -> Any:
        """Return AdamW with a smaller rate for the backbone, and a rate for every step."""
        recipe = self._recipe
        groups = [
            {"params": list(self.network.head.parameters()), "lr": recipe.learning_rate},
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
