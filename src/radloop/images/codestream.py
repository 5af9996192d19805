"""What a compressed image claims for itself, read without decoding it.

A DICOM header may promise a small image while the compressed stream in it unpacks to a huge one;
decoders believe the stream. They also fill what is missing of a truncated one with zeros.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_SCAN = 0xDA
_J2K_SIZE = b"\xff\x4f\xff\x51"
_TILE_PART = 0xFF90
_MAX_TILES = 65535
# Start-of-frame markers of JPEG (ITU T.81 table B.1) and of JPEG-LS (T.87); C4, C8 and CC are not frames.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_SEQUENTIAL = frozenset((0xC0, 0xC1))
_STANDALONE = frozenset(range(0xD0, 0xD9)) | {0x01}


@dataclass(frozen=True, slots=True)
class Codestream:
    """The facts of a JPEG, JPEG-LS or JPEG 2000 stream.

    Attributes:
        rows: height.
        columns: width.
        samples: components of a pixel.
        bits: of one sample.
        complete: the stream reaches its end marker, and JPEG 2000 has a part for each of its tiles.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    complete: bool


def codestream(stream: bytes) -> Codestream | None:
    """Read what a JPEG, JPEG-LS or JPEG 2000 stream says of itself, None where it says nothing."""
    if stream.startswith(_JPEG_START):
        return _jpeg(stream)
    start = stream.find(_J2K_SIZE, 0, 4096)  # a JP2 file has boxes before its stream
    return _j2k(stream, start + 2) if start >= 0 else None


def _jpeg(stream: bytes) -> Codestream | None:
    place = _jpeg_segment(stream, _FRAMES)
    if place is None or place + 10 > len(stream):
        return None
    bits, rows, columns, samples = struct.unpack_from(">BHHB", stream, place + 4)
    # Fragments are padded to even length, some writers pad with more than one byte.
    complete = stream.rfind(_JPEG_END, max(place, len(stream) - 64)) >= 0
    return Codestream(rows, columns, samples, bits, complete)


def _jpeg_segment(stream: bytes, markers: frozenset[int]) -> int | None:
    """Return where the first segment with one of some markers begins, among those before the image data."""
    place = 2
    while place + 4 <= len(stream) and stream[place] == 0xFF:
        marker = stream[place + 1]
        if marker in markers:
            return place
        if marker == 0xFF:
            place += 1
        elif marker in _STANDALONE:
            place += 2
        elif marker == _SCAN:
            return None
        else:
            place += 2 + int(struct.unpack_from(">H", stream, place + 2)[0])
    return None


def mended(stream: bytes) -> bytes:
    """Return a sequential JPEG with the scan header that its kind must have, and any other stream as it is.

    Some old writers left the spectral selection empty. Sequential modes have only one: 0 to 63 with
    no approximation (ITU T.81 B.2.3), and decoders refuse anything else.
    """
    if not stream.startswith(_JPEG_START):
        return stream
    frame, scan = _jpeg_segment(stream, _FRAMES), _jpeg_segment(stream, frozenset((_SCAN,)))
    if frame is None or scan is None or stream[frame + 1] not in _SEQUENTIAL or scan + 5 > len(stream):
        return stream
    end = scan + 5 + 2 * stream[scan + 4]
    right = bytes((0, 63, 0))
    return stream if stream[end : end + 3] == right else stream[:end] + right + stream[end + 3 :]


def transfer_syntax(stream: bytes) -> str | None:
    """Return the transfer syntax UID that fits a compressed stream, None where there is none (PS3.5 A.4)."""
    if stream.startswith(_JPEG_START):
        place = _jpeg_segment(stream, _FRAMES)
        number = {0xC0: "50", 0xC1: "51", 0xC3: "57", 0xF7: "80"}.get(stream[place + 1]) if place is not None else None
    else:
        start = stream.find(_J2K_SIZE, 0, 4096)
        # The 15th bit of Rsiz says that high throughput is used (ITU T.814 A.3).
        rsiz = stream[start + 6 : start + 7] if start >= 0 else b""
        number = ("203" if rsiz[0] & 0x40 else "91") if rsiz else None
    return f"1.2.840.10008.1.2.4.{number}" if number else None


def _j2k(stream: bytes, place: int) -> Codestream | None:
    """Read the SIZ segment (ITU T.800 A.5.1), which begins at a place."""
    if place + 41 > len(stream):
        return None
    width, height, left, top, *tile, samples, depth = struct.unpack_from(">8IHB", stream, place + 6)
    edges = ((width, tile[2], tile[0]), (height, tile[3], tile[1]))
    across, down = (-(-(extent - origin) // size) if size else 0 for extent, origin, size in edges)
    tiles = across * down
    complete = 0 < tiles <= _MAX_TILES and _tiles_present(stream, place) >= tiles
    return Codestream(height - top, width - left, samples, (depth & 0x7F) + 1, complete)


def _tiles_present(stream: bytes, place: int) -> int:
    """Count the tiles that have a whole part in the stream (ITU T.800 A.4.2)."""
    seen = set()
    while place + 12 <= len(stream):
        marker, length = struct.unpack_from(">HH", stream, place)
        if marker == _TILE_PART:
            tile, length = struct.unpack_from(">HI", stream, place + 4)
            end = place + length if length else len(stream)  # 0: up to the end of the stream
            if end > len(stream) or (length == 0 and stream.rfind(_JPEG_END, max(place, len(stream) - 64)) < 0):
                break
            seen.add(tile)
            place = max(end, place + 12)
        elif marker >= 0xFF01:
            place += 2 + length
        else:
            break
    return len(seen)
