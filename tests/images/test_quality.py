"""Image quality, with numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.images.quality import Quality, quality


def test_shares_and_mean() -> None:
    # 2 of 8 at 0, 1 at 255; sum 255 + 5 * 51 = 510, of 8 * 255 = 2040
    found = quality(np.array([[0, 0, 255, 51], [51, 51, 51, 51]], np.uint8))
    assert found == Quality(black=0.25, saturated=0.125, contrast=1.0, sharpness=0.0, mean=0.25)


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


def test_blurring_lowers_sharpness_only_of_what_is_there() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    smooth = np.kron(noise[::8, ::8], np.ones((8, 8))).astype(np.uint8)
    assert quality(smooth).sharpness < quality(noise).sharpness
    assert quality(np.full((64, 64), 9, np.uint8)).sharpness == 0.0


def test_it_does_not_change_the_image() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    before = pixels.copy()
    assert quality(pixels) == quality(pixels)
    assert np.array_equal(pixels, before)
