"""The size that a compressed image claims for itself, read without decoding it.

A DICOM header may promise a small image while the compressed stream in it unpacks to a huge one;
decoders believe the stream.
"""

from __future__ import annotations

import struct

_JPEG_START = b"\xff\xd8"
_J2K_SIZE = b"\xff\x4f\xff\x51"
# Start-of-frame markers of JPEG (ITU T.81 table B.1) and of JPEG-LS (T.87); C4, C8 and CC are not frames.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_STANDALONE = frozenset(range(0xD0, 0xD9)) | {0x01}


def codestream_size(stream: bytes) -> tuple[int, int] | None:
    """Return (rows, columns) of a JPEG, JPEG-LS or JPEG 2000 stream, None where it has none."""
    if stream.startswith(_JPEG_START):
        return _jpeg_size(stream)
    start = stream.find(_J2K_SIZE, 0, 4096)  # a JP2 file has boxes before its stream
    return _j2k_size(stream, start + len(_J2K_SIZE)) if start >= 0 else None


def _jpeg_size(stream: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(stream) and stream[place] == 0xFF:
        marker = stream[place + 1]
        if marker in _FRAMES:
            rows, columns = struct.unpack_from(">HH", stream, place + 5)
            return rows, columns
        if marker == 0xFF:
            place += 1
        elif marker in _STANDALONE:
            place += 2
        else:
            place += 2 + int(struct.unpack_from(">H", stream, place + 2)[0])
    return None


def _j2k_size(stream: bytes, place: int) -> tuple[int, int] | None:
    """Read Xsiz, Ysiz and the image offset of the SIZ segment (ITU T.800 A.5.1)."""
    if place + 20 > len(stream):
        return None
    width, height, left, top = struct.unpack_from(">4I", stream, place + 4)
    return height - top, width - left
