"""Stored DICOM values to what a reader sees: the grey-scale pipeline of PS3.4 N.2.

Every step is a function of the single value, so it is worked out once for each value that can
occur, not once for each pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.images.groups import Attributes
from radloop.images.header import unreadable
from radloop.use_case import Window

_MAX_TABLE = 1 << 20
_EXACT = 1 << 53
"""Whole numbers below it are exact as floats."""
_BLOCK = 1 << 15
"""Pixels at a time: a block and its places in the table stay in the processor's cache, and memory small."""

Greys = Callable[[NDArray[Any]], NDArray[np.uint8]]
"""From values [n] to their greys uint8 [n]."""


def display(stored: NDArray[Any], attributes: Attributes, window: Window | None = None) -> NDArray[np.uint8]:
    """Return 8-bit grey, bright meaning dense.

    Modality LUT or rescale, then the given window, else the first VOI LUT, else the first window, else
    the full range; MONOCHROME1 is inverted. The full range is that of the bits for up to 8 bits
    stored (such pixels are meant for display) and smallest to largest pixel for more.

    Args:
        stored: integers or floats [rows, columns], meaningless bits already removed.
        attributes: of the frame.
        window: in the units after the modality LUT; it replaces the file's own.

    Returns:
        uint8 [rows, columns].

    Raises:
        Refusal: `unreadable_image`: the values are not finite, or a table is broken.
    """
    low, high = _ends(stored)
    inverted = attributes.word("PhotometricInterpretation") == "MONOCHROME1"

    @cache
    def full_range() -> NDArray[np.float64]:
        return modality(extremes(stored, (low, high), attributes), attributes)

    def greys(values: NDArray[Any]) -> NDArray[np.uint8]:
        units = modality(values, attributes)
        share = linear(units, window.center, window.width) if window is not None else _voi_lut(units, attributes)
        if share is None:
            share = _window(units, attributes, whole=np.issubdtype(stored.dtype, np.integer))
        if share is None:
            share = _within(units, full_range())
        return as_bytes(1.0 - share if inverted else share)

    return each_value(stored, greys, (low, high))


def windowed(stored: NDArray[Any], attributes: Attributes, window: Window) -> NDArray[np.uint8]:
    """Return the values after the modality LUT through a window, as uint8; they are not inverted."""
    return each_value(stored, lambda values: as_bytes(linear(modality(values, attributes), window.center, window.width)))


def each_value(stored: NDArray[Any], greys: Greys, ends: tuple[Any, Any] | None = None) -> NDArray[np.uint8]:
    """Apply a function of the single value to an image.

    Args:
        stored: integers or floats [rows, columns].
        greys: the function.
        ends: the smallest and the largest value, where they are known already.
    """
    low, high = ends or _ends(stored)
    shown = np.empty(stored.shape, np.uint8)
    step = max(1, _BLOCK // stored.shape[1])
    table = None
    if (
        np.issubdtype(stored.dtype, np.integer)
        and int(high) < _EXACT
        and int(high) - int(low) < min(_MAX_TABLE, max(stored.size, 256))
    ):
        table = greys(np.arange(int(low), int(high) + 1))
    for start in range(0, stored.shape[0], step):
        block = stored[start : start + step]
        if table is None:
            shown[start : start + step] = greys(block)
        else:
            places = np.subtract(block, low, dtype=np.intp, casting="same_kind")
            table.take(places, out=shown[start : start + step], mode="clip")
    return shown


def modality(values: NDArray[Any], attributes: Attributes) -> NDArray[np.float64]:
    """Apply the modality LUT or the rescale (PS3.3 C.11.1).

    Raises:
        Refusal: `unreadable_image`: the table is broken.
    """
    sequence = attributes.get("ModalityLUTSequence")
    if sequence:
        table, first = lookup_table(sequence[0])
        return table[np.clip(values.astype(np.int64) - first, 0, table.size - 1)].astype(np.float64)
    slope, intercept = attributes.number("RescaleSlope"), attributes.number("RescaleIntercept")
    units = values.astype(np.float64)
    if slope is not None and slope != 1.0:
        units = units * slope
    return units + intercept if intercept else units


def lookup_table(item: Any) -> tuple[NDArray[np.int64], int]:
    """Return the entries of a modality or VOI LUT item and the first value that it maps (PS3.3 C.11.1.1)."""
    entries, first, _ = (int(number) for number in item["LUTDescriptor"].value)
    raw = item["LUTData"].value
    little = item.is_little_endian is not False
    table = np.frombuffer(raw, "<u2" if little else ">u2") if isinstance(raw, bytes) else np.atleast_1d(np.asarray(raw))
    table = table.astype(np.int64)[: entries or 65536]
    if table.size == 0:
        raise unreadable("its lookup table is empty")
    return table, first


def linear(units: NDArray[np.float64], center: float, width: float) -> NDArray[np.float64]:
    """Return a share of white: PS3.3 C.11.2.1.2.1, which makes the width count whole values."""
    if width == 1:
        return np.asarray(units > center - 0.5, dtype=np.float64)
    return np.clip((units - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0) if width > 1 else exact(units, center, width)


def exact(units: NDArray[np.float64], center: float, width: float) -> NDArray[np.float64]:
    """Return a share of white: PS3.3 C.11.2.1.3.2, for values that are no whole numbers."""
    return np.clip((units - center) / width + 0.5, 0.0, 1.0)


def as_bytes(share: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Round a share of white to 0 to 255.

    Raises:
        Refusal: `unreadable_image`: it is not a number.
    """
    if not np.isfinite(share).all():
        raise unreadable("its values, rescale or window are not numbers")
    return np.floor(share * 255.0 + 0.5).astype(np.uint8)


def _voi_lut(units: NDArray[np.float64], attributes: Attributes) -> NDArray[np.float64] | None:
    """Apply the first VOI LUT (PS3.3 C.11.2), as a share of white.

    The depth that the descriptor declares is often wrong; the bits that the table uses are not.
    """
    sequence = attributes.get("VOILUTSequence")
    if not sequence:
        return None
    table, first = lookup_table(sequence[0])
    white = (1 << int(table.max()).bit_length()) - 1
    if white == 0:
        return None
    places = np.clip(np.rint(units) - first, 0, table.size - 1).astype(np.int64)
    share: NDArray[np.float64] = table[places] / float(white)
    return share


def _window(units: NDArray[np.float64], attributes: Attributes, *, whole: bool) -> NDArray[np.float64] | None:
    """Apply the first window with its function (PS3.3 C.11.2.1.2 and C.11.2.1.3), as a share of white.

    The linear function counts whole values: on stored fractions, such as those of a parametric map, it
    would turn a window of 0 to 1 into a threshold, so there it is taken for the exact one.
    """
    center, width = attributes.number("WindowCenter"), attributes.number("WindowWidth")
    if center is None or width is None or not np.isfinite([center, width]).all() or width <= 0:
        return None
    function = attributes.word("VOILUTFunction") or "LINEAR"
    if function == "SIGMOID":
        with np.errstate(over="ignore"):  # far below the window exp grows to infinity: a share of 0
            return 1.0 / (1.0 + np.exp(-4.0 * (units - center) / width))
    if function == "LINEAR_EXACT" or not whole:
        return exact(units, center, width)
    return linear(units, center, width) if width >= 1 else None


def _within(units: NDArray[np.float64], extremes: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(extremes.min()), float(extremes.max())
    return np.clip((units - low) / (high - low), 0.0, 1.0) if high > low else np.zeros_like(units)


def _ends(stored: NDArray[Any]) -> tuple[Any, Any]:
    low, high = stored.min(), stored.max()  # not a number if any is not
    if not np.issubdtype(stored.dtype, np.integer) and not np.isfinite([low, high]).all():
        raise unreadable("it holds values that are not numbers")
    return low, high


def extremes(stored: NDArray[Any], ends: tuple[Any, Any], attributes: Attributes) -> NDArray[Any]:
    """Return the smallest and the largest value that count, padding (PS3.3 C.7.5.1.1.2) left out."""
    bits = attributes.number("BitsStored")
    integers = np.issubdtype(stored.dtype, np.integer)
    if integers and bits is not None and bits <= 8 and not attributes.get("PixelRepresentation"):
        return np.array([0, (1 << int(bits)) - 1])
    padding = attributes.number("PixelPaddingValue") if integers else None
    if padding is None:
        return np.array(ends)
    limit = attributes.number("PixelPaddingRangeLimit")
    between = sorted((padding, padding if limit is None else limit))
    kept = stored[(stored < between[0]) | (stored > between[1])]
    return np.array([kept.min(), kept.max()]) if kept.size else np.array(ends)
