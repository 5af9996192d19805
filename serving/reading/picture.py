"""What the viewer is given: an image's values, its heat map and its marks, as one JSON object."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image


def picture_of(response: httpx.Response) -> dict[str, Any]:
    """Return the viewer's image from an answer of `/v1/preview`.

    A browser reads 8 bits a channel only: the high byte of a value goes into red, the low one into green.

    Returns:
        `png`, base64; `low`, `high`, `center`, `width`, in the image's unit; `unit`; `inverted`; `rows` and `columns` of the
        image as it was sent.
    """
    values = read_values(response.content)
    packed = np.zeros((*values.shape, 3), np.uint8)
    packed[..., 0], packed[..., 1] = values >> 8, values & 255
    head = response.headers
    numbers = {name: float(head[f"x-image-{name}"]) for name in ("low", "high", "center", "width")}
    sizes = {name: int(head[f"x-image-{name}"]) for name in ("rows", "columns")}
    words = {"unit": head.get("x-image-unit", ""), "inverted": head.get("x-image-inverted") == "true"}
    return {"png": _base64(Image.fromarray(packed)), **numbers, **sizes, **words}


def marked(picture: Mapping[str, Any] | None, answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Add an answer's heat map, boxes and outline to the viewer's image."""
    if picture is None:
        return None
    found = answer or {}
    located = next((one for one in found.get("findings", ()) if one.get("boxes") is not None), {})
    return {
        **picture,
        "heat": (found.get("explanation") or {}).get("png"),
        "target": (found.get("explanation") or {}).get("target"),
        "mask": (found.get("segmentation") or {}).get("png"),
        "boxes": located.get("boxes") or [],
        "point": located.get("point"),
        "id": found.get("request_id", ""),
    }


def composed(picture: Mapping[str, Any], answer: Mapping[str, Any], *, heat: bool = True) -> Image.Image:
    """Return the image in its own window with the heat map and the boxes on it, RGB, for paper and archive."""
    grey = windowed(picture)
    shown = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    png = (answer.get("explanation") or {}).get("png") if heat else None
    if png:
        with Image.open(io.BytesIO(base64.b64decode(png))) as small:
            share = np.asarray(small.convert("L").resize(grey.shape[::-1], Image.Resampling.BICUBIC), np.float32) / 255.0
        weight = (0.55 * share)[..., None]
        shown = shown * (1 - weight) + np.stack([np.full_like(share, 255.0), 140.0 - 127.5 * share, 0 * share], axis=-1) * weight
    image = Image.fromarray(np.rint(shown.clip(0, 255)).astype(np.uint8))
    _draw_boxes(image, picture, answer)
    return image


def windowed(picture: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Return the image in its own window, uint8 [rows, columns]: PS3.3 C.11.2.1.3.2, the exact linear function."""
    with Image.open(io.BytesIO(base64.b64decode(picture["png"]))) as packed:
        channels = np.asarray(packed.convert("RGB"), np.uint16)
    units = picture["low"] + (channels[..., 0] * 256.0 + channels[..., 1]) / 65535.0 * (picture["high"] - picture["low"])
    share = np.clip((units - picture["center"]) / picture["width"] + 0.5, 0.0, 1.0)
    greys: NDArray[np.uint8] = np.rint(255 * (1 - share if picture["inverted"] else share)).astype(np.uint8)
    return greys


def read_values(png: bytes) -> NDArray[np.uint16]:
    """Return the pixels of a 16-bit grey PNG."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        return np.asarray(image).astype(np.uint16)


def as_png(image: Image.Image) -> str:
    """Return an image as base64 of a PNG."""
    return _base64(image)


def _draw_boxes(image: Image.Image, picture: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    from PIL import ImageDraw

    across, down = image.width / picture["columns"], image.height / picture["rows"]
    draw = ImageDraw.Draw(image)
    for finding in answer.get("findings", ()):
        for x0, y0, x1, y1 in finding.get("boxes") or ():
            place = (x0 * across, y0 * down, max(x0 * across, x1 * across - 1), max(y0 * down, y1 * down - 1))
            draw.rectangle(place, outline=(61, 220, 132), width=2)


def _base64(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, format="PNG", compress_level=1)
    return base64.b64encode(stream.getvalue()).decode("ascii")
