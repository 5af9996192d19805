"""Compressed streams: the pixels stay, everything beside them goes."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from openjpeg.utils import decode, encode_array
from PIL import Image

from radloop.errors import Refusal
from radloop.images.bitstream import clean_stream, precision
from tests.image_files import make_raster, ramp

SECRET = b"Zyxwort^Quandrel"
GREY = ramp(32, 48, 255, np.uint8)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def pixels_of(stream: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(stream)) as image:
        return np.asarray(image)


def colour() -> np.ndarray:
    return np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("pixels", [GREY, colour()], ids=["grey", "colour"])
def test_jpeg_segments_with_text_go(pixels: np.ndarray, progressive: bool) -> None:
    stream = make_raster(pixels, "JPEG", progressive=progressive, comment=SECRET, exif=b"Exif\0\0" + SECRET)
    planted = stream[:2] + segment(0xE5, SECRET) + segment(0xFE, SECRET) + b"\xff\xff" + stream[3:] + b"\0" + SECRET
    assert planted.count(SECRET) == 5
    clean = clean_stream(planted)
    assert SECRET not in clean
    assert clean.startswith(b"\xff\xd8") and clean.endswith(b"\xff\xd9")
    assert np.array_equal(pixels_of(clean), pixels_of(stream))
    assert clean_stream(clean) == clean
    assert precision(clean) == 8


def test_a_thumbnail_in_jfif_goes_and_the_colours_stay() -> None:
    stream = make_raster(colour(), "JPEG")
    assert stream[2:4] == b"\xff\xe0"
    planted = stream[:2] + segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\x05\x01" + SECRET[:15]) + stream[20:]
    clean = clean_stream(planted)
    assert SECRET[:15] not in clean
    assert np.array_equal(pixels_of(clean), pixels_of(stream))


def test_adobe_stays_as_its_transform_alone() -> None:
    stream = make_raster(colour(), "JPEG", keep_rgb=True)
    adobe = stream.find(b"Adobe")
    assert adobe > 0
    planted = stream[:adobe] + b"Adobe\x4aXYZW" + stream[adobe + 10 :]
    clean = clean_stream(planted)
    assert b"XYZW" not in clean
    assert b"Adobe\0\x64\0\0\0\0" in clean
    assert np.array_equal(pixels_of(clean), pixels_of(stream))


def test_a_missing_end_is_supplied() -> None:
    stream = make_raster(GREY, "JPEG")
    assert clean_stream(stream[:-2]) == clean_stream(stream)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        SECRET,
        b"\xff\xd8" + SECRET,
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xfe\x40\x00",
        b"\xff\xd8" + segment(0xDB, b"\0" + bytes(64) + SECRET),  # text behind a quantization table
        b"\xff\xd8" + segment(0xC0, b"\x08\0\x20\0\x30\x01\x01\x11\0" + SECRET),  # behind a frame header
        b"\xff\xd8" + segment(0xDE, SECRET),  # a hierarchical progression
        b"\xff\x4f",
        b"\xff\x4f\xff\x30" + SECRET,
        b"\xff\x4f" + segment(0x74, SECRET),
    ],
)
def test_what_is_not_understood_is_refused(broken: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        clean_stream(broken)
    assert caught.value.code == "unreadable_image"


def test_text_between_scan_data_is_refused() -> None:
    stream = make_raster(GREY, "JPEG")
    with pytest.raises(Refusal):
        clean_stream(stream[:-2] + segment(0x02, SECRET) + stream[-2:])


def j2k() -> bytes:
    """Return a lossless stream of GREY: one tile-part; openjpeg adds a comment of its own."""
    return bytes(encode_array(GREY, photometric_interpretation=2, use_mct=False))


def with_comments(stream: bytes) -> bytes:
    """Return a stream with comments in its main header and in that of its tile-part, and bytes behind its end."""
    comment = segment(0x64, b"\0\x01" + SECRET)
    start = stream.index(b"\xff\x90\x00\x0a")
    length = struct.unpack_from(">I", stream, start + 6)[0]
    tile = stream[start : start + 6] + struct.pack(">I", length + len(comment)) + stream[start + 10 : start + 12]
    return stream[:start] + comment + tile + comment + stream[start + 12 :] + SECRET


def test_j2k_comments_go_from_both_headers() -> None:
    stream = j2k()
    planted = with_comments(stream)
    assert planted.count(SECRET) == 3
    clean = clean_stream(planted)
    assert SECRET not in clean
    assert b"\xff\x64" not in clean[: clean.index(b"\xff\x93")]
    assert clean == clean_stream(stream)
    assert np.array_equal(decode(clean), GREY)
    assert precision(clean) == 8


def test_a_tile_part_without_a_length_reaches_to_the_end() -> None:
    stream = j2k()
    start = stream.index(b"\xff\x90\x00\x0a")
    open_ended = stream[: start + 6] + bytes(4) + stream[start + 10 :]
    assert clean_stream(open_ended + SECRET) == clean_stream(stream)


def test_boxes_around_a_codestream_go() -> None:
    stream = j2k()
    box = struct.pack(">I4s", 8 + len(SECRET), b"xml ") + SECRET
    file = b"\0\0\0\x0cjP  \r\n\x87\n" + box + struct.pack(">I4s", 8 + len(stream), b"jp2c") + stream + box
    assert clean_stream(file) == clean_stream(stream)


def test_a_cut_stream_is_refused() -> None:
    stream = j2k()
    with pytest.raises(Refusal):
        clean_stream(stream[: len(stream) // 2])


def test_damaged_jpeg_is_refused_or_comes_out_without_the_text() -> None:
    random = np.random.default_rng(0)
    whole = make_raster(GREY, "JPEG", comment=SECRET)
    cleaned = 0
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] = random.integers(256)
        try:
            clean = clean_stream(bytes(damaged))
        except Refusal:
            continue
        cleaned += 1
        assert SECRET not in clean
    assert cleaned > 0
