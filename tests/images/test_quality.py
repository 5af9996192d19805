"""Image quality, with numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.images.quality import Quality, quality


def test_shares_and_mean() -> None:
    # 2 of 8 at 0, 1 at 255; sum 255 + 5 * 51 = 510, of 8 * 255 = 2040
    found = quality(np.array([[0, 0, 255, 51], [51, 51, 51, 51]], np.uint8))
    # the last row shows one grey; of the first, the two columns at 0 and 51 are then one pixel high, as are all
    assert found == Quality(black=0.25, saturated=0.125, contrast=1.0, sharpness=0.0, mean=0.25, border=1.0, marker=0.0)


def test_contrast_ignores_a_hundredth_at_each_end() -> None:
    pixels = np.full((20, 20), 100, np.uint8)
    pixels[0, :3], pixels[1, :4] = 0, 255
    assert quality(pixels).contrast == pytest.approx(0.0)
    pixels[0, :8], pixels[1, :8] = 49, 151
    assert quality(pixels).contrast == pytest.approx(102 / 255)


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    pixels = np.zeros((3, 4), np.uint8)
    pixels[1, 1] = 255
    # two inner pixels: 4 * -1 and +1, in units of 255; mean -1.5, variance 2.5 ** 2
    assert quality(pixels).sharpness == pytest.approx(6.25)


def test_sharpness_is_the_same_across_the_strips_it_is_worked_out_in() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (200, 31)).astype(np.uint8)
    grey = pixels.astype(np.int64)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    assert quality(pixels).sharpness == pytest.approx(laplacian.var() / 255**2, abs=5e-7)


def test_blurring_lowers_sharpness_only_of_what_is_there() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    smooth = np.kron(noise[::8, ::8], np.ones((8, 8))).astype(np.uint8)
    assert quality(smooth).sharpness < quality(noise).sharpness
    assert quality(np.full((64, 64), 9, np.uint8)).sharpness == 0.0


def textured(rows: int, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Greys from 60 to 119 without a uniform row or column."""
    return np.random.default_rng(1).integers(60, 120, (rows, columns)).astype(np.uint8)


def test_border_is_the_area_of_the_uniform_margins() -> None:
    pixels = np.zeros((100, 80), np.uint8)
    pixels[10:90, 20:80] = textured(80, 60)
    assert quality(pixels).border == pytest.approx(1 - 80 * 60 / 8000)
    assert quality(textured(100, 80)).border == 0.0
    assert quality(np.full((9, 9), 3, np.uint8)).border == 1.0


def test_border_takes_a_frame_within_a_frame_and_the_noise_of_jpeg() -> None:
    pixels = np.full((100, 100), 255, np.uint8)
    pixels[10:90, 10:90] = np.random.default_rng(2).integers(0, 9, (80, 80))
    pixels[20:80, 20:80] = textured(60, 60)
    assert quality(pixels).border == pytest.approx(0.64)
    pixels[15, 15:80:2] = 9
    assert quality(pixels).border == pytest.approx(1 - 65 * 65 / 10_000)  # row 15 and every other column now span 10 greys


def test_marker_is_the_area_of_small_bright_sharp_objects() -> None:
    pixels = textured(200, 300)
    assert quality(pixels).marker == 0.0
    pixels[20:40, 30:45] = 255
    assert quality(pixels).marker == pytest.approx(20 * 15 / 60_000)


def test_marker_leaves_what_is_large_or_soft_or_a_speck() -> None:
    large = textured(200, 300)
    large[20:40, 30:90] = 255  # 60 of 300: more than a sixth
    soft = np.full((200, 300), 90, np.uint8)
    distance = np.hypot(*np.mgrid[-60:61, -60:61])
    soft[40:161, 40:161] = np.clip(280 - 4 * distance, 90, 255)
    speck = textured(200, 300)
    speck[50:180:9, 50:280:9] = 255
    assert [quality(pixels).marker for pixels in (large, soft, speck)] == [0.0, 0.0, 0.0]


def test_marker_of_a_large_image_is_found_on_the_coarse_grid() -> None:
    pixels = textured(1000, 1500)  # a grid of 334 x 500 cells of 3 x 3 pixels
    pixels[30:90, 60:105] = 255
    assert quality(pixels).marker == pytest.approx(20 * 15 / (334 * 500), abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (513, 3)])
def test_any_shape_has_a_quality(shape: tuple[int, int]) -> None:
    for grey in (0, 255):
        found = quality(np.full(shape, grey, np.uint8))
        assert (found.border, found.sharpness, found.marker) == (1.0, 0.0, 0.0)


def test_it_does_not_change_the_image() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    before = pixels.copy()
    assert quality(pixels) == quality(pixels)
    assert np.array_equal(pixels, before)


def test_numbers_do_not_depend_on_the_layout_in_memory() -> None:
    pixels = textured(50, 70)
    pixels[5:15, 5:15] = 255
    assert quality(np.asfortranarray(pixels)) == quality(pixels)
