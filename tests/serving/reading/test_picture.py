"""What the viewer and the exports show of an image."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from radloop.serving.reading.picture import composed, marked, picture_of, windowed

HEAD = {
    "low": "0",
    "high": "65535",
    "center": "257",
    "width": "2",
    "rows": "4",
    "columns": "4",
    "inverted": "false",
    "unit": "HU",
}


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def picture(**changes: Any) -> dict[str, Any]:
    values = np.array([[0, 256], [257, 65535]], np.uint16)
    headers = {f"x-image-{name}": value for name, value in (HEAD | changes).items()}
    return picture_of(httpx.Response(200, content=png(values), headers=headers))


def test_the_high_byte_is_red_and_the_low_one_green() -> None:
    shown = picture()
    with Image.open(io.BytesIO(base64.b64decode(shown["png"]))) as packed:
        assert np.asarray(packed).tolist() == [[[0, 0, 0], [1, 0, 0]], [[1, 1, 0], [255, 255, 0]]]
    assert (shown["unit"], shown["rows"], shown["inverted"]) == ("HU", 4, False)


def test_the_window_by_hand() -> None:
    """Center 257, width 2: 256 is black, 257 the middle, 258 white."""
    assert windowed(picture()).tolist() == [[0, 0], [128, 255]]
    assert windowed(picture(inverted="true")).tolist() == [[255, 255], [128, 0]]


def test_heat_and_boxes_are_drawn() -> None:
    heat = base64.b64encode(png(np.full((1, 1), 255, np.uint8))).decode()
    finding = {"label": "t", "boxes": [[0, 0, 2, 2]], "point": [1, 1]}
    answer = {"findings": [finding], "explanation": {"png": heat, "target": "t"}, "request_id": "r"}
    assert np.asarray(composed(picture(), answer))[0, 0].tolist() == [61, 220, 132]
    drawn = np.asarray(composed(picture(), {**answer, "findings": []}))
    # white under 0.55 of (255, 12.5, 0): 255, 114.75 + 6.875 and 114.75
    assert drawn[1, 1].tolist() == [255, 122, 115]
    told = marked(picture(), answer)
    assert told is not None and (told["heat"], told["boxes"], told["point"]) == (heat, [[0, 0, 2, 2]], [1, 1])


def test_without_a_picture_nothing_is_marked() -> None:
    assert marked(None, {"findings": []}) is None
    bare = marked(picture(), None)
    assert bare is not None and bare["heat"] is None and bare["boxes"] == []
    with pytest.raises(KeyError):
        picture_of(httpx.Response(200, content=png(np.zeros((1, 1), np.uint16))))
