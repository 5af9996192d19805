"""Against rare classes and worse served groups: how much each weighs in the loss, or how often each is drawn."""

from __future__ import annotations

from collections.abc import Sequence

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


def group_weights(truths: NDArray[np.float32], labels: Labels, words: Sequence[str | None]) -> NDArray[np.float32]:
    """Return weights that make label and group independent of each other (Kamiran and Calders, Knowl Inf Syst 33:1, 2012).

    What has label y in group g weighs P(y) P(g) / P(y, g) over the known cells of an output, 1 on average.

    Args:
        truths: of the images that train, [n, K]; NaN is unknown.
        labels: what the K columns are.
        words: each image's group, n of them; None is a group of its own.

    Returns:
        float32 [n, K], 1 where the truth is unknown; of `multiclass` the same in every column.
    """
    groups = np.unique(["" if word is None else f"={word}" for word in words], return_inverse=True)[1]
    if labels.kind == "multiclass":
        known = np.asarray(~np.isnan(truths).any(axis=1), dtype=np.bool_)
        column = _independent(np.where(known, truths.argmax(axis=1), -1), groups, known)
        return np.repeat(column[:, None], truths.shape[1], axis=1).astype(np.float32)
    columns = [_independent(column, groups, ~np.isnan(column)) for column in truths.T]
    return np.stack(columns, axis=1).astype(np.float32)


def _independent(codes: NDArray[np.generic], groups: NDArray[np.intp], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    weights = np.ones(len(codes))
    n = int(known.sum())
    for code in np.unique(codes[known]):
        for group in np.unique(groups[known]):
            with_label, in_group = known & (codes == code), known & (groups == group)
            both = with_label & in_group
            if both.any():
                weights[both] = with_label.sum() * in_group.sum() / (n * both.sum())
    return weights


def draw_weights(truths: NDArray[np.float32], labels: Labels, words: Sequence[str | None] | None = None) -> NDArray[np.float64]:
    """Return how likely each image is to be drawn, [n], so that every class is drawn as often; unknown is one of them.

    Args:
        truths: of the images that train, [n, K]; NaN is unknown.
        labels: what the K columns are.
        words: each image's group: every class of every group is then drawn as often; an unknown one is None.

    Raises:
        ConfigError: the findings of several labels cannot all be drawn as often.
    """
    if labels.kind == "multilabel":
        raise ConfigError(
            "balance_multilabel", "balance: sampler cannot draw several findings evenly, an image has many", "use balance: loss"
        )
    codes = np.where(np.isnan(truths[:, 0]), -1, truths @ np.arange(1, truths.shape[1] + 1))
    groups = ["" if word is None else f"={word}" for word in words or [None] * len(codes)]
    cells = list(zip(codes.tolist(), groups, strict=True))
    numbers = {cell: number for number, cell in enumerate(sorted(set(cells)))}
    _, classes, counts = np.unique([numbers[cell] for cell in cells], return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / counts[classes]
    return weights
