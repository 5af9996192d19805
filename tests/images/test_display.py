"""The grey-scale pipeline of PS3.4 N.2, with numbers worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radloop.errors import Refusal
from radloop.images.display import display
from radloop.images.groups import Attributes
from radloop.use_case import Window
from tests.image_files import make_dataset


def shown(values: list[int], dtype: Any = np.uint16, stored: int = 12, **attributes: Any) -> list[int]:
    pixels = np.array([values], dtype=dtype)
    return display(pixels, Attributes(make_dataset(pixels, stored=stored, **attributes)))[0].tolist()


@pytest.mark.parametrize(
    ("function", "center", "width", "values", "expected"),
    [
        # ((x - (c - 0.5)) / (w - 1) + 0.5) * 255: 0 -> 12.75, 4 -> 114.75, 5 -> 140.25, 9 -> 242.25, 10 -> above
        ("LINEAR", 5, 11, [0, 4, 5, 9, 10], [13, 115, 140, 242, 255]),
        (None, 5, 11, [0, 4, 5, 9, 10], [13, 115, 140, 242, 255]),
        # ((x - c) / w + 0.5) * 255: 2 -> 51, 5 -> 127.5
        ("LINEAR_EXACT", 5, 10, [0, 2, 5, 10, 12], [0, 51, 128, 255, 255]),
        # 255 / (1 + exp(-4 (x - c) / w)): exp(2) = 7.389 -> 30.4
        ("SIGMOID", 5, 10, [0, 5, 10], [30, 128, 225]),
        # a width of one is a threshold at c - 0.5
        ("LINEAR", 5, 1, [4, 5], [0, 255]),
    ],
)
def test_window_functions(function: str | None, center: float, width: float, values: list[int], expected: list[int]) -> None:
    assert shown(values, VOILUTFunction=function, WindowCenter=center, WindowWidth=width) == expected


def test_the_first_of_several_windows_is_used() -> None:
    assert shown([0, 4, 5], WindowCenter=[5, 900], WindowWidth=[11, 100]) == [13, 115, 140]


@pytest.mark.parametrize("width", [0, -4])
def test_an_impossible_window_is_as_none(width: int) -> None:
    assert shown([100, 1100, 2100], WindowCenter=5, WindowWidth=width) == [0, 128, 255]


def test_monochrome1_is_inverted() -> None:
    assert shown([0, 4, 5, 10], PhotometricInterpretation="MONOCHROME1", WindowCenter=5, WindowWidth=11) == [242, 140, 115, 0]


def test_rescale_comes_before_the_window() -> None:
    # 2 x - 100: 50 -> 0, 52 -> 4, 55 -> 10
    assert shown([50, 52, 55], RescaleSlope=2, RescaleIntercept=-100, WindowCenter=5, WindowWidth=11) == [13, 115, 255]


def test_without_a_window_the_image_fills_the_range() -> None:
    assert shown([100, 1100, 2100]) == [0, 128, 255]


def test_up_to_eight_bits_are_display_values_already() -> None:
    assert shown([3, 100, 200], dtype=np.uint8, stored=8) == [3, 100, 200]


def test_padding_does_not_set_the_range() -> None:
    assert shown([0, 100, 1100, 2100], PixelPaddingValue=0) == [0, 0, 128, 255]


def test_a_constant_image_is_black() -> None:
    assert shown([7, 7]) == [0, 0]


def test_signed_values() -> None:
    assert shown([-1000, 0, 1000], dtype=np.int16) == [0, 128, 255]


def test_voi_lookup_table_wins_over_the_window() -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4, 10, 16])  # says 16 bits, uses 8
    item.add_new("LUTData", "US", [0, 85, 170, 255])
    values = [9, 10, 11, 12, 13, 14]
    assert shown(values, VOILUTSequence=[item], WindowCenter=5, WindowWidth=11) == [0, 0, 85, 170, 255, 255]


def test_the_table_equals_the_direct_way() -> None:
    pixels = np.random.default_rng(0).integers(0, 4096, (40, 30)).astype(np.uint16)
    attributes = Attributes(make_dataset(pixels, WindowCenter=2000, WindowWidth=1500))
    whole = display(np.vstack([pixels] * 4), attributes)  # enough pixels for a table
    assert np.array_equal(whole[:40], display(pixels, attributes))
    wide = pixels.astype(np.int64)
    wide[0, 0] = 1 << 40  # a range that no table covers
    assert np.array_equal(display(wide, attributes)[1:], whole[1:40])


def test_values_that_are_not_numbers_are_refused() -> None:
    pixels = np.array([[0.0, np.nan]])
    with pytest.raises(Refusal, match="not numbers"):
        display(pixels, Attributes(Dataset()))


def test_a_given_window_replaces_the_files_own() -> None:
    pixels = np.array([[50, 52, 55]], np.uint16)
    dataset = make_dataset(pixels, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=900, WindowWidth=3)
    # 0, 4 and 10 after the rescale, through 5/11
    assert display(pixels, Attributes(dataset), Window(center=5, width=11)).tolist() == [[13, 115, 255]]


def test_a_modality_lookup_table() -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [3, 10, 16])
    item.add_new("LUTData", "US", [0, 4, 5])
    item.add_new("ModalityLUTType", "LO", "US")
    values = [9, 10, 11, 12, 13]
    assert shown(values, ModalityLUTSequence=[item], WindowCenter=5, WindowWidth=11) == [13, 13, 115, 140, 140]


def test_fractions_take_the_linear_window_for_the_exact_one() -> None:
    pixels = np.array([[0.0, 0.25, 0.5, 1.0]])
    dataset = make_dataset(np.zeros((1, 4), np.uint16), WindowCenter=0.5, WindowWidth=1)
    assert display(pixels, Attributes(dataset)).tolist() == [[0, 64, 128, 255]]


def test_a_window_of_one_frame_wins_over_the_shared_one() -> None:
    pixels = np.array([[0, 4, 5]], np.uint16)
    groups = []
    for center in (5, 900):
        window, group = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = center, 11
        group.FrameVOILUTSequence = [window]
        groups.append(group)
    dataset = make_dataset(pixels, SharedFunctionalGroupsSequence=groups[1:], PerFrameFunctionalGroupsSequence=groups[:1])
    assert display(pixels, Attributes(dataset, 0)).tolist() == [[13, 115, 140]]
    assert display(pixels, Attributes(dataset, 1)).tolist() == [[0, 0, 0]]
