"""Palettes: the colour that an index stands for (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6 and C.7.9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.images.colour import luma
from radloop.images.groups import Attributes
from radloop.images.header import unreadable

_MOST = 65536
_DISCRETE, _LINEAR = 0, 1


def first_mapped(attributes: Attributes) -> int | None:
    """Return the first stored value that a palette colours, None where there is no palette."""
    numbers = attributes.numbers("RedPaletteColorLookupTableDescriptor")
    return int(numbers[1]) if len(numbers) == 3 else None


def palette_luma(values: NDArray[Any], attributes: Attributes, *, big_endian: bool) -> NDArray[np.uint8]:
    """Return the luma of some indices; those beyond the table have its first or last colour.

    Args:
        values: integers [n].
        attributes: of the image.
        big_endian: how the data set is encoded: pydicom leaves the tables as they are.

    Returns:
        uint8 [n].

    Raises:
        Refusal: `unreadable_image`: a table is missing, too short or too long.
    """
    tables = [_table(colour, attributes, big_endian) for colour in ("Red", "Green", "Blue")]
    size = tables[0].size
    if any(table.size != size for table in tables):
        raise unreadable("its palettes differ in length")
    colours = _eight_bits(np.stack(tables, axis=-1), attributes)
    first = first_mapped(attributes) or 0
    places = np.clip(values.astype(np.int64) - first, 0, size - 1)
    return np.asarray(luma(colours[np.newaxis])[0][places], dtype=np.uint8)


def _eight_bits(colours: NDArray[Any], attributes: Attributes) -> NDArray[np.uint8]:
    """Scale entries [n, 3] to 8 bits; many tables of 8-bit entries say that they have 16."""
    bits = int(attributes.numbers("RedPaletteColorLookupTableDescriptor")[2])
    if bits <= 8 or int(colours.max()) <= 255:
        return colours.astype(np.uint8)
    return ((colours.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _table(colour: str, attributes: Attributes, big_endian: bool) -> NDArray[np.uint16]:
    """Return one colour's entries [n]."""
    numbers = [int(number) for number in attributes.numbers(f"{colour}PaletteColorLookupTableDescriptor")]
    if len(numbers) != 3:
        raise unreadable("its palette is missing or incomplete")
    size, bits = numbers[0] or _MOST, numbers[2]
    plain = attributes.get(f"{colour}PaletteColorLookupTableData")
    if plain is not None:
        entries = _entries(plain, size, bits, big_endian)
    else:
        segments = attributes.get(f"Segmented{colour}PaletteColorLookupTableData")
        entries = _expanded(_entries(segments, None, bits, big_endian), size)
    if entries.size < size:
        raise unreadable("its palette is shorter than it says")
    return entries[:size]


def _entries(raw: Any, size: int | None, bits: int, big_endian: bool) -> NDArray[np.uint16]:
    if isinstance(raw, bytes | bytearray):
        # 8-bit entries lie two to a word, or each in a word of its own.
        narrow = bits <= 8 and (size is None or len(raw) < 2 * size)
        kind = "u1" if narrow else ">u2" if big_endian else "<u2"
        return np.frombuffer(raw, kind, count=len(raw) // np.dtype(kind).itemsize).astype(np.uint16)
    return np.asarray([] if raw is None else raw, dtype=np.int64).ravel().astype(np.uint16)


def _expanded(segments: NDArray[np.uint16], size: int) -> NDArray[np.uint16]:
    """Return the entries of a segmented table (PS3.3 C.7.9.2), no more than it promises."""
    codes = segments.tolist()
    found: list[int] = []
    place = 0
    while place + 1 < len(codes) and len(found) <= size:
        kind, length = codes[place], codes[place + 1]
        if kind == _DISCRETE:
            found += codes[place + 2 : place + 2 + length]
            place += 2 + length
        elif kind == _LINEAR and found and place + 2 < len(codes):
            found += _line(found[-1], codes[place + 2], length)
            place += 3
        else:  # also the third kind, which refers back into the table: no file with one is known to us
            raise unreadable("its palette has a segment of a kind that is not supported")
    return np.asarray(found, dtype=np.uint16)


def _line(start: int, end: int, length: int) -> list[int]:
    return [start + round((end - start) * step / length) for step in range(1, length + 1)]
