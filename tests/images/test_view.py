"""What is looked at with window and level."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from radloop.errors import Refusal
from radloop.images.pool import Pool
from radloop.images.view import view, view_apart
from tests.image_files import make_dicom, make_raster

GREY = np.array([[0, 51], [102, 255]], np.uint8)


def test_values_are_in_the_units_of_the_rescale() -> None:
    """0, 51, 102 and 255 with slope 2 and intercept -100: -100, 2, 104 and 410."""
    seen = view(make_dicom(GREY, stored=8, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=40, WindowWidth=80))
    assert (seen.low, seen.high, seen.center, seen.width, seen.inverted, seen.unit) == (-100.0, 410.0, 40.0, 80.0, False, "")
    # 65535 * 102 / 510 = 13107 and 65535 * 204 / 510 = 26214
    assert seen.values.tolist() == [[0, 13107], [26214, 65535]]
    assert (seen.rows, seen.columns) == (2, 2)


def test_of_ct_they_are_hounsfield_units() -> None:
    assert view(make_dicom(GREY, stored=8, Modality="CT", RescaleSlope=1, RescaleIntercept=0)).unit == "HU"


def test_without_a_window_it_is_the_full_range_of_the_bits() -> None:
    seen = view(make_dicom(GREY, stored=8))
    assert (seen.center, seen.width) == (127.5, 255.0)


def test_low_is_white_where_the_file_says_so() -> None:
    assert view(make_dicom(GREY, stored=8, PhotometricInterpretation="MONOCHROME1")).inverted


def test_a_raster_is_the_greys_that_it_shows() -> None:
    seen = view(make_raster(GREY))
    assert (seen.low, seen.high, seen.center, seen.width) == (0.0, 255.0, 127.5, 255.0)
    assert seen.values.tolist() == [[0, 13107], [26214, 65535]]  # 257 for every grey


def test_a_curve_that_is_no_window_is_applied() -> None:
    """A sigmoid around 127.5: what is displayed, 0 to 255, not the stored values."""
    seen = view(make_dicom(GREY, stored=8, VOILUTFunction="SIGMOID", WindowCenter=127.5, WindowWidth=255))
    assert (seen.low, seen.high) == (0.0, 255.0)
    assert seen.values[0, 0] == 257 * 30  # 255 / (1 + e^2) = 30.4


def test_a_large_image_is_averaged() -> None:
    """1026 rows: squares of 2 x 2; 0 and 255 give 127.5, which is 32767.5 of 65535."""
    large = np.zeros((1026, 5), np.uint8)
    large[::2] = 255
    seen = view(make_raster(large))
    assert seen.values.shape == (513, 3)
    assert set(np.unique(seen.values)) <= {32767, 32768}
    assert (seen.rows, seen.columns) == (1026, 5)


def test_the_png_holds_every_bit() -> None:
    seen = view(make_dicom(GREY, stored=8))
    with Image.open(io.BytesIO(seen.png())) as picture:
        assert np.array_equal(np.asarray(picture), seen.values)


@pytest.mark.parametrize(("content", "code"), [(b"", "unreadable_image"), (b"text", "unknown_format")])
def test_what_is_no_image_is_refused_from_a_process_of_its_own_too(content: bytes, code: str) -> None:
    pool = Pool(1)
    try:
        assert view_apart(make_raster(GREY), pool) is not None
        with pytest.raises(Refusal) as caught:
            view_apart(content, pool)
        assert caught.value.code == code
    finally:
        pool.close()
