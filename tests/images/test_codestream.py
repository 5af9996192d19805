"""What a compressed stream claims."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radloop.images.codestream import Codestream, codestream, mended, transfer_syntax
from tests.image_files import make_raster, ramp

GREY = ramp(20, 30, 255, np.uint8)


def jpeg2000(pixels: NDArray[np.uint8], **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG2000", **options)
    return stream.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"x" * 500}])
def test_jpeg(options: dict[str, object]) -> None:
    assert codestream(make_raster(GREY, "JPEG", **options)) == Codestream(20, 30, 1, 8, complete=True)


@pytest.mark.parametrize("bare", [True, False])
def test_jpeg2000(bare: bool) -> None:
    assert codestream(jpeg2000(GREY, no_jp2=bare)) == Codestream(20, 30, 1, 8, complete=True)


def test_samples() -> None:
    colour = np.stack([GREY, GREY, GREY], axis=-1)
    found = [codestream(make_raster(colour, "JPEG")), codestream(jpeg2000(colour, no_jp2=True))]
    assert [facts.samples for facts in found if facts] == [3, 3]


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00", b"\xff\x4f\xff\x51\x00", b"\x00" * 64])
def test_streams_that_say_nothing(content: bytes) -> None:
    assert codestream(content) is None


def test_a_stream_that_is_cut_off_is_not_complete() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    for whole in (make_raster(noise, "JPEG"), jpeg2000(noise, no_jp2=True), jpeg2000(noise, no_jp2=True, tile_size=(16, 16))):
        padded, cut = codestream(whole + b"\0"), codestream(whole[: len(whole) // 2])
        assert padded is not None
        assert cut is not None
        assert (padded.complete, cut.complete) == (True, False)


def test_a_missing_tile_is_noticed() -> None:
    whole = jpeg2000(np.tile(GREY, (2, 2)), no_jp2=True, tile_size=(30, 20))
    second = [place for place in range(len(whole)) if whole.startswith(b"\xff\x90\x00\x0a", place)][1]
    length = struct.unpack_from(">I", whole, second + 6)[0]
    without = codestream(whole[:second] + whole[second + length :])
    assert without is not None
    assert not without.complete


def test_more_tiles_than_the_standard_allows_are_not_complete() -> None:
    whole = jpeg2000(GREY, no_jp2=True)
    place = whole.index(b"\xff\x51")
    tiny = whole[: place + 6] + struct.pack(">8I", 8000, 8000, 0, 0, 1, 1, 0, 0) + whole[place + 38 :]
    facts = codestream(tiny)
    assert facts is not None
    assert (facts.rows, facts.complete) == (8000, False)


def test_the_scan_header_of_a_sequential_jpeg_is_mended() -> None:
    whole = make_raster(GREY, "JPEG")
    scan = whole.index(b"\xff\xda")
    # length 8, one component (id, tables), then spectral selection 0 to 63 and no approximation
    assert whole[scan + 7 : scan + 10] == bytes((0, 63, 0))
    broken = whole[: scan + 8] + b"\0" + whole[scan + 9 :]
    assert mended(broken) == whole
    assert mended(whole) is whole
    progressive = make_raster(GREY, "JPEG", progressive=True)
    assert mended(progressive) is progressive


def test_transfer_syntax_of_a_stream() -> None:
    assert transfer_syntax(make_raster(GREY, "JPEG")) == "1.2.840.10008.1.2.4.50"
    assert transfer_syntax(jpeg2000(GREY, no_jp2=True)) == "1.2.840.10008.1.2.4.91"
    assert transfer_syntax(b"\0" * 100) is None
