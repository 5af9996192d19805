"""Choosing few of many."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.statistics.selection import cover, distances, spacing


def on_a_line(*values: float) -> np.ndarray:
    return np.array([[value, 0.0] for value in values])


def test_what_stands_for_most_that_is_far_comes_first() -> None:
    # Known at 0 and 1; 2, 9, 10 and 5 are 1, 8, 9 and 4 off, 22 together. 9 takes its own 8 and 8 of the 9 of 10: 16. So does 10, and
    # 5 takes 4 + 4 + 4. Then 5 takes 4 (10 is 1 off 9 already), then 2 takes 1, as 10 does.
    found = cover(on_a_line(2, 9, 10, 5), np.ones(4), on_a_line(0, 1), 4)
    assert found.places.tolist() == [1, 3, 0, 2]
    assert found.gains.tolist() == pytest.approx([16 / 22, 4 / 22, 1 / 22, 1 / 22])
    assert found.distances.tolist() == pytest.approx([8, 4, 1, 1])
    assert found.stands_for.tolist() == [2, 1, 1, 1], "9 for itself and 10"


def test_a_crowd_comes_before_an_outlier_unless_that_weighs_more() -> None:
    # Three at 5 (4 off each, 12 together) against one at 10 (9 off, of which 5 leaves 5).
    line = on_a_line(10, 5, 5, 5)
    assert cover(line, np.ones(4), on_a_line(0, 1), 2).places.tolist() == [1, 0]
    # With weight 5: choosing 10 takes 45; choosing 5 takes 12 + 5 * 4 = 32.
    assert cover(line, [5, 1, 1, 1], on_a_line(0, 1), 1).places.tolist() == [0]


def test_a_copy_gains_nothing() -> None:
    found = cover(on_a_line(4, 4, 1), np.ones(3), on_a_line(0, 1), 3)
    assert found.places.tolist()[0] == 0 and found.gains.tolist() == pytest.approx([1, 0, 0])
    assert found.distances.tolist() == pytest.approx([3, 0, 0])


def test_with_nothing_known_and_with_fewer_than_wanted() -> None:
    # All are 4 off nothing. The heavier takes its own 8 and nothing of the other.
    found = cover(on_a_line(0, 4), [1, 2], np.empty((0, 2)), 9)
    assert found.places.tolist() == [1, 0] and found.gains.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert cover(np.empty((0, 2)), [], np.empty((0, 2)), 3).places.tolist() == []


def test_the_spacing_is_the_median_distance_to_the_nearest_other() -> None:
    # Nearest others: 0 -> 1 is 1, 1 -> 0 is 1, 4 -> 1 is 3, 9 -> 4 is 5: the median is 2.
    assert spacing(on_a_line(0, 1, 4, 9)) == pytest.approx(2)
    assert spacing(on_a_line(3, 3)) == 1.0 == spacing(on_a_line(3))
    assert distances(on_a_line(3), np.array([[0.0, 4.0]])).tolist() == [[5.0]]
