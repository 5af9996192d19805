"""What a PNG file is made of, checked before a decoder believes it (PNG specification, third edition).

Pillow leaves rows black when the compressed data end early and does not look at the checksums of the
pixels; a picture that is half there must not pass for one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radloop.errors import Refusal
from radloop.images.header import check_size, unreadable

PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples a pixel by colour type (11.2.1)."""
_PIECE = 1 << 20
# Adam7 (section 8): first row, first column, row step, column step of each pass.
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


@dataclass(frozen=True, slots=True)
class PngFacts:
    """What the header says, and the file without what is not pixels.

    Attributes:
        rows: height.
        columns: width.
        depth: bits of a sample, or of a palette index.
        colour: the colour type: 0 grey, 2 colour, 3 palette, 4 grey and 6 colour with transparency.
        essential: the file with its critical chunks only.
    """

    rows: int
    columns: int
    depth: int
    colour: int
    essential: bytes


def check_png(content: bytes) -> PngFacts:
    """Walk the chunks, check their checksums and count the pixels' bytes, in constant memory.

    Raises:
        Refusal: `unreadable_image`, `image_too_large`, or `multi_frame` for an animation.
    """
    chunks = _chunks(content)
    kind, body = next(chunks, (b"", memoryview(b"")))
    if kind != b"IHDR" or len(body) != 13:
        raise unreadable("it has no header")
    columns, rows, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
    check_size(rows, columns)
    if colour not in _CHANNELS:
        raise unreadable("its colour type does not exist")
    essential, pixels = [_chunk(b"IHDR", bytes(body))], []
    for kind, body in chunks:
        if kind == b"acTL" and len(body) >= 4 and struct.unpack(">I", body[:4])[0] > 1:
            raise Refusal("multi_frame", "the image is an animation; one still image is needed", "send one frame")
        if kind == b"IDAT":
            pixels.append(body)
        elif kind == b"PLTE":
            essential.append(_chunk(kind, bytes(body)))
    needed = _bytes_of(rows, columns, depth * _CHANNELS[colour], interlaced=bool(interlaced))
    if _inflated(pixels, needed) < needed:
        raise unreadable("its pixels are cut short")
    whole = b"".join([PNG, *essential, *(_chunk(b"IDAT", body) for body in pixels), _chunk(b"IEND", b"")])
    return PngFacts(rows, columns, depth, colour, whole)


def png_bytes(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Return an image as PNG: nothing but pixels, and the same bytes for the same pixels.

    Rows are filtered by Paeth's predictor and compressed as runs, which leaves a compressor no choices
    that depend on the machine; on radiographs this is smaller than Pillow's default.

    Args:
        pixels: uint8 or uint16, grey [rows, columns] or colour [rows, columns, 3]; 16 bits are kept.

    Raises:
        ValueError: the array has another type or shape.
    """
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.dtype not in (np.uint8, np.uint16) or not (pixels.ndim == 2 or colour) or not pixels.size:
        raise ValueError(f"a PNG holds uint8 or uint16, grey or colour, not {pixels.dtype} {pixels.shape}")
    rows, columns = pixels.shape[:2]
    size = pixels.dtype.itemsize
    lines = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">"))).view(np.uint8).reshape(rows, -1)
    compressor = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    data = compressor.compress(_filtered(lines, size * (3 if colour else 1))) + compressor.flush()
    header = struct.pack(">IIBBBBB", columns, rows, 8 * size, 2 if colour else 0, 0, 0, 0)
    return b"".join([PNG, _chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")])


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield (type, body) up to IEND; checksums of what matters to the pixels are compared."""
    view, start = memoryview(content), len(PNG)
    while start + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, start)
        kind, end = content[start + 4 : start + 8], start + 8 + length
        if end + 4 > len(content):
            break
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(view[start + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            raise unreadable("a checksum is wrong")
        if kind == b"IEND":
            return
        yield kind, view[start + 8 : end]
        start = end + 4
    raise unreadable("it is cut short")


def _chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    tail = struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
    return b"".join([struct.pack(">I", len(body)), kind, body, tail])


def _bytes_of(rows: int, columns: int, bits: int, *, interlaced: bool) -> int:
    """Return how many bytes the filtered rows have: each pass has rows of its own, each with its filter."""
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(rows - top) // down), -(-(columns - left) // right)) for top, left, down, right in passes]
    return sum(height * (1 + -(-width * bits // 8)) for height, width in sizes if height > 0 and width > 0)


def _inflated(pieces: list[memoryview], needed: int) -> int:
    """Return how many bytes come out of the compressed pixels, counting to what is needed."""
    stream, count = zlib.decompressobj(), 0
    for piece in pieces:
        waiting: bytes | memoryview = piece
        while len(waiting) and not stream.eof and count < needed:
            count += len(stream.decompress(waiting, _PIECE))
            waiting = stream.unconsumed_tail
    while count < needed and (more := len(stream.decompress(b"", _PIECE))):  # what the stream still holds back
        count += more
    return count


def _filtered(lines: NDArray[np.uint8], step: int) -> bytes:
    """Return bytes [rows, n] with each row's filter type before them, as differences from Paeth's prediction (9.4)."""
    left, above, corner = (np.zeros_like(lines) for _ in range(3))
    left[:, step:] = lines[:, :-step]
    above[1:] = lines[:-1]
    corner[1:, step:] = lines[:-1, :-step]
    rise, run = above.astype(np.int16) - corner, left.astype(np.int16) - corner
    to_left, to_above, to_corner = np.abs(rise), np.abs(run), np.abs(rise + run)
    guess = np.where((to_left <= to_above) & (to_left <= to_corner), left, np.where(to_above <= to_corner, above, corner))
    filtered = np.full((lines.shape[0], lines.shape[1] + 1), 4, np.uint8)
    np.subtract(lines, guess, out=filtered[:, 1:])
    return filtered.tobytes()
