"""Against rare classes: how much each weighs in the loss, or how often each is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radloop.errors import ConfigError
from radloop.use_case import Labels


def loss_weights(truths: NDArray[np.float32], labels: Labels) -> NDArray[np.float32]:
    """Return weights by inverse frequency, so that both sides of a question, or all classes, weigh the same in all.

    Args:
        truths: of the images that train, [n, K]; NaN is unknown.
        labels: what the K columns are.

    Returns:
        Multiclass: [K], n / (K n_k). Otherwise [2, K], for false and true: n / (2 n_0) and n / (2 n_1) over the known
        cells of each column, which is a weight of n_0 / n_1 on the positive ones at an unchanged mean. A class that
        is not there weighs 1.

    Raises:
        ConfigError: a segmentation has no classes to weigh.
    """
    if labels.kind == "segmentation":
        raise ConfigError(
            "balance_segmentation", "balance: loss weighs classes, and a segmentation has none", "use none or sampler"
        )
    positives, known = np.sum(truths == 1, axis=0), np.sum(~np.isnan(truths), axis=0)
    counts = positives if labels.kind == "multiclass" else np.stack([known - positives, positives])
    shares = counts * (truths.shape[1] if labels.kind == "multiclass" else 2)
    weights: NDArray[np.float64] = np.divide(known, shares, out=np.ones(counts.shape), where=counts > 0)
    return weights.astype(np.float32)


def draw_weights(truths: NDArray[np.float32], labels: Labels) -> NDArray[np.float64]:
    """Return how likely each image is to be drawn, [n], so that every class is drawn as often; unknown is one of them.

    Raises:
        ConfigError: the findings of several labels cannot all be drawn as often.
    """
    if labels.kind == "multilabel":
        raise ConfigError(
            "balance_multilabel", "balance: sampler cannot draw several findings evenly, an image has many", "use balance: loss"
        )
    codes = np.where(np.isnan(truths[:, 0]), -1, truths @ np.arange(1, truths.shape[1] + 1))
    _, classes, counts = np.unique(codes, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / counts[classes]
    return weights
