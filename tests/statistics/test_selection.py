"""Choosing few of many."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.statistics.selection import distances, farthest_first, spacing


def on_a_line(*values: float) -> np.ndarray:
    return np.array([[value, 0.0] for value in values])


def test_what_is_farthest_of_known_and_chosen_comes_first() -> None:
    # Known at 0 and 1: the unit is 1. Of 2, 9, 10 and 5 the farthest is 10 (9 off); then 5 (4 off 1, 5 off 10), then 2 (1), 9 (1).
    found = farthest_first(on_a_line(2, 9, 10, 5), np.ones(4), on_a_line(0, 1), 4)
    assert found.places.tolist() == [2, 3, 0, 1]
    assert found.distances.tolist() == pytest.approx([9, 4, 1, 1]) and found.scores.tolist() == found.distances.tolist()


def test_a_weight_moves_a_choice_and_a_copy_never_wins() -> None:
    # 9 off at weight 1 against 4 off at weight 3; the copy of the known is 0 off at any weight.
    found = farthest_first(on_a_line(10, 5, 1), [1, 3, 1000], on_a_line(0, 1), 3)
    assert found.places.tolist() == [1, 0, 2]
    assert found.scores.tolist() == pytest.approx([12, 5, 0])


def test_without_anything_known_the_heaviest_is_first_and_fewer_are_given_than_wanted() -> None:
    found = farthest_first(on_a_line(0, 4), [1, 2], np.empty((0, 2)), 9)
    assert found.places.tolist() == [1, 0] and found.distances.tolist() == pytest.approx([1, 1])
    assert farthest_first(np.empty((0, 2)), [], np.empty((0, 2)), 3).places.tolist() == []


def test_the_spacing_is_the_median_distance_to_the_nearest_other() -> None:
    # Nearest others: 0 -> 1 is 1, 1 -> 0 is 1, 4 -> 1 is 3, 9 -> 4 is 5: the median is 2; the second 9 is passed over.
    assert spacing(on_a_line(0, 1, 4, 9)) == pytest.approx(2)
    assert spacing(on_a_line(3, 3)) == 1.0 == spacing(on_a_line(3))
    assert distances(on_a_line(3), np.array([[0.0, 4.0]])).tolist() == [[5.0]]
