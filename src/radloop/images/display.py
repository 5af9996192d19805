"""Stored DICOM values to what a reader sees: the grey-scale pipeline of PS3.4 N.2.

Every step is a function of the single value, so it is worked out once for each value that can
occur, not once for each pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_modality_lut

from radloop.images.header import unreadable

_MAX_TABLE = 1 << 20


def display(stored: NDArray[Any], dataset: pydicom.Dataset) -> NDArray[np.uint8]:
    """Return 8-bit grey, bright meaning dense.

    Modality LUT or rescale, then the first VOI LUT, else the first window, else the full range;
    MONOCHROME1 is inverted. The full range is that of the bits for up to 8 bits stored (such
    pixels are meant for display) and smallest to largest pixel for more.

    Args:
        stored: integers or floats [rows, columns], meaningless bits already removed.
        dataset: the image's attributes.

    Returns:
        uint8 [rows, columns].

    Raises:
        Refusal: the values are not finite.
    """
    if not np.issubdtype(stored.dtype, np.integer):
        if not np.isfinite(stored).all():
            raise unreadable("it holds values that are not numbers")
        return _grey(stored, stored, dataset)
    low, high = int(stored.min()), int(stored.max())
    if high - low >= _MAX_TABLE:
        return _grey(stored, stored, dataset)
    values = np.arange(low, high + 1)
    table = _grey(values, stored, dataset)
    shown: NDArray[np.uint8] = table[np.subtract(stored, low, dtype=np.int64)]
    return shown


def _grey(values: NDArray[Any], stored: NDArray[Any], dataset: pydicom.Dataset) -> NDArray[np.uint8]:
    """Return the grey of some values; `stored` gives the full range where no window says it."""
    units = _modality(values, dataset)
    share = _voi_lut(units, dataset)
    if share is None:
        share = _window(units, dataset)
    if share is None:
        share = _full_range(units, _modality(_extremes(stored, dataset), dataset))
    if not np.isfinite(share).all():
        raise unreadable("its rescale or window holds values that are not numbers")
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        share = 1.0 - share
    return np.floor(share * 255.0 + 0.5).astype(np.uint8)


def _modality(values: NDArray[Any], dataset: pydicom.Dataset) -> NDArray[np.float64]:
    """Apply the modality LUT or the rescale (PS3.3 C.11.1)."""
    return np.asarray(apply_modality_lut(values, dataset), dtype=np.float64)


def _voi_lut(units: NDArray[np.float64], dataset: pydicom.Dataset) -> NDArray[np.float64] | None:
    """Apply the first VOI LUT (PS3.3 C.11.2), as a share of white.

    The depth that the descriptor declares is often wrong; the bits that the table uses are not.
    """
    sequence = dataset.get("VOILUTSequence")
    if not sequence:
        return None
    item = sequence[0]
    entries, first, _ = (int(number) for number in item["LUTDescriptor"].value)
    raw = item["LUTData"].value
    table = np.frombuffer(raw, "<u2") if isinstance(raw, bytes) else np.asarray(raw, dtype=np.int64)
    table = table[: entries or 65536]
    white = (1 << int(table.max()).bit_length()) - 1
    if white == 0:
        return None
    places = np.clip(np.rint(units) - first, 0, table.size - 1).astype(np.int64)
    share: NDArray[np.float64] = table[places] / float(white)
    return share


def _window(units: NDArray[np.float64], dataset: pydicom.Dataset) -> NDArray[np.float64] | None:
    """Apply the first window with its function (PS3.3 C.11.2.1.2 and C.11.2.1.3), as a share of white."""
    center, width = _first(dataset, "WindowCenter"), _first(dataset, "WindowWidth")
    if center is None or width is None or not np.isfinite([center, width]).all():
        return None
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if function == "SIGMOID" and width > 0:
        with np.errstate(over="ignore"):  # far below the window exp grows to infinity: a share of 0
            return 1.0 / (1.0 + np.exp(-4.0 * (units - center) / width))
    if function == "LINEAR_EXACT" and width > 0:
        return np.clip((units - center) / width + 0.5, 0.0, 1.0)
    if width == 1:
        return np.asarray(units > center - 0.5, dtype=np.float64)
    return np.clip((units - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0) if width > 1 else None


def _full_range(units: NDArray[np.float64], extremes: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(extremes.min()), float(extremes.max())
    return np.clip((units - low) / (high - low), 0.0, 1.0) if high > low else np.zeros_like(units)


def _extremes(stored: NDArray[Any], dataset: pydicom.Dataset) -> NDArray[Any]:
    """Return the smallest and the largest value that count, padding (PS3.3 C.7.5.1.1.2) left out."""
    bits = dataset.get("BitsStored")
    integers = np.issubdtype(stored.dtype, np.integer)
    if integers and bits is not None and int(bits) <= 8 and not dataset.get("PixelRepresentation"):
        return np.array([0, (1 << int(bits)) - 1])
    counted = stored
    padding = _first(dataset, "PixelPaddingValue") if integers else None
    if padding is not None:
        limit = _first(dataset, "PixelPaddingRangeLimit")
        ends = sorted((padding, padding if limit is None else limit))
        kept = stored[(stored < ends[0]) | (stored > ends[1])]
        counted = kept if kept.size else stored
    return np.array([counted.min(), counted.max()])


def _first(dataset: pydicom.Dataset, keyword: str) -> float | None:
    """Return the first of an attribute's numbers, None where there is none."""
    value = dataset.get(keyword)
    if value is None or isinstance(value, bytes | str):
        return None
    numbers = list(value) if hasattr(value, "__iter__") else [value]
    return float(numbers[0]) if numbers and numbers[0] is not None else None
