"""From a file to pixels: the reader is chosen by content, never by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radloop.errors import InputError, Refusal
from radloop.images.dicom import is_dicom, read_dicom
from radloop.images.header import Header, unreadable
from radloop.images.quality import Quality, quality
from radloop.images.raster import JPEG, PNG, read_raster


@dataclass(frozen=True)
class Decoded:
    """An image in the display domain.

    Attributes:
        pixels: uint8 [rows, columns], bright meaning dense.
        header: what the file says about itself.
    """

    pixels: NDArray[np.uint8]
    header: Header

    @cached_property
    def quality(self) -> Quality:
        """Return the quality of the pixels, worked out once."""
        return quality(self.pixels)


def decode(source: Path | bytes) -> Decoded:
    """Read a DICOM, PNG or JPEG image.

    Raises:
        InputError: `missing_file`.
        Refusal: `unknown_format`, `unreadable_image`, `image_too_large`, `colour_image`,
            `multi_frame`; no message names the file or a person.
    """
    content = source if isinstance(source, bytes) else _content(source)
    if not content:
        raise unreadable("it is empty")
    if is_dicom(content):
        return Decoded(*read_dicom(content))
    if content.startswith((PNG, JPEG)):
        return Decoded(*read_raster(content))
    raise Refusal("unknown_format", "the file is neither DICOM, PNG nor JPEG", "export the image in one of these formats")


def _content(path: Path) -> bytes:
    if not path.exists():
        raise InputError("missing_file", "the image file does not exist", "check the path")
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(f"the file cannot be opened ({type(error).__name__})") from None
