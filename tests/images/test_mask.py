"""Masks out of outlines and boxes, pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_files import make_raster
from numpy.typing import NDArray

from radloop.errors import Refusal
from radloop.images.mask import Region, draw_mask


def outline(folder: Path, pixels: NDArray[np.uint8], **options: str) -> Region:
    path = folder / "mask.png"
    path.write_bytes(make_raster(pixels, **options))
    return Region(path)


def test_boxes_in_pixels_are_filled_and_several_count() -> None:
    mask = draw_mask(Region(boxes=((1, 0, 3, 2), (4, 3, 6, 4))), 4, 6)
    assert mask.dtype == np.uint8
    assert (mask // 255).tolist() == [
        [0, 1, 1, 0, 0, 0],
        [0, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 1],
    ]
    assert set(np.unique(mask)) == {0, 255}


def test_boxes_in_shares_are_told_by_their_centre() -> None:
    # 8 columns, 4 rows: columns 1 to 3 (0.125 to 0.375 wide of centre 0.25), rows 2 to 4
    mask = draw_mask(Region(boxes=((0.25, 0.75, 0.25, 0.5),), shares=True), 4, 8)
    assert np.argwhere(mask).tolist() == [[2, 1], [2, 2], [3, 1], [3, 2]]


def test_an_edge_goes_to_the_nearest_border_and_a_speck_is_one_pixel() -> None:
    assert np.flatnonzero(draw_mask(Region(boxes=((1.4, 0, 3.6, 1),)), 1, 6)).tolist() == [1, 2, 3]
    assert np.flatnonzero(draw_mask(Region(boxes=((2.6, 0.2, 2.9, 0.3),)), 1, 6)).tolist() == [2]
    assert np.flatnonzero(draw_mask(Region(boxes=((-5, 0, 1, 9),)), 1, 6)).tolist() == [0]  # what juts out is cut


@pytest.mark.parametrize("box", [(6, 0, 8, 2), (-3, 0, -1, 2), (3, 0, 1, 2), (0, 4, 1, 5)])
def test_a_box_outside_the_image_or_turned_round_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(Refusal) as caught:
        draw_mask(Region(boxes=(box,)), 4, 6)
    assert caught.value.code == "box_outside"


@pytest.mark.parametrize("bright", [1, 255])
def test_an_outline_is_what_is_brighter_than_half_of_its_brightest(tmp_path: Path, bright: int) -> None:
    drawn = np.zeros((4, 6), np.uint8)
    drawn[1:3, 2:5] = bright
    mask = draw_mask(outline(tmp_path, drawn), 4, 6)
    assert (mask == np.where(drawn > 0, 255, 0)).all()
    assert not draw_mask(outline(tmp_path, drawn * np.uint8(0)), 4, 6).any()


def test_one_bit_and_colour_outlines_say_the_same(tmp_path: Path) -> None:
    drawn = np.zeros((4, 6), np.uint8)
    drawn[1:3, 2:5] = 255
    red = np.stack([drawn, drawn * np.uint8(0), drawn * np.uint8(0)], axis=2)
    assert (draw_mask(outline(tmp_path, drawn, mode="1"), 4, 6) == drawn).all()
    assert (draw_mask(outline(tmp_path, red), 4, 6) == drawn).all()


def test_an_outline_is_brought_to_its_image_by_nearest_pixels(tmp_path: Path) -> None:
    drawn = np.array([[0, 255], [255, 0]], np.uint8)
    # The centres of three pixels lie at 1/6, 1/2 and 5/6: the first of two holds the first, the second the others.
    assert (draw_mask(outline(tmp_path, drawn), 3, 3) // 255).tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    large = np.kron(drawn, np.ones((5, 5), np.uint8))
    assert (draw_mask(outline(tmp_path, large), 2, 2) == drawn).all()


def test_another_aspect_is_refused_but_a_rounded_side_is_not(tmp_path: Path) -> None:
    # 300 x 213 made to a short side of 256: 360.56 is 361.
    assert draw_mask(outline(tmp_path, np.full((300, 213), 255, np.uint8)), 361, 256).all()
    with pytest.raises(Refusal) as caught:
        draw_mask(outline(tmp_path, np.full((300, 213), 255, np.uint8)), 256, 256)
    assert caught.value.code == "mask_aspect"
    assert caught.value.message == "the mask is 300 x 213 pixels and its image 256 x 256: another aspect"


def test_a_mask_that_cannot_be_read_is_refused_without_its_name(tmp_path: Path) -> None:
    path = tmp_path / "DOE JANE.png"
    for content in (b"no image", None):
        path.unlink(missing_ok=True)
        if content:
            path.write_bytes(content)
        with pytest.raises(Refusal) as caught:
            draw_mask(Region(path), 4, 6)
        assert caught.value.code == "unreadable_mask"
        assert "DOE" not in str(caught.value)


def test_an_outline_and_boxes_together_count_both(tmp_path: Path) -> None:
    drawn = np.zeros((2, 4), np.uint8)
    drawn[0, 0] = 255
    both = Region(outline(tmp_path, drawn).outline, ((3, 1, 4, 2),))
    assert np.argwhere(draw_mask(both, 2, 4)).tolist() == [[0, 0], [1, 3]]
