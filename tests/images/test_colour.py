"""Colour to grey, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.images.colour import coloured, luma, rgb_from_ybr


def test_luma_of_the_primaries() -> None:
    eight = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 10, 10]]], np.uint8)
    assert luma(eight).tolist() == [[76, 150, 29, 255, 10]]
    sixteen = eight.astype(np.uint16) * 257
    # 0.299, 0.587 and 0.114 of 65535, in parts of 2^16
    assert luma(sixteen).tolist() == [[19595, 38469, 7471, 65535, 2570]]


def test_eight_and_sixteen_bits_agree() -> None:
    colour = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    assert np.abs(luma(colour).astype(int) - (luma(colour.astype(np.uint16) * 257) / 257).round()).max() <= 1


def test_ybr_of_red_and_of_grey() -> None:
    # Y 76, Cb 85, Cr 255: 76 + 1.402 * 127 = 254.05, 76 + 0.344 * 43 - 0.714 * 127 = 0.1, 76 - 1.772 * 43 = -0.2
    ybr = np.array([[[76, 85, 255], [99, 128, 128]]], np.uint8)
    assert rgb_from_ybr(ybr, 8).tolist() == [[[254, 0, 0], [99, 99, 99]]]


def test_ybr_of_sixteen_bits() -> None:
    grey = np.full((1, 1, 3), 32768, np.uint16)
    assert rgb_from_ybr(grey, 16).tolist() == [[[32768, 32768, 32768]]]


@pytest.mark.parametrize(("kind", "unit"), [(np.uint8, 1), (np.uint16, 257)])
def test_coloured_is_what_has_channels_far_apart(kind: type, unit: int) -> None:
    image = np.full((100, 50, 3), 200 * unit, kind)
    assert coloured(image) == coloured(image[..., 0]) == 0.0
    image[:10, :, 0] -= 32 * unit  # JPEG leaves so much on grey
    image[10:35, :, 2] -= 33 * unit
    image[99, 49] = 255 * unit
    assert coloured(image) == 0.25
