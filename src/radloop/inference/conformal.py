"""Which labels cannot be excluded for an image: conformal sets at the coverage of the YAML, fitted on `calibrate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from radloop.inference.answer import PredictionSet
from radloop.statistics.conformal import sets
from radloop.use_case import Labels, Section

_Limit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ConformalFacts(Section):
    """The least probability at which a label still belongs to the set; 0 where `calibrate` had too few to exclude it."""

    coverage: float
    present: tuple[_Limit, ...]
    """Of each output."""
    absent: tuple[_Limit, ...]
    """Of each output's absence, whose probability is the rest to 1; none where an image has exactly one of the outputs."""
    n: int
    """Images of `calibrate`."""
    abstain: bool = False
    """Whether an answer whose set does not have exactly one label is said to be undecided."""

    def held(self, probabilities: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whether each output, and each output's absence, cannot be excluded.

        The most probable label is never excluded, though its limit may be higher: an answer without any label would say
        nothing, and labels that are added only raise the coverage.

        Args:
            probabilities: calibrated, [..., K].

        Returns:
            bool [..., K] twice; where an image has exactly one output, the absence of one can be excluded only with all others.
        """
        chances = np.asarray(probabilities, dtype=np.float64)
        present = sets(chances, self.present)
        if self.absent:
            return present | (chances >= 0.5), sets(1 - chances, self.absent) | (chances < 0.5)
        present = present | (np.arange(chances.shape[-1]) == chances.argmax(axis=-1)[..., None])
        others = present.sum(axis=-1, keepdims=True) - present
        return present, np.asarray(others > 0, dtype=np.bool_)


def prediction_set(chances: Sequence[float], labels: Labels, outputs: Sequence[str], facts: ConformalFacts) -> PredictionSet:
    """Return the labels that cannot be excluded, the most probable first.

    Of a yes-or-no question both words may stand in it; of findings it names those whose presence cannot be excluded.

    Args:
        chances: calibrated probabilities [K].
        labels: of the use case.
        outputs: the label of each of the K.
        facts: of the bundle.
    """
    present, absent = facts.held(chances)
    found = [(chance, word) for chance, word, held in zip(chances, outputs, present, strict=True) if held]
    if labels.kind == "binary" and absent[0]:
        found.append((1 - chances[0], labels.words[0]))
    ordered = sorted(found, key=lambda each: -each[0])
    return PredictionSet(coverage=facts.coverage, labels=tuple(word for _, word in ordered))


def abstention(found: PredictionSet, facts: ConformalFacts) -> str | None:
    """Return why an answer should not be relied on, after its code; None where its set has one label, or nobody asked."""
    if not facts.abstain or len(found.labels) == 1:
        return None
    *others, last = found.labels
    return f"undecided: at a coverage of {found.coverage:.0%} neither {', '.join(others)} nor {last} can be excluded"
