"""The radiographs that are sent: real ones where there are any, otherwise phantoms; all of 512 px."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from radloop.images.decode import decode
from tests.image_files import make_dicom

SIDE, COUNT = 512, 16


def sources() -> tuple[str, list[np.ndarray]]:
    """Return where the radiographs are from, and uint8 [512, 512] of each."""
    folder = Path(os.environ.get("RADLOOP_REAL_DATA", "../shared/data")) / "tb_shenzhen_256" / "images"
    found = sorted(path for path in folder.glob("*") if path.suffix in (".jpg", ".png"))[:COUNT] if folder.is_dir() else []
    if found:
        return "tb_shenzhen_256, enlarged", [_enlarged(decode(path).pixels) for path in found]
    from radloop.data.phantoms import write_phantoms

    with tempfile.TemporaryDirectory() as place:
        write_phantoms(Path(place) / "phantoms", n=COUNT, seed=3)
        drawn = [decode(path).pixels for path in sorted(Path(place).rglob("*.dcm"))[:COUNT]]
    return "synthetic phantoms, enlarged", [_enlarged(pixels) for pixels in drawn]


def encoded(pixels: list[np.ndarray]) -> dict[str, list[bytes]]:
    """Return every image as PNG, JPEG and DICOM."""
    return {
        "png": [_raster(image, "PNG") for image in pixels],
        "jpeg": [_raster(image, "JPEG", quality=92) for image in pixels],
        "dicom": [make_dicom(image.astype(np.uint16) << 4) for image in pixels],
    }


def _enlarged(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _raster(image: np.ndarray, kind: str, **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format=kind, **options)
    return stream.getvalue()
