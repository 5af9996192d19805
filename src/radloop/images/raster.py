"""PNG and JPEG files in: one image as it is stored and its header, or a refusal."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.errors import Refusal
from radloop.images.header import MAX_PIXELS, Header, check_size, unreadable
from radloop.images.jpeg import JPEG, check_jpeg, first_image
from radloop.images.orientation import upright
from radloop.images.png import PNG, PngFacts, check_png, png_bytes

__all__ = ["JPEG", "PNG", "png_bytes", "read_raster"]

_ORIENTATION = 0x0112

# Pillow warns from a size on and raises from twice that on; ours is checked before decoding.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def read_raster(source: Path | bytes) -> tuple[NDArray[Any], Header]:
    """Read one PNG or JPEG image as it is stored.

    EXIF rotation is applied, palettes are resolved, 1, 2 and 4 bits are scaled to 8 and transparency is
    dropped, for the pixels below it are the image; colour profiles and gamma are not applied. Of a JPEG
    with several images (MPO) the first is read, an animated PNG is refused.

    Returns:
        uint8 or uint16, grey [rows, columns] or colour [rows, columns, 3], and the header, whose bits are
        those of the file's samples.

    Raises:
        Refusal: `unreadable_image`, `image_too_large` or `multi_frame`.
    """
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
        return _png(content) if content.startswith(PNG) else _jpeg(content)
    except (Refusal, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise Refusal(
            "image_too_large",
            f"the image has more than {MAX_PIXELS // 1_000_000} million pixels",
            "send the image at the resolution of its acquisition",
        ) from None
    except Exception as error:  # noqa: BLE001 - broken files make Pillow raise almost anything
        raise unreadable(f"its content is broken ({type(error).__name__})") from None


def _png(content: bytes) -> tuple[NDArray[Any], Header]:
    facts = check_png(content)
    with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
        image.load()
        turn = _turn(image)
        pixels = _wide(facts) if facts.depth == 16 and facts.colour != 0 else _pixels(image)
    return _turned(pixels, turn, "png", 8 if facts.colour == 3 else facts.depth)


def _jpeg(content: bytes) -> tuple[NDArray[Any], Header]:
    with Image.open(io.BytesIO(first_image(content)), formats=("JPEG",)) as image:
        check_size(image.height, image.width)
        check_jpeg(content)
        image.load()
        return _turned(_pixels(image), _turn(image), "jpeg", 8)


def _turned(pixels: NDArray[Any], turn: int, kind: str, bits: int) -> tuple[NDArray[Any], Header]:
    shown = upright(pixels, turn)
    header = Header(
        photometric="RGB" if shown.ndim == 3 else "MONOCHROME2",
        format="png" if kind == "png" else "jpeg",
        rows=shown.shape[0],
        columns=shown.shape[1],
        bits=bits,
    )
    return shown, header


def _turn(image: Image.Image) -> int:
    """Return the EXIF orientation; what is not understood there says nothing, as viewers have it."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken EXIF makes Pillow raise almost anything
        return 1


def _pixels(image: Image.Image) -> NDArray[Any]:
    if image.mode in ("P", "PA", "CMYK"):
        image = image.convert("RGB" if image.mode == "CMYK" else "RGBA")
    pixels = np.asarray(image)
    if image.mode == "1":
        return pixels.astype(np.uint8) * np.uint8(255)
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        return pixels.astype(np.uint16)
    return pixels[..., 0] if image.mode == "LA" else pixels[..., :3] if pixels.ndim == 3 else pixels


def _wide(facts: PngFacts) -> NDArray[np.uint16]:
    """Decode colour or transparency of 16 bits by FFmpeg, where Pillow would halve them."""
    import av

    av.logging.set_level(None)
    decoder = av.CodecContext.create("png", "r")
    decoder.options = {"err_detect": "explode"}
    decoder.thread_count = 1
    (frame,) = decoder.decode(av.Packet(facts.essential))
    plane = frame.planes[0]
    samples = {2: 3, 4: 2, 6: 4}[facts.colour]
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: facts.rows, : facts.columns * samples * 2]
    values = np.ascontiguousarray(lines).view(">u2").reshape(facts.rows, facts.columns, samples).astype(np.uint16)
    return values[..., 0] if facts.colour == 4 else values[..., :3]
