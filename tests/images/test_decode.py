"""The reader is chosen by content, the domain by the use case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radloop.errors import InputError, Refusal
from radloop.images.decode import Decoded, census_reply, decode, decode_apart, read_frames
from radloop.images.pool import Pool
from radloop.images.quality import quality
from radloop.use_case import ImageSpec, Window
from tests.image_files import make_dicom, make_raster, ramp

GREY = ramp(20, 30, 255, np.uint8)
FRAMES = np.vstack([GREY, 255 - GREY, GREY // 2])


def several(**attributes: Any) -> bytes:
    """Three frames of 20 x 30."""
    return make_dicom(FRAMES, stored=8, Rows=20, NumberOfFrames=3, **attributes)


def spec(**changes: Any) -> ImageSpec:
    return ImageSpec(**({"modalities": ("CR",), "body_parts": ("CHEST",), "size": 64} | changes))


def code(source: Path | bytes, *arguments: Any, **options: Any) -> str:
    with pytest.raises(Refusal) as caught:
        decode(source, *arguments, **options)
    return caught.value.code


def same(one: Decoded, other: Decoded) -> bool:
    facts = (one.header, one.frame, one.seconds) == (other.header, other.frame, other.seconds)
    return facts and np.array_equal(one.pixels, other.pixels) and np.array_equal(one.stored, other.stored)


def test_names_do_not_matter(tmp_path: Path) -> None:
    for kind, content in {
        "dicom": make_dicom(GREY, stored=8),
        "png": make_raster(GREY),
        "jpeg": make_raster(GREY, "JPEG"),
    }.items():
        path = tmp_path / "scan.txt"
        path.write_bytes(content)
        assert decode(path).header.format == kind
        assert same(decode(path), decode(content))


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", "unreadable_image"), (b"GIF89a", "unknown_format"), (b"%PDF-1.7", "unknown_format"), (b"\x08\x00", "unknown_format")],
)
def test_other_content_is_refused(content: bytes, expected: str) -> None:
    assert code(content) == expected


def test_missing_files_are_an_input_error_and_folders_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(InputError) as missing:
        decode(tmp_path / "Doe_Jane.png")
    assert missing.value.code == "missing_file"
    assert "Doe" not in missing.value.message
    assert code(tmp_path) == "unreadable_image"


def test_quality_is_that_of_the_pixels() -> None:
    decoded = decode(make_raster(GREY))
    assert decoded.quality == quality(decoded.pixels)


def test_the_stored_values_go_with_the_pixels_and_stay_out_of_repr() -> None:
    wide = ramp(20, 30, 4095)
    decoded = decode(make_dicom(wide))
    assert np.array_equal(decoded.stored, wide)
    assert "stored" not in repr(decoded)


def test_several_frames_need_a_choice() -> None:
    assert code(several()) == "multi_frame"
    assert code(several(), frame=3) == "no_such_frame"
    assert code(several(), frame=-1) == "no_such_frame"
    middle = decode(several(), frame=1)
    assert (middle.frame, middle.header.frames, middle.pixels.tolist()) == (1, 3, (255 - GREY).tolist())


def test_frames_come_in_order() -> None:
    found = list(read_frames(several()))
    assert [one.frame for one in found] == [0, 1, 2]
    assert np.array_equal(np.vstack([one.pixels for one in found]), FRAMES)
    assert [one.frame for one in read_frames(make_raster(GREY))] == [0]
    assert decode(make_raster(GREY), frame=0).frame == 0
    assert code(make_raster(GREY), frame=1) == "no_such_frame"


def test_a_file_with_fewer_frames_than_it_says_is_refused() -> None:
    assert code(make_dicom(FRAMES, stored=8, Rows=20, NumberOfFrames=4), frame=0) == "unreadable_image"


def test_the_domain_is_the_use_cases() -> None:
    ct = make_dicom(GREY, stored=8, Modality="CT", RescaleSlope=1, RescaleIntercept=-100, RescaleType="HU")
    wanted = spec(pixel_domain="hounsfield", window=Window(center=0, width=101))
    # 100/101 around 0.5: grey 50 is -50 -> 0, grey 150 is 50 -> above
    shown = decode(ct, wanted).pixels
    assert (shown[GREY <= 49].max(), shown[GREY >= 150].min()) == (0, 255)
    for other in (make_raster(GREY), make_dicom(GREY, stored=8)):
        assert code(other, wanted) == "no_hounsfield"


def test_a_worker_decodes_the_same() -> None:
    with Pool(1) as pool:
        for content in (
            make_dicom(ramp(20, 30, 4095), InstanceNumber=7),
            make_raster(GREY),
            make_raster(np.stack([GREY] * 3, -1)),
        ):
            apart = decode_apart(content, None, pool)
            assert same(apart, decode(content))
            assert apart.pixels.flags.writeable
        assert same(decode_apart(several(), None, pool, frame=2), decode(several(), frame=2))
        with pytest.raises(Refusal) as caught:
            decode_apart(several(), spec(), pool)
        assert caught.value.code == "multi_frame"


def test_the_census_counts_every_frame() -> None:
    facts, arrays = census_reply(several(), None)
    assert (facts["frames"], arrays) == (3, [])
    assert facts != census_reply(several(PhotometricInterpretation="MONOCHROME1"), None)[0]
