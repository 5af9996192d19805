"""PNG and JPEG in."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from radloop.errors import Refusal
from radloop.images.raster import read_raster
from tests.image_files import make_raster, ramp

GREY = ramp(20, 30, 255, np.uint8)


def code_of(content: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        read_raster(content)
    return caught.value.code


def test_grey_png_is_itself() -> None:
    pixels, header = read_raster(make_raster(GREY))
    assert np.array_equal(pixels, GREY)
    assert (header.format, header.rows, header.columns, header.bits, header.photometric) == ("png", 20, 30, 8, "MONOCHROME2")
    assert header.modality is None


def test_sixteen_bits_are_scaled() -> None:
    wide = np.array([[0, 257, 32768, 65535]], np.uint16)
    pixels, header = read_raster(make_raster(wide))
    # x * 255 / 65535 = x / 257: 0, 1, 127.5, 255
    assert pixels.tolist() == [[0, 1, 128, 255]]
    assert header.bits == 16


def test_grey_stored_as_colour_keeps_its_values() -> None:
    for mode in ("RGB", "RGBA", "LA", "P"):
        assert np.array_equal(read_raster(make_raster(GREY, mode=mode))[0], GREY), mode


def test_colour_becomes_luma() -> None:
    colour = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    # 0.299, 0.587 and 0.114 of 255
    assert read_raster(make_raster(colour))[0].tolist() == [[76, 150, 29]]
    assert read_raster(make_raster(colour))[1].photometric == "RGB"


def test_transparency_is_dropped_not_blended() -> None:
    seen = np.dstack([GREY, GREY, GREY, np.zeros_like(GREY)])
    assert np.array_equal(read_raster(make_raster(seen))[0], GREY)


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to show
    pixels, header = read_raster(make_raster(GREY, exif=exif))
    assert np.array_equal(pixels, np.rot90(GREY, -1))
    assert (header.rows, header.columns) == (30, 20)


def test_jpeg() -> None:
    pixels, header = read_raster(make_raster(GREY, "JPEG", quality=95))
    assert header.format == "jpeg"
    assert np.abs(pixels.astype(int) - GREY).max() < 8


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_truncated_files_are_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    whole = make_raster(noise, kind)
    assert code_of(whole[: len(whole) * 2 // 3]) == "unreadable_image"
    assert code_of(whole[:20]) == "unreadable_image"


def test_a_bomb_is_refused_by_its_header() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    for side in (9_000, 14_000):  # below and above the sizes at which Pillow itself raises
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
        assert (
            code_of(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b""))
            == "image_too_large"
        )
