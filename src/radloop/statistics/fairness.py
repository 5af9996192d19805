"""How alike groups are treated: by the share that is called positive, and by the rates among those who have it or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import BoolArray, FloatArray, checked_labels, divided


@dataclass(frozen=True, slots=True)
class Parity:
    """A difference is best at 0 and a ratio at 1; NaN is what the groups cannot tell.

    Attributes:
        selection_difference: the largest share that is called positive less the smallest (demographic parity).
        selection_ratio: the smallest of these shares over the largest.
        odds_difference: the larger of the differences of sensitivity and of false-positive rate (equalised odds).
        odds_ratio: the smaller of their ratios.
    """

    selection_difference: float
    selection_ratio: float
    odds_difference: float
    odds_ratio: float


def parity(decisions: npt.ArrayLike, truths: npt.ArrayLike, groups: Sequence[str]) -> Parity:
    """Compare all groups with one another.

    Demographic parity and equalised odds (Hardt, Price and Srebro, NeurIPS 2016) between the extreme groups, as
    fairlearn's `demographic_parity_*` and `equalized_odds_*` define them.

    Args:
        decisions: who was called positive, bool [n].
        truths: shape [n], 0 or 1.
        groups: the group of each case, n words.

    Returns:
        NaN where there are fewer than two groups; the odds also where a group has no positive or no negative case. A
        ratio of 0 to 0 is NaN.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    called = np.asarray(decisions, dtype=np.bool_)
    words = np.asarray(groups, dtype=np.str_)
    if called.ndim != 1 or words.shape != called.shape:
        raise ValueError(f"decisions {called.shape} and groups {words.shape}: give one of each a case, shape [n]")
    positive = checked_labels(truths, called.size) == 1
    members = [words == word for word in np.unique(words)]
    selected = _extremes(called, members, np.ones(called.size, np.bool_))
    odds = [_extremes(called, members, among) for among in (positive, ~positive)]
    return Parity(*selected, float(np.max([gap for gap, _ in odds])), float(np.min([ratio for _, ratio in odds])))


def _extremes(called: BoolArray, members: Sequence[BoolArray], among: BoolArray) -> tuple[float, float]:
    """Return by how much, and in which ratio, the extreme groups' shares called positive differ."""
    counts: FloatArray = np.asarray([[np.sum(called & group & among), np.sum(group & among)] for group in members], np.float64)
    if len(members) < 2:
        return float("nan"), float("nan")
    shares = divided(counts[:, 0], counts[:, 1])
    return float(shares.max() - shares.min()), float(divided(shares.min(), shares.max()))
