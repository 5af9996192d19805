"""The pixel domain of a use case: what a grey value means, whatever the file.

display     as a reader sees it, 8-bit, bright meaning dense
hounsfield  CT numbers, through the use case's window
raw         values as they are stored, through the use case's window
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.errors import Refusal
from radloop.images.colour import luma
from radloop.images.display import as_bytes, display, each_value, linear, windowed
from radloop.images.groups import Attributes
from radloop.images.palette import first_mapped, palette_luma
from radloop.use_case import ImageSpec, Window


def dicom_pixels(
    stored: NDArray[Any], attributes: Attributes, spec: ImageSpec | None, *, big_endian: bool = False
) -> NDArray[np.uint8]:
    """Bring a stored DICOM frame to the domain.

    Args:
        stored: a frame as `dicom.stored_frames` yields it.
        attributes: of this frame.
        spec: the use case's image section; None is the display domain with the file's own window.
        big_endian: how the data set is encoded.

    Returns:
        uint8 [rows, columns].

    Raises:
        Refusal: `no_hounsfield`, `colour_image` or `unreadable_image`.
    """
    domain, window = (spec.pixel_domain, spec.window) if spec is not None else ("display", None)
    palette = attributes.word("PhotometricInterpretation") == "PALETTE COLOR"
    if domain == "hounsfield" and window is not None:
        _check_hounsfield(attributes, colour=palette or stored.ndim == 3 or _coloured(stored, attributes) is not None)
        return windowed(stored, attributes, window)
    if domain == "raw" and window is not None:
        return _raw(stored, window, colour=palette or stored.ndim == 3)
    if stored.ndim == 3:
        return to_eight_bits(luma(unsigned(stored)), int(attributes.number("BitsStored") or 8))
    if palette:
        return each_value(stored, lambda values: palette_luma(values, attributes, big_endian=big_endian))
    shown = display(stored, attributes, window)
    return _with_colours(shown, stored, attributes, big_endian=big_endian)


def raster_pixels(stored: NDArray[Any], spec: ImageSpec | None) -> NDArray[np.uint8]:
    """Bring a PNG, JPEG or video frame to the domain: it is a displayed image already.

    Args:
        stored: uint8 or uint16 [rows, columns] or [rows, columns, 3].
        spec: the use case's image section; None is the display domain.

    Raises:
        Refusal: `no_hounsfield` or `colour_image`.
    """
    if spec is not None and spec.pixel_domain == "hounsfield":
        raise no_hounsfield("a PNG, JPEG or video file says nothing of CT numbers")
    if spec is not None and spec.pixel_domain == "raw" and spec.window is not None:
        return _raw(stored, spec.window, colour=stored.ndim == 3)
    return to_eight_bits(luma(stored) if stored.ndim == 3 else stored, 8 * stored.dtype.itemsize)


def to_eight_bits(grey: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Scale the full range of some bits to 0 to 255, rounded."""
    if bits == 8 and grey.dtype == np.uint8:
        return grey
    white = (1 << bits) - 1
    return each_value(grey, lambda values: _scaled(values, white))


def _scaled(values: NDArray[Any], white: int) -> NDArray[np.uint8]:
    scaled: NDArray[np.uint8] = ((np.minimum(values, white).astype(np.int64) * 255 + white // 2) // white).astype(np.uint8)
    return scaled


def unsigned(colour: NDArray[Any]) -> NDArray[Any]:
    """Return colour samples in the type that luma takes.

    Raises:
        Refusal: `colour_image`: the samples are signed or wider.
    """
    if colour.dtype in (np.uint8, np.uint16):
        return colour
    raise Refusal("colour_image", "the colours are signed or wider than 16 bits", "export the image in 8-bit colour or grey")


def no_hounsfield(reason: str) -> Refusal:
    """Return the refusal of an image whose CT numbers are not known."""
    return Refusal("no_hounsfield", f"the image has no Hounsfield units: {reason}", "send the original CT image as DICOM")


def _check_hounsfield(attributes: Attributes, *, colour: bool) -> None:
    """Refuse what is not a CT image whose rescale gives Hounsfield units (PS3.3 C.8.2.1.1.2 and C.8.15.3.10)."""
    if attributes.word("Modality") != "CT":
        raise no_hounsfield("its modality is not CT")
    if colour:
        raise no_hounsfield("it is in colour")
    slope, intercept = attributes.number("RescaleSlope"), attributes.number("RescaleIntercept")
    if slope is None or intercept is None or not np.isfinite([slope, intercept]).all() or slope == 0:
        raise no_hounsfield("its rescale slope or intercept is missing")
    if "ModalityLUTSequence" in attributes or attributes.word("RescaleType") not in (None, "HU"):
        raise no_hounsfield("its rescale leads to other units")


def _raw(stored: NDArray[Any], window: Window, *, colour: bool) -> NDArray[np.uint8]:
    if colour:
        raise Refusal("colour_image", "the image is in colour; stored grey values are needed", "send the original grey image")
    return each_value(stored, lambda values: as_bytes(linear(values.astype(np.float64), window.center, window.width)))


def _with_colours(
    shown: NDArray[np.uint8], stored: NDArray[Any], attributes: Attributes, *, big_endian: bool
) -> NDArray[np.uint8]:
    """Show the values that a supplemental palette colours by their luma."""
    coloured = _coloured(stored, attributes)
    if coloured is not None:
        shown[coloured] = palette_luma(stored[coloured], attributes, big_endian=big_endian)
    return shown


def _coloured(stored: NDArray[Any], attributes: Attributes) -> NDArray[np.bool_] | None:
    """Return which pixels a supplemental palette colours (PS3.3 C.7.6.19), None where none is."""
    if attributes.word("PixelPresentation") not in ("COLOR", "MIXED"):
        return None
    first = first_mapped(attributes)
    coloured = stored >= first if first is not None else None
    return coloured if coloured is not None and coloured.any() else None
