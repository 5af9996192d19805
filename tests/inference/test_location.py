"""Places in the image, worked by hand."""

from __future__ import annotations

import numpy as np

from radloop.images.preprocessing import prepare
from radloop.inference.location import MOST, regions, strongest
from radloop.use_case import ImageSpec


def mask(*places: tuple[int, int], h: int = 4, w: int = 8) -> np.ndarray:
    """Return a mask [h, w] of 0.1 with 0.9 at the places (row, column)."""
    made = np.full((h, w), 0.1, np.float32)
    for place in places:
        made[place] = 0.9
    return made


def test_a_box_holds_its_region_in_whole_pixels_of_the_image() -> None:
    # a column is 100 / 8 = 12.5 pixels wide, a row 50 / 4 = 12.5 high
    assert regions(mask((1, 2), (1, 3)), rows=50, columns=100) == ((25, 12, 50, 25),)
    assert regions(mask((0, 0)), rows=50, columns=100) == ((0, 0, 13, 13),)
    assert regions(mask((3, 7)), rows=50, columns=100) == ((87, 37, 100, 50),)


def test_the_largest_region_comes_first_and_corners_join() -> None:
    found = regions(mask((0, 0), (2, 4), (3, 5)), rows=4, columns=8)
    assert found == ((4, 2, 6, 4), (0, 0, 1, 1))


def test_one_half_is_inside() -> None:
    assert regions(np.array([[0.5, 0.49999]], np.float32), rows=1, columns=2) == ((0, 0, 1, 1),)
    assert regions(np.full((2, 2), 0.4, np.float32), rows=9, columns=9) == ()


def test_there_are_at_most_ten() -> None:
    crowded = np.zeros((7, 7), np.float32)
    crowded[::2, ::2] = 1.0
    found = regions(crowded, rows=7, columns=7)
    assert len(found) == MOST
    assert found[:2] == ((0, 0, 1, 1), (2, 0, 3, 1))  # of one size: from the top


def test_the_strongest_place_is_the_pixel_under_its_middle() -> None:
    found = mask((1, 2), (2, 5))
    found[2, 5] = 0.95
    # the middle of column 5 is 5.5 * 12.5 = 68.75, of row 2 it is 2.5 * 12.5 = 31.25
    assert strongest(found, rows=50, columns=100) == (68, 31)
    assert strongest(np.full((2, 2), 0.3, np.float32), rows=10, columns=10) == (2, 2)


def test_it_undoes_the_preprocessing() -> None:
    image = np.zeros((300, 120), np.uint8)
    image[90:150, 60:90] = 255
    spec = ImageSpec(modalities=("CT",), body_parts=("HEAD",), size=64)
    seen = prepare(image, spec).astype(np.float32) / 255
    ((x0, y0, x1, y1),) = regions(seen, rows=300, columns=120)
    # within one network pixel: 120 / 64 < 2 across, 300 / 64 < 5 down
    assert abs(x0 - 60) <= 2 and abs(x1 - 90) <= 2 and abs(y0 - 90) <= 5 and abs(y1 - 150) <= 5
    x, y = strongest(seen, rows=300, columns=120)
    assert 60 <= x < 90 and 90 <= y < 150
