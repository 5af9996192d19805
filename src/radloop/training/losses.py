"""What training makes small: the diagnosis's loss, and beside it the severity's and the mask's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from radloop.models.network import Outputs
from radloop.models.severity import ordinal_loss
from radloop.training.batch import Batch
from radloop.training.masks import UNKNOWN
from radloop.use_case import UseCase


@dataclass(frozen=True)
class Loss:
    """The loss of a use case.

    Attributes:
        kind: of the labels; a segmentation has the mask's loss only.
        complete: every truth is known, so that none has to be left out.
        smoothing: of the labels, from 0.
        weights: of the classes, see `balance.loss_weights`; None weighs all the same.
        severity: the weight of the ordinal loss; 0 without a severity.
        location: the weight of the mask's loss; 0 without a location.
    """

    kind: str
    complete: bool = False
    smoothing: float = 0.0
    weights: Tensor | None = None
    severity: float = 0.0
    location: float = 0.0

    @classmethod
    def of(cls, use_case: UseCase, smoothing: float, weights: Tensor | None, *, complete: bool) -> Loss:
        """Return a use case's loss."""
        severity = use_case.severity.weight if use_case.severity else 0.0
        location = use_case.location.weight if use_case.location else 0.0
        return cls(use_case.labels.kind, complete, smoothing, weights, severity, location)

    def plain(self, *, complete: bool) -> Loss:
        """Return the loss as `tune` is judged with: no smoothing, and every class as often as it is."""
        return replace(self, complete=complete, smoothing=0.0, weights=None)

    def __call__(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Return the loss of a batch, one number."""
        parts = self.beside(outputs, batch)
        if self.kind != "segmentation":
            parts.append(self.diagnosis(outputs.logits.float(), batch.truths, batch.weights))
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum()

    def diagnosis(self, logits: Tensor, truths: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the loss of the logits [b, K] alone; cells that are unknown count for nothing.

        Args:
            logits: [b, K].
            truths: [b, K], NaN where unknown.
            weights: of the cells, [b, K], beside those of the classes; None weighs all the same.
        """
        if self.kind == "multiclass":
            return self._one_of(logits, truths, weights)
        targets = truths * (1 - self.smoothing) + self.smoothing / 2
        if self.complete and self.weights is None:
            return functional.binary_cross_entropy_with_logits(logits, targets, weight=weights)
        return self._any_of(logits, truths, targets, weights)

    def beside(self, outputs: Outputs, batch: Batch) -> list[Tensor]:
        """Return the weighed losses of severity and mask, where the network has them."""
        parts = []
        if self.severity and outputs.grades is not None and batch.grades is not None:
            parts.append(self.severity * ordinal_loss(outputs.grades.float(), batch.grades))
        if self.location and outputs.mask is not None and batch.masks is not None:
            parts.append(self.location * mask_loss(outputs.mask.float(), batch.masks))
        return parts

    def _one_of(self, logits: Tensor, truths: Tensor, cells: Tensor | None) -> Tensor:
        """Return the cross-entropy over the rows whose class is known; 0 where none is."""
        known = ~truths.isnan().any(dim=1)
        classes = torch.where(known, truths.nan_to_num().argmax(dim=1), -100)
        weights = None if self.weights is None else self.weights.to(logits.device)
        losses = functional.cross_entropy(
            logits, classes, weight=weights, label_smoothing=self.smoothing, ignore_index=-100, reduction="none"
        )
        summed = (losses if cells is None else losses * cells[:, 0]).sum()
        share = known.float() if weights is None else known * weights[classes.clamp(min=0)]
        return summed / share.sum().clamp(min=1e-6)

    def _any_of(self, logits: Tensor, truths: Tensor, targets: Tensor, cells: Tensor | None) -> Tensor:
        """Return the mean binary cross-entropy over the known cells; 0 where none is."""
        known = ~truths.isnan()
        losses = functional.binary_cross_entropy_with_logits(logits, targets.nan_to_num(), reduction="none") * known
        if self.weights is not None:
            false, true = self.weights.to(logits.device)
            losses = losses * torch.where(truths == 1, true, false)
        if cells is not None:
            losses = losses * cells
        return losses.sum() / known.sum().clamp(min=1)


def mask_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return binary cross-entropy plus soft Dice over the pixels that are known; 0 where none is.

    Dice (Milletari et al., V-Net, 3DV 2016, without its squares) is taken over the batch as one region: over single
    images it would be a coin's toss where the finding is absent.

    Args:
        logits: [b, 1, h, w].
        masks: uint8 [b, 1, S, S]: 1, 0, or 255 where unknown; each place of [h, w] has the share of its known pixels.
    """
    known = (masks != UNKNOWN).float()
    weight = functional.interpolate(known, size=logits.shape[-2:], mode="area")
    inside = functional.interpolate((masks == 1).float(), size=logits.shape[-2:], mode="area")
    target = inside / weight.clamp(min=1e-6)
    pixels = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight
    said = torch.sigmoid(logits) * weight
    overlap, areas = (said * target).sum(), said.sum() + inside.sum()
    return pixels.sum() / weight.sum().clamp(min=1) + 1 - (2 * overlap + 1) / (areas + 1)
