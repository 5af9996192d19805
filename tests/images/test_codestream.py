"""The size that a compressed stream claims."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from radloop.images.codestream import codestream_size
from tests.image_files import make_raster, ramp

GREY = ramp(20, 30, 255, np.uint8)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"x" * 500}])
def test_jpeg(options: dict[str, object]) -> None:
    assert codestream_size(make_raster(GREY, "JPEG", **options)) == (20, 30)


@pytest.mark.parametrize("bare", [True, False])
def test_jpeg2000(bare: bool) -> None:
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, format="JPEG2000", no_jp2=bare)
    assert codestream_size(stream.getvalue()) == (20, 30)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00", b"\xff\x4f\xff\x51\x00", b"\x00" * 64])
def test_streams_without_a_size(content: bytes) -> None:
    assert codestream_size(content) is None
