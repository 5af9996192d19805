"""How good a network is on `tune`: what the search compares and a trial stops by."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from radloop.statistics.discrimination import auroc
from radloop.training.masks import UNKNOWN

Counts = NDArray[np.int64]


def tune_auroc(logits: NDArray[np.float64], truths: NDArray[np.float64], kind: str) -> float:
    """Return the mean area over the outputs of which both classes are known; NaN without one.

    Of several classes each is judged against the rest by its probability.

    Args:
        logits: [n, K].
        truths: 1, 0 or NaN, [n, K].
        kind: of the labels.
    """
    scores = _softmax(logits) if kind == "multiclass" else logits
    known = ~np.isnan(truths)
    areas = [auroc(scores[rows, k], truths[rows, k].astype(np.int64)) for k, rows in enumerate(known.T)]
    areas = [area for area in areas if not np.isnan(area)]
    return sum(areas) / len(areas) if areas else float("nan")


def tune_accuracy(logits: NDArray[np.float64], truths: NDArray[np.float64], kind: str) -> float:
    """Return the share of right answers: the likeliest class, otherwise each known cell at a probability of one half.

    Args:
        logits: [n, K].
        truths: 1, 0 or NaN, [n, K].
        kind: of the labels.

    Returns:
        0 to 1; NaN where nothing is known.
    """
    known = ~np.isnan(truths)
    if kind == "multiclass":
        rows = known.all(axis=1)
        right = np.argmax(logits[rows], axis=1) == np.argmax(truths[rows], axis=1)
    else:
        right = (logits[known] >= 0) == (truths[known] == 1)
    return int(np.count_nonzero(right)) / right.size if right.size else float("nan")


def overlaps(logits: Tensor, masks: Tensor) -> Counts:
    """Count the pixels of each image's marked and true region at the size of the masks.

    Args:
        logits: [b, 1, h, w], enlarged as an answer's mask is.
        masks: uint8 [b, 1, S, S]: 1, 0, or 255 where unknown.

    Returns:
        int64 [m, 2]: the overlap, and both areas added up; only the m images with a known pixel.
    """
    known = masks != UNKNOWN
    marked = (functional.interpolate(logits, size=masks.shape[-2:], mode="bilinear", align_corners=False) >= 0) & known
    true = (masks == 1) & known
    counts = torch.stack([(marked & true).sum(dim=(1, 2, 3)), (marked.sum(dim=(1, 2, 3)) + true.sum(dim=(1, 2, 3)))], dim=1)
    found: Counts = counts[known.any(dim=3).any(dim=2)[:, 0]].cpu().numpy()
    return found


def tune_dice(counts: Counts) -> float:
    """Return the mean over images of twice the overlap over both areas, 1 where both are empty; NaN without images."""
    overlap, areas = counts[:, 0], counts[:, 1]
    each = np.divide(2 * overlap, areas, out=np.ones(len(counts)), where=areas > 0)
    return float(np.mean(each)) if len(each) else float("nan")


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return shares
