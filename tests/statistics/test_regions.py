"""Dice and points against small regions drawn by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radloop.statistics.regions import dice, located


def square(top: int, left: int, side: int) -> np.ndarray:
    """Return a square region in an image of 10 x 10."""
    region = np.zeros((10, 10), np.bool_)
    region[top : top + side, left : left + side] = True
    return region


def test_dice_is_twice_the_overlap_over_both_areas() -> None:
    # Two squares of 16 pixels that share 2 x 4.
    assert dice(square(0, 0, 4), square(2, 0, 4)) == 2 * 8 / 32
    assert dice(square(0, 0, 4), square(0, 0, 4)) == 1
    assert dice(square(0, 0, 3), square(5, 5, 3)) == 0


def test_without_a_true_region_nothing_marked_is_right() -> None:
    assert dice(square(0, 0, 0), square(0, 0, 0)) == 1
    assert dice(square(0, 0, 1), square(0, 0, 0)) == 0


def test_regions_of_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="one image"):
        dice(np.zeros((2, 2), np.bool_), np.zeros((2, 3), np.bool_))


def test_a_point_is_right_in_or_near_a_region() -> None:
    region = square(2, 6, 3)  # rows 2 to 4, columns 6 to 8
    assert located((7, 3), region, 0.0) == 1
    assert located((3, 7), region, 0.0) == 0
    assert located((4, 3), region, 2.0) == 1  # two columns to the left
    assert located((4, 3), region, 1.99) == 0
    assert located((3, 8), region, 5.0) == 1  # three to the left and four down
    assert located((3, 8), region, 4.99) == 0


def test_without_a_true_region_there_was_nothing_to_find() -> None:
    assert math.isnan(located((0, 0), square(0, 0, 0), 3.0))
