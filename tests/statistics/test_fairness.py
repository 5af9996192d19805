"""Fairness between groups, with numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radloop.statistics.fairness import parity

GROUPS = ["a"] * 6 + ["b"] * 5
DECISIONS = [True, True, True, False, True, False, True, False, True, False, False]
TRUTHS = [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0]
# Called positive: 4/6 of a, 2/5 of b. Sensitivity 3/4 and 1/2; false-positive rate 1/2 and 1/3.


def test_two_groups() -> None:
    found = parity(DECISIONS, TRUTHS, GROUPS)
    assert found.selection_difference == pytest.approx(4 / 6 - 2 / 5)
    assert found.selection_ratio == pytest.approx((2 / 5) / (4 / 6))
    assert found.odds_difference == pytest.approx(1 / 4)  # against 1/6 of the false-positive rate
    assert found.odds_ratio == pytest.approx(2 / 3)  # 1/2 over 3/4, and 1/3 over 1/2


def test_the_extremes_of_three_groups_count() -> None:
    found = parity([*DECISIONS, True, True], [*TRUTHS, 1, 0], [*GROUPS, "c", "c"])
    assert found.selection_difference == pytest.approx(1 - 2 / 5)
    assert found.odds_difference == pytest.approx(1 - 1 / 3)  # of the false-positive rate
    assert found.odds_ratio == pytest.approx(1 / 3)


def test_equal_groups_are_fair() -> None:
    found = parity(DECISIONS[:6] * 2, TRUTHS[:6] * 2, ["a"] * 6 + ["b"] * 6)
    assert (found.selection_difference, found.selection_ratio, found.odds_difference, found.odds_ratio) == (0, 1, 0, 1)


def test_what_the_groups_cannot_tell_is_nan() -> None:
    one = parity(DECISIONS, TRUTHS, ["a"] * 11)
    assert all(math.isnan(number) for number in (one.selection_difference, one.selection_ratio, one.odds_ratio))
    no_positive = parity([True, False, True, False], [1, 0, 0, 0], ["a", "a", "b", "b"])
    assert no_positive.selection_difference == 0
    assert math.isnan(no_positive.odds_difference)
    nobody = parity([False] * 4, [1, 0, 1, 0], ["a", "a", "b", "b"])
    assert (nobody.selection_difference, nobody.odds_difference) == (0, 0)
    assert math.isnan(nobody.selection_ratio)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="one of each a case"):
        parity([True], [1], ["a", "b"])
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        parity([True, False], [1, np.nan], ["a", "b"])
