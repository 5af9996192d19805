"""Parts of the image: where they lie, what hides them, and what is left when only one is shown."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.evaluation.occlusion import REGIONS, alone, blanked, region_of


def test_the_areas_of_a_square() -> None:
    areas = {region: int(region_of(region, 100, 100)[0].sum()) for region in REGIONS}
    corners = dict.fromkeys(("upper_left", "upper_right", "lower_left", "lower_right"), 20 * 20)
    # Within the border are 76 x 76, of which each corner takes 8 x 8.
    assert areas == {"border": 100**2 - 76**2, **corners, "centre": 76**2 - 4 * 8**2}


def test_left_is_the_images_left() -> None:
    inside, _ = region_of("upper_left", 50, 100)
    assert inside[:10, :20].all()
    assert inside.sum() == 200
    assert region_of("lower_right", 50, 100)[0][40:, 80:].all()


def test_all_parts_together_are_the_image() -> None:
    together = np.zeros((37, 53), np.bool_)
    for region in REGIONS:
        inside, around = region_of(region, 37, 53)
        together |= inside
        assert around.any()
        assert not (inside & around).any()
    assert together.all()


def test_what_is_hidden_shows_the_grey_around_it() -> None:
    picture = np.full((100, 100), 70, np.uint8)
    picture[3:9, 3:9] = 250  # a marker
    picture[40:60, 40:60] = 200
    for region in ("upper_left", "border"):
        hidden = blanked(picture, region)
        assert hidden.max() == 200
        assert hidden[5, 5] == 70
    np.testing.assert_array_equal(blanked(picture, "lower_right"), picture)
    assert blanked(picture, "centre")[50, 50] == 70
    assert blanked(picture, "centre")[5, 5] == 250


def test_alone_nothing_else_speaks() -> None:
    picture = np.full((100, 100), 70, np.uint8)
    picture[3:9, 3:9] = 250
    picture[40:60, 40:60] = 200
    shown = alone(picture, "upper_left")
    assert (shown[50, 50], shown[5, 5]) == (70, 250)
    assert alone(picture, "centre").max() == 200


@pytest.mark.parametrize("region", REGIONS)
def test_a_tiny_image_is_hidden_too(region: str) -> None:
    assert blanked(np.full((3, 3), 9, np.uint8), region).shape == (3, 3)
    assert alone(np.full((3, 3), 9, np.uint8), region).shape == (3, 3)
