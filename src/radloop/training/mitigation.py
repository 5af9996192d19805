"""The pixels as a mitigation has them learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from radloop.data.groups import group_words
from radloop.training.balance import group_weights
from radloop.training.pixels import Pixels
from radloop.use_case import FindingLabels, UseCase


def mitigated(pixels: Pixels, aside: Sequence[tuple[int, int]], use_case: UseCase) -> Pixels:
    """Return the pixels with some labels set aside and, where groups are weighed, with weights.

    Args:
        pixels: of the data version.
        aside: rows and outputs whose label is not learnt. Of several findings only that one is unknown; otherwise the row leaves
            `train`: what is wrong of a diagnosis is wrong of its severity and place too.
        use_case: its mitigation says what is done.
    """
    asked = use_case.mitigation
    if asked is None:
        return pixels
    rows, outputs = [row for row, _ in aside], [output for _, output in aside]
    if isinstance(use_case.labels, FindingLabels):
        truths = pixels.truths.copy()
        truths[rows, outputs] = np.nan
        pixels = replace(pixels, truths=truths)
    else:
        split = pixels.frame["split"].to_numpy(dtype=object, copy=True)
        split[rows] = "set_aside"
        pixels = replace(pixels, frame=pixels.frame.assign(split=split))
    if asked.training != "reweighting":
        return pixels
    taught = pixels.taught("train")
    words = group_words(pixels.frame.iloc[taught], asked.attribute, use_case.subgroups)
    weights = np.ones(pixels.truths.shape, np.float32)
    weights[taught] = group_weights(pixels.truths[taught], use_case.labels, words)
    return replace(pixels, weights=weights)
