"""The reader is chosen by content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radloop.errors import InputError, Refusal
from radloop.images.decode import decode
from radloop.images.quality import quality
from tests.image_files import make_dicom, make_raster, ramp

GREY = ramp(20, 30, 255, np.uint8)


def test_names_do_not_matter(tmp_path: Path) -> None:
    for kind, content in {
        "dicom": make_dicom(GREY, stored=8),
        "png": make_raster(GREY),
        "jpeg": make_raster(GREY, "JPEG"),
    }.items():
        path = tmp_path / "scan.txt"
        path.write_bytes(content)
        assert decode(path).header.format == kind
        assert np.array_equal(decode(path).pixels, decode(content).pixels)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "unreadable_image"), (b"GIF89a", "unknown_format"), (b"%PDF-1.7", "unknown_format"), (b"\x08\x00", "unknown_format")],
)
def test_other_content_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        decode(content)
    assert caught.value.code == code


def test_missing_files_are_an_input_error_and_folders_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(InputError) as missing:
        decode(tmp_path / "Doe_Jane.png")
    assert missing.value.code == "missing_file"
    assert "Doe" not in missing.value.message
    with pytest.raises(Refusal):
        decode(tmp_path)


def test_quality_is_that_of_the_pixels() -> None:
    decoded = decode(make_raster(GREY))
    assert decoded.quality == quality(GREY)
