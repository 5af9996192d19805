"""The pixels as a mitigation has them learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from radloop.data.groups import group_words
from radloop.training.balance import group_weights
from radloop.training.pixels import Pixels
from radloop.use_case import UseCase


def mitigated(pixels: Pixels, aside: Sequence[tuple[int, int]], use_case: UseCase) -> Pixels:
    """Return the pixels with some labels unknown and, where groups are weighed, with weights.

    Args:
        pixels: of the data version.
        aside: rows and outputs whose label is not learnt; of classes, nothing of the row's is.
        use_case: its mitigation says what is done.
    """
    asked = use_case.mitigation
    if asked is None:
        return pixels
    truths = pixels.truths.copy()
    for row, output in aside:
        truths[row, slice(None) if use_case.labels.kind == "multiclass" else output] = np.nan
    pixels = replace(pixels, truths=truths)
    if asked.training != "reweighting":
        return pixels
    rows = pixels.taught("train")
    words = group_words(pixels.frame.iloc[rows], asked.attribute, use_case.subgroups)
    weights = np.ones(truths.shape, np.float32)
    weights[rows] = group_weights(truths[rows], use_case.labels, words)
    return replace(pixels, weights=weights)
