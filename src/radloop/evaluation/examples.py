"""The images that show how well marked regions fit the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radloop.data.storing import stored_image
from radloop.evaluation.cases import Cases, clinical_values
from radloop.evaluation.regions import Example, marked_region, true_region
from radloop.inference.location import strongest
from radloop.inference.predictor import Predictor
from radloop.statistics.regions import dice

_EACH = 2
"""Images of the worst, of the middle, and of the best."""


def examples(predictor: Predictor, cases: Cases, folder: Path) -> list[Example]:
    """Return the worst, the middle and the best images by Dice of those with a true region; they are scored anew.

    Args:
        predictor: the bundle.
        cases: as they were judged.
        folder: that holds the manifest.
    """
    if cases.dice is None or cases.location is None:
        return []
    rows, chosen = cases.frame.to_dict("records"), []
    for words, number in _chosen(cases.dice, ~np.isnan(cases.location)):
        row = rows[number]
        decoded = stored_image(folder / str(row["path"]), row["frame"], predictor.facts.image)
        scored = predictor.score(decoded, clinical_values(row, predictor.facts))
        true = true_region(row.get("mask"), folder, scored.shape, cases.truths[number])
        if scored.mask is None or true is None:
            continue
        marked, point = marked_region(scored.mask, scored.shape), strongest(scored.mask, *scored.shape)
        chosen.append(Example(words, decoded.pixels, marked, true, dice(marked, true), point))
    return chosen


def _chosen(values: NDArray[np.float64], shown: NDArray[np.bool_]) -> Sequence[tuple[str, int]]:
    """Return which rows stand for the rest, each with its word; equals keep the manifest's order."""
    order = np.flatnonzero(shown)[np.argsort(values[shown], kind="stable")]
    if len(order) <= 3 * _EACH:
        return [("", int(number)) for number in order]
    middle = (len(order) - _EACH) // 2
    parts = (("worst", 0), ("middle", middle), ("best", len(order) - _EACH))
    return [(word, int(number)) for word, start in parts for number in order[start : start + _EACH]]
