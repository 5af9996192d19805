"""Every source in the use case's domain, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from radloop.errors import Refusal
from radloop.images.domain import dicom_pixels, raster_pixels
from radloop.images.groups import Attributes
from radloop.use_case import ImageSpec, Window
from tests.image_files import make_dataset

CT: dict[str, Any] = {"Modality": "CT", "RescaleSlope": 2, "RescaleIntercept": -1000, "RescaleType": "HU"}
# 40/401: (x - 39.5) / 400 + 0.5: -1000 -> 0, 0 -> 102.3, 40 -> 127.8, 1000 -> 255
STORED = np.array([[0, 500, 520, 1000]], np.uint16)
SHOWN = [[0, 102, 128, 255]]


def spec(domain: str, window: Window | None = None) -> ImageSpec:
    return ImageSpec(modalities=("CT",), body_parts=("HEAD",), pixel_domain=domain, window=window, size=64)  # type: ignore[arg-type]


HOUNSFIELD = spec("hounsfield", Window(center=40, width=401))
RAW = spec("raw", Window(center=500, width=1001))


def brought(pixels: NDArray[Any], wanted: ImageSpec | None, **attributes: Any) -> list[list[int]]:
    return dicom_pixels(pixels, Attributes(make_dataset(STORED, stored=16, **attributes)), wanted).tolist()


def code(pixels: NDArray[Any], wanted: ImageSpec, **attributes: Any) -> str:
    with pytest.raises(Refusal) as caught:
        brought(pixels, wanted, **attributes)
    return caught.value.code


def test_hounsfield_of_a_ct() -> None:
    assert brought(STORED, HOUNSFIELD, **CT) == SHOWN
    assert brought(STORED, HOUNSFIELD, **CT | {"WindowCenter": 900, "WindowWidth": 3}) == SHOWN
    assert brought(STORED, HOUNSFIELD, **CT | {"RescaleType": None}) == SHOWN


def test_hounsfield_is_not_inverted_with_the_grey_scale() -> None:
    assert brought(STORED, HOUNSFIELD, **CT, PhotometricInterpretation="MONOCHROME1") == SHOWN


def test_hounsfield_of_an_enhanced_ct_is_each_frames_own() -> None:
    groups = []
    for intercept in (-1000, -1040):
        values, group = Dataset(), Dataset()
        values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 2, intercept, "HU"
        group.PixelValueTransformationSequence = [values]
        groups.append(group)
    dataset = make_dataset(STORED, stored=16, Modality="CT", PerFrameFunctionalGroupsSequence=groups)
    assert dicom_pixels(STORED, Attributes(dataset, 0), HOUNSFIELD).tolist() == SHOWN
    # 40 lower: -40 -> 77, 0 -> 102
    assert dicom_pixels(STORED, Attributes(dataset, 1), HOUNSFIELD).tolist()[0][1:3] == [77, 102]


@pytest.mark.parametrize(
    "attributes",
    [
        {"Modality": "MR"},
        {"Modality": None},
        {"RescaleSlope": None},
        {"RescaleIntercept": None},
        {"RescaleSlope": 0},
        {"RescaleType": "US"},
    ],
)
def test_no_hounsfield(attributes: dict[str, Any]) -> None:
    assert code(STORED, HOUNSFIELD, **CT | attributes) == "no_hounsfield"


def test_colours_have_no_hounsfield() -> None:
    colour = np.zeros((1, 4, 3), np.uint8)
    assert code(colour, HOUNSFIELD, **CT) == "no_hounsfield"
    palette = {"RedPaletteColorLookupTableDescriptor": [10, 900, 16], "PixelPresentation": "COLOR"}
    assert code(STORED, HOUNSFIELD, **CT | palette) == "no_hounsfield"
    assert brought(STORED[:, :3], HOUNSFIELD, **CT | palette) == [SHOWN[0][:3]]  # no value that the palette colours


def test_raw_is_what_is_stored() -> None:
    # through 500/1001: 500 is 0.5005 of white
    assert brought(STORED, RAW, **CT) == [[0, 128, 133, 255]]
    assert brought(STORED, RAW, PhotometricInterpretation="MONOCHROME1") == [[0, 128, 133, 255]]
    assert code(np.zeros((1, 4, 3), np.uint8), RAW) == "colour_image"
    assert code(STORED, RAW, PhotometricInterpretation="PALETTE COLOR") == "colour_image"


def test_colour_is_shown_as_luma_of_all_its_bits() -> None:
    colour = np.array([[[65535, 0, 0], [0, 0, 0], [65535, 65535, 65535]]], np.uint16)
    assert brought(colour, None, BitsStored=16) == [[76, 0, 255]]
    twelve = colour >> 4
    assert brought(twelve, None, BitsStored=12) == [[76, 0, 255]]
    with pytest.raises(Refusal):
        brought(colour.astype(np.int16), None)


def test_a_supplemental_palette_is_shown_as_luma() -> None:
    dataset = make_dataset(STORED, stored=16, WindowCenter=500, WindowWidth=1001, PixelPresentation="COLOR")
    for name, table in {"Red": [65535, 0], "Green": [0, 65535], "Blue": [0, 0]}.items():
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [2, 520, 16])
        setattr(dataset, f"{name}PaletteColorLookupTableData", np.array(table, "<u2").tobytes())
    assert dicom_pixels(STORED, Attributes(dataset), None).tolist() == [[0, 128, 76, 150]]


def test_rasters() -> None:
    grey = np.array([[0, 7, 255]], np.uint8)
    assert raster_pixels(grey, None).tolist() == [[0, 7, 255]]
    assert raster_pixels(grey.astype(np.uint16) * 257, None).tolist() == [[0, 7, 255]]
    assert raster_pixels(np.array([[[255, 0, 0]]], np.uint8), None).tolist() == [[76]]
    # a displayed image has been through a window already
    assert raster_pixels(grey, spec("display", Window(center=40, width=80))).tolist() == [[0, 7, 255]]
    assert raster_pixels(np.array([[0, 500, 1000]], np.uint16), RAW).tolist() == [[0, 128, 255]]
    for wanted, expected in ((HOUNSFIELD, "no_hounsfield"), (RAW, "colour_image")):
        with pytest.raises(Refusal) as caught:
            raster_pixels(np.zeros((2, 2, 3), np.uint8), wanted)
        assert caught.value.code == expected
