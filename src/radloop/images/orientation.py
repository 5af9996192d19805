"""How a stored image is turned to be looked at, in the eight ways of EXIF 2.32, tag 274."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TURNS: Mapping[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
# The signs of (a, b, c, d) where x becomes a x + c y and y becomes b x + d y (ISO/IEC 14496-12, 6.2.2).
_MATRICES = {
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return an image [rows, columns, ...] as it is to be looked at; a number other than 2 to 8 turns nothing."""
    return np.ascontiguousarray(_TURNS[orientation](pixels) if orientation in _TURNS else pixels)


def matrix_orientation(matrix: bytes) -> int:
    """Return the orientation of a video's display matrix: nine 32-bit integers of this machine's order.

    Right angles and mirrors are understood; a matrix that tilts says 1, for no pixel would stay one.
    """
    if len(matrix) != 36:
        return 1
    a, b, _, c, d, _, _, _, _ = struct.unpack("=9i", matrix)
    return _MATRICES.get(((a > 0) - (a < 0), (b > 0) - (b < 0), (c > 0) - (c < 0), (d > 0) - (d < 0)), 1)
