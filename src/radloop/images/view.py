"""An image to look at with window and level: its values instead of the greys of one window."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.errors import Refusal
from radloop.images.decode import decode
from radloop.images.dicom import is_dicom, multi_frame, read_dataset, read_header, refusing, stored_frames
from radloop.images.display import extremes, modality
from radloop.images.domain import dicom_pixels
from radloop.images.groups import Attributes
from radloop.images.pool import Pool, Reply

SIDE = 1024
"""The longer side of what is looked at, pixels; more of them are averaged."""
_MOST = 65535
_REPLY = "radloop.images.view:view_reply"


@dataclass(frozen=True)
class View:
    """Values of an image, evenly spread over 16 bits.

    Attributes:
        values: uint16 [rows, columns]; 0 stands for `low`, 65535 for `high`.
        rows: of the image as it was sent.
        columns: likewise.
        low: the smallest value, in units after the modality LUT (PS3.3 C.11.1).
        high: the largest.
        center: of the window that the file asks for, else of the full range.
        width: likewise.
        inverted: whether the smallest value is shown white (MONOCHROME1).
        unit: `HU`, or nothing where the values have no known unit.
    """

    values: NDArray[np.uint16]
    rows: int
    columns: int
    low: float
    high: float
    center: float
    width: float
    inverted: bool
    unit: str

    def png(self) -> bytes:
        """Return the values as a 16-bit grey PNG."""
        stream = io.BytesIO()
        Image.fromarray(self.values).save(stream, format="PNG", compress_level=1)
        return stream.getvalue()


def view(content: bytes) -> View:
    """Read one image to be looked at.

    A PNG or JPEG, and a DICOM whose way to grey is no straight window (a VOI LUT, a sigmoid, a palette, colours), is
    given as the greys that it is displayed with, 0 to 255.

    Raises:
        Refusal: as `decode`.
    """
    if is_dicom(content):
        dataset = read_dataset(content)
        attributes = Attributes(dataset)
        frames = stored_frames(dataset)
        with refusing():
            if read_header(dataset).frames != 1:
                raise multi_frame()
            stored = next(frames)
            if _straight(stored, attributes):
                return _units(stored, attributes)
            return _greys(dicom_pixels(stored, attributes, None, big_endian=not dataset.original_encoding[1]))
    return _greys(decode(content).pixels)


def view_apart(content: bytes, pool: Pool) -> View:
    """Do as `view`, in a worker process.

    Raises:
        Refusal: as `decode`, or `decode_timeout` or `decoder_crashed`.
    """
    facts, arrays = pool.call(_REPLY, content, size=len(content))
    return View(arrays[0], **facts)


def view_reply(content: bytes) -> Reply:
    """Read one image in a worker of the pool; see `view_apart`."""
    found = view(content)
    facts = {name: value for name, value in vars(found).items() if name != "values"}
    return facts, [found.values]


def _straight(stored: NDArray[Any], attributes: Attributes) -> bool:
    """Tell whether a window is all that leads from the values to the greys."""
    return (
        stored.ndim == 2
        and attributes.word("PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2")
        and attributes.word("PixelPresentation") not in ("COLOR", "MIXED")
        and attributes.word("VOILUTFunction") != "SIGMOID"
        and not attributes.get("VOILUTSequence")
    )


def _units(stored: NDArray[Any], attributes: Attributes) -> View:
    values = modality(stored, attributes)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise Refusal("unreadable_image", "the image's values are not numbers", "export it again")
    center, width = attributes.number("WindowCenter"), attributes.number("WindowWidth")
    if center is None or width is None or not np.isfinite([center, width]).all() or width <= 0:
        ends = modality(extremes(stored, (stored.min(), stored.max()), attributes), attributes)
        center, width = float(ends.mean()), float(max(ends.max() - ends.min(), 1.0))
    unit = "HU" if attributes.word("Modality") == "CT" and attributes.word("RescaleType") in (None, "HU") else ""
    inverted = attributes.word("PhotometricInterpretation") == "MONOCHROME1"
    shape = values.shape
    return View(_spread(values, low, high), shape[0], shape[1], low, high, center, width, inverted, unit)


def _greys(pixels: NDArray[np.uint8]) -> View:
    return View(_spread(pixels, 0.0, 255.0), pixels.shape[0], pixels.shape[1], 0.0, 255.0, 127.5, 255.0, False, "")


def _spread(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint16]:
    small = _reduced(values)
    scale = _MOST / (high - low) if high > low else 0.0
    spread: NDArray[np.uint16] = np.rint((small - np.float32(low)) * np.float32(scale)).clip(0, _MOST).astype(np.uint16)
    return spread


def _reduced(values: NDArray[Any]) -> NDArray[np.float32]:
    """Average squares of pixels until no side is longer than `SIDE`; the last ones are made whole by repetition."""
    step = -(-max(values.shape) // SIDE)
    if step == 1:
        return values.astype(np.float32)
    rows, columns = (-(-side // step) for side in values.shape)
    padded = np.pad(values, [(0, rows * step - values.shape[0]), (0, columns * step - values.shape[1])], mode="edge")
    means: NDArray[np.float32] = padded.reshape(rows, step, columns, step).mean(axis=(1, 3), dtype=np.float32)
    return means
