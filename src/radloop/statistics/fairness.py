"""How differently groups are decided upon: demographic parity and equalised odds.

A difference is the largest rate of a group less the smallest, a ratio the smallest over the largest: 0 and 1 where all
groups fare alike. With fewer than two groups nothing is compared, and without a case that a rate is of nothing is known: NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, IntArray, checked_labels, divided


@dataclass(frozen=True, slots=True)
class GroupRates:
    """Rates of one group; NaN where there is no such case."""

    selection: float
    """The share of all cases that is called positive."""
    sensitivity: float
    """The share of positive cases that is called positive."""
    false_positive: float
    """The share of negative cases that is called positive."""


def group_rates(decisions: npt.ArrayLike, truths: npt.ArrayLike, groups: npt.ArrayLike) -> dict[str, GroupRates]:
    """Return every group's rates, by its name, sorted.

    Args:
        decisions: what each case is called, shape [n], 0 or 1.
        truths: shape [n], 0 or 1.
        groups: the group of each case, shape [n], words.

    Raises:
        ValueError: the arrays do not fit together, a group is unknown, or a decision or truth is neither 0 nor 1.
    """
    called, words, member = _checked(decisions, groups)
    positive = checked_labels(truths, called.size)
    columns = (
        _shares(called, member, len(words)),
        _shares(called[positive == 1], member[positive == 1], len(words)),
        _shares(called[positive == 0], member[positive == 0], len(words)),
    )
    return {word: GroupRates(*(float(column[k]) for column in columns)) for k, word in enumerate(words)}


def demographic_parity_difference(decisions: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """Return the difference of the groups' selection rates (Dwork et al., ITCS 2012), 0 to 1.

    Raises:
        ValueError: as `group_rates`.
    """
    return _difference(_selection(decisions, groups))


def demographic_parity_ratio(decisions: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """Return the ratio of the groups' selection rates (Dwork et al., ITCS 2012), 0 to 1; NaN where nobody is selected.

    Raises:
        ValueError: as `group_rates`.
    """
    return _ratio(_selection(decisions, groups))


def equalised_odds_difference(decisions: npt.ArrayLike, truths: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """Return the larger difference of two: of sensitivities, of false positive rates (Hardt et al., NeurIPS 2016), 0 to 1.

    Raises:
        ValueError: as `group_rates`.
    """
    return float(np.max([_difference(rates) for rates in _odds(decisions, truths, groups)]))


def equalised_odds_ratio(decisions: npt.ArrayLike, truths: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """Return the smaller ratio of two: of sensitivities, of false positive rates (Hardt et al., NeurIPS 2016), 0 to 1.

    NaN also where no case at all has one of the two, as when no negative case of any group is called positive.

    Raises:
        ValueError: as `group_rates`.
    """
    return float(np.min([_ratio(rates) for rates in _odds(decisions, truths, groups)]))


def _selection(decisions: npt.ArrayLike, groups: npt.ArrayLike) -> FloatArray:
    called, words, member = _checked(decisions, groups)
    return _shares(called, member, len(words))


def _odds(decisions: npt.ArrayLike, truths: npt.ArrayLike, groups: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return sensitivities and false positive rates, each [groups]."""
    found = group_rates(decisions, truths, groups).values()
    return np.array([rates.sensitivity for rates in found]), np.array([rates.false_positive for rates in found])


def _checked(decisions: npt.ArrayLike, groups: npt.ArrayLike) -> tuple[FloatArray, list[str], IntArray]:
    """Return decisions [n], the groups' names and the place of each case's group among them [n]."""
    words = np.asarray(groups, dtype=object)
    if words.ndim != 1 or not all(isinstance(word, str) and word for word in words):
        raise ValueError("a group is unknown or no word: give one a case, shape [n], and leave unknown cases out, and say so")
    try:
        called = checked_labels(decisions, words.size)
    except ValueError as error:
        raise ValueError(f"decisions, read as labels of {words.size} cases in groups: {error}") from error
    distinct, member = np.unique(words.astype(str), return_inverse=True)
    return called, [str(word) for word in distinct], member.astype(np.int64)


def _shares(called: FloatArray, member: IntArray, groups: int) -> FloatArray:
    """Return the share of each group's cases that is called positive, shape [groups]."""
    return divided(np.bincount(member, weights=called, minlength=groups), np.bincount(member, minlength=groups))


def _difference(rates: FloatArray) -> float:
    return float(np.max(rates) - np.min(rates)) if rates.size > 1 else float("nan")


def _ratio(rates: FloatArray) -> float:
    return float(divided(np.min(rates), np.max(rates))) if rates.size > 1 else float("nan")
