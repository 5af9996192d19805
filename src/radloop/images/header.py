"""What an image says about itself, apart from its pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from radloop.errors import Refusal

Format = Literal["dicom", "png", "jpeg", "video"]

MAX_PIXELS = 64_000_000
"""The largest image that is decoded; the largest radiographs in use have about 20 million pixels."""

OLDEST = 120.0
"""Years; sources write 148, 411 or 999 for unknown."""

_AGE = re.compile(r"\s*(\d{1,3})\s*([DWMY])\s*")
_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Facts from tags or from the file format; unknown is None.

    Attributes:
        modality: DICOM (0008,0060), such as `CR`.
        body_part: DICOM (0018,0015), upper case, such as `CHEST`.
        view: DICOM (0018,5101), such as `PA`.
        sex: DICOM (0010,0040): `F`, `M` or `O`.
        age: years, from DICOM (0010,1010).
        photometric: DICOM (0028,0004) as stored; a raster file is `MONOCHROME2` or `RGB`.
        patient: DICOM (0010,0020), an identifier: hidden from repr, never to be logged.
        format: the file format, by content.
        rows: height of the pixels, after any EXIF rotation.
        columns: width of the pixels.
        bits: meaningful bits of one stored sample.
        device: DICOM (0008,0070), the maker of the machine, upper case.
        frames: how many frames the file holds.
        series: DICOM (0020,000E), an identifier: hidden from repr, never to be logged.
        instance: DICOM (0020,0013), the number of the image in its series.
        position: millimetres along the series' normal, from DICOM (0020,0032) and (0020,0037).
        burned_in: DICOM (0028,0301), whether text is in the pixels; None where the file does not say.
    """

    modality: str | None = None
    body_part: str | None = None
    view: str | None = None
    sex: str | None = None
    age: float | None = None
    photometric: str | None = None
    patient: str | None = field(default=None, repr=False)
    format: Format
    rows: int
    columns: int
    bits: int
    device: str | None = None
    frames: int = 1
    series: str | None = field(default=None, repr=False)
    instance: int | None = None
    position: float | None = None
    burned_in: bool | None = None


def parse_age(text: str | None) -> float | None:
    """Return the years of an age string, None where it is absent or not one.

    An age string is three digits and D, W, M or Y (PS3.5 section 6.2, AS); fewer digits occur in
    real files and are understood.

    Example:
        >>> parse_age("018M")
        1.5
    """
    match = _AGE.fullmatch(text or "")
    return int(match[1]) / _PER_YEAR[match[2]] if match else None


def check_size(rows: int, columns: int) -> None:
    """Refuse impossible and huge sizes, before a decoder allocates anything.

    Raises:
        Refusal: `unreadable_image` or `image_too_large`.
    """
    if rows < 1 or columns < 1:
        raise unreadable("it has no rows or no columns")
    if rows * columns > MAX_PIXELS:
        raise Refusal(
            "image_too_large",
            f"the image has {rows} x {columns} pixels, more than {MAX_PIXELS // 1_000_000} million",
            "send the image at the resolution of its acquisition",
        )


def unreadable(reason: str) -> Refusal:
    """Return the refusal of a file that is not a usable image; the reason must name no identifier."""
    return Refusal("unreadable_image", f"the image cannot be read: {reason}", "export it again as DICOM, PNG or JPEG")
