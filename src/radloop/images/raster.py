"""PNG and JPEG files in: one grey image and its header, or a refusal."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from radloop.errors import Refusal
from radloop.images.header import MAX_PIXELS, Header, check_size, unreadable

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
_WIDE = ("I;16", "I;16B", "I;16L", "I")

# Pillow warns from a size on and raises from twice that on; ours is checked before decoding.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def read_raster(source: Path | bytes) -> tuple[NDArray[np.uint8], Header]:
    """Read one PNG or JPEG image as grey.

    EXIF rotation is applied, 16 bits are scaled to 8, palettes are resolved, transparency is
    dropped, colour becomes luma (ITU-R BT.601).

    Returns:
        uint8 [rows, columns] and the header.

    Raises:
        Refusal: `unreadable_image` or `image_too_large`.
    """
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            check_size(image.height, image.width)
            image.load()
            return _grey(ImageOps.exif_transpose(image), "png" if content.startswith(PNG) else "jpeg")
    except Refusal:
        raise
    except Image.DecompressionBombError:
        raise Refusal(
            "image_too_large",
            f"the image has more than {MAX_PIXELS // 1_000_000} million pixels",
            "send the image at the resolution of its acquisition",
        ) from None
    except Exception as error:  # noqa: BLE001 - broken files make Pillow raise almost anything
        raise unreadable(f"its content is broken ({type(error).__name__})") from None


def _grey(image: Image.Image, kind: str) -> tuple[NDArray[np.uint8], Header]:
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    wide = image.mode in _WIDE
    if wide:
        pixels = ((np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    else:
        pixels = np.array(image.getchannel("L") if image.mode == "LA" else _opaque(image).convert("L"))
    header = Header(
        photometric="MONOCHROME2" if wide or image.mode in ("1", "L", "LA") else "RGB",
        format="png" if kind == "png" else "jpeg",
        rows=image.height,
        columns=image.width,
        bits=16 if wide else 1 if image.mode == "1" else 8,
    )
    return pixels, header


def _opaque(image: Image.Image) -> Image.Image:
    """Drop the transparency, rather than blend it: the pixels below it are the image."""
    return image.convert("RGB") if image.mode == "RGBA" else image
