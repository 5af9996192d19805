"""What holds a video: told by content, and checked to be whole before a decoder believes it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal

from radloop.errors import Refusal

Container = Literal["mov", "avi", "matroska"]
"""FFmpeg's names: `mov` is also MP4, `matroska` also WebM."""

_EBML = b"\x1aE\xdf\xa3"
_PICTURES = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jp2 ", b"jpx ")
"""Brands of still pictures that use the boxes of MP4."""
_FIRST_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""How a QuickTime file without a brand may start."""
_UNKNOWN = (0, 0xFFFFFFFF)
"""What a program writes for a size before it knows it."""


def container_of(head: bytes) -> Container | None:
    """Return what holds the video in a file that starts with these bytes, None where it is none."""
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _PICTURES else "mov"
    if head[4:8] in _FIRST_BOXES:
        return "mov"
    return "matroska" if head[:4] == _EBML else None


def check_whole(content: bytes, kind: Container) -> None:
    """Refuse a file whose outermost parts reach beyond its end.

    A Matroska file that was recorded to a pipe does not say how long it is; there an early end shows
    only where it cuts a block.

    Raises:
        Refusal: `unreadable_video`.
    """
    ends = {"mov": _boxes, "avi": _chunks, "matroska": _segments}[kind](content)
    if any(end > len(content) for end in ends):
        raise Refusal("unreadable_video", "the video cannot be read: it is cut short", "copy or export it again")


def _boxes(content: bytes) -> Iterator[int]:
    """Yield where each box ends (ISO/IEC 14496-12, 4.2)."""
    start = 0
    while start + 8 <= len(content):
        (size,) = struct.unpack_from(">I", content, start)
        if size == 1 and start + 16 <= len(content):
            (size,) = struct.unpack_from(">Q", content, start + 8)
        if size < 8:  # 0: to the end of the file; other values are none
            return
        start += size
        yield start


def _chunks(content: bytes) -> Iterator[int]:
    """Yield where each RIFF chunk ends; a long AVI file has several."""
    start = 0
    while start + 8 <= len(content) and content[start : start + 4] == b"RIFF":
        (size,) = struct.unpack_from("<I", content, start + 4)
        if size in _UNKNOWN:
            return
        start += 8 + size + size % 2
        yield start - size % 2  # the last one's padding is often left out


def _segments(content: bytes) -> Iterator[int]:
    """Yield where each outermost element ends (RFC 8794, sections 4 to 6)."""
    start = 0
    while start + 2 <= len(content):
        body = start + _width(content[start])
        if body >= len(content):
            return
        width = _width(content[body])
        size = int.from_bytes(content[body : body + width]) & ((1 << 7 * width) - 1)
        if size == (1 << 7 * width) - 1:  # all ones: not known
            return
        start = body + width + size
        yield start


def _width(first: int) -> int:
    """Return how many bytes a variable-size integer has, by its first one."""
    return 9 - first.bit_length() if first else 9
