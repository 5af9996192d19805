"""Colour to grey: luma by ITU-R BT.601, in whole numbers, so that every machine finds the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_FRACTION = 16
_RED, _GREEN, _BLUE = 19595, 38470, 7471
"""0.299, 0.587 and 0.114 of 2^16; they add up to it."""
_BLOCK = 1 << 20
_COLOURED = 32
"""How far, of 255, the channels of a pixel lie apart that is coloured: JPEG and film leave less on grey."""
_GRID = 512
"""Colour is looked for on a grid of at most this side."""


def luma(colour: NDArray[Any]) -> NDArray[Any]:
    """Return the luma of red, green and blue, rounded.

    Args:
        colour: uint8 or uint16 [..., 3].

    Returns:
        [...], of the same type.
    """
    if colour.dtype == np.uint8 and colour.ndim == 3:
        return np.asarray(Image.fromarray(np.ascontiguousarray(colour)).convert("L"))
    red, green, blue = (colour[..., channel].astype(np.uint32) for channel in range(3))
    grey = (_RED * red + _GREEN * green + _BLUE * blue + (1 << (_FRACTION - 1))) >> _FRACTION
    return grey.astype(colour.dtype)


def coloured(stored: NDArray[Any]) -> float:
    """Return the share of pixels that are coloured; grey stored as red, green and blue has none.

    Args:
        stored: [rows, columns], or uint8 or uint16 [rows, columns, 3].
    """
    if stored.ndim != 3:
        return 0.0
    step = max(1, -(-max(stored.shape[:2]) // _GRID))
    sample = stored[::step, ::step]
    spread = sample.max(axis=-1).astype(np.int64) - sample.min(axis=-1)
    white = 255 if stored.dtype.itemsize == 1 else max(255, int(sample.max(initial=0)))
    return float(np.mean(spread * 255 > _COLOURED * white))


def rgb_from_ybr(ybr: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return red, green and blue of YBR_FULL (PS3.3 C.7.6.3.1.2), rounded.

    Args:
        ybr: unsigned integers [rows, columns, 3]: luma, blue and red difference.
        bits: of one sample; the differences are 0 at half the range.

    Returns:
        [rows, columns, 3], of the same type.
    """
    rgb = np.empty_like(ybr)
    step = max(1, _BLOCK // max(1, ybr.shape[1]))
    for start in range(0, ybr.shape[0], step):
        block = slice(start, start + step)
        _convert(ybr[block], rgb[block], bits)
    return rgb


def _convert(ybr: NDArray[Any], rgb: NDArray[Any], bits: int) -> None:
    wide: Any = np.int32 if bits <= 8 else np.int64
    half, white, rounding = 1 << (bits - 1), (1 << bits) - 1, 1 << (_FRACTION - 1)
    grey: NDArray[Any] = ybr[..., 0].astype(wide)
    blue: NDArray[Any] = ybr[..., 1].astype(wide) - half
    red: NDArray[Any] = ybr[..., 2].astype(wide) - half
    for channel, change in enumerate((91881 * red, -22554 * blue - 46802 * red, 116130 * blue)):
        rgb[..., channel] = np.clip(grey + ((change + rounding) >> _FRACTION), 0, white)
