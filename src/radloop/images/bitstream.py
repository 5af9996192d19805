"""A compressed image without the places where text hides; the coded pixels stay as they are.

JPEG and JPEG-LS lose their application and comment segments, JPEG 2000 its comments and the boxes
around it, all of them what follows their end. Markers that can change the pixels and leave no room
for text are written anew. Bytes inside the entropy-coded data are not looked at.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from radloop.errors import Refusal
from radloop.images.header import unreadable

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOC, _EOC = b"\xff\x4f", b"\xff\xd9"
_JP2 = b"\x00\x00\x00\x0cjP  "

_SOS, _DRI, _DNL, _LSE, _COM = 0xDA, 0xDD, 0xDC, 0xF8, 0xFE
_DQT, _DHT, _DAC = 0xDB, 0xC4, 0xCC
# ITU T.81 table B.1 and T.87 C.1: frames that decoders of DICOM know, without the hierarchical ones.
_SOF = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB, 0xF7))
_JPEG_LS = 0xF7
_LSE_LENGTHS = {1: 13}
_AFTER_DATA = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
# In JPEG-LS a byte after FF below 80 hexadecimal is data (T.87 A.1); T.81 has only zero there.
_AFTER_LS_DATA = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")

_SOT, _SOD, _SIZ, _TLM, _J2K_COM = 0x90, 0x93, 0x51, 0x55, 0x64
# ITU T.800 table A.2 and T.814: segments of the main and the tile-part headers of Parts 1 and 15.
_J2K_SEGMENTS = frozenset((0x50, 0x51, 0x52, 0x53, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61, 0x63, 0x64))


def clean_stream(stream: bytes) -> bytes:
    """Return a JPEG, JPEG-LS, JPEG 2000 or HTJ2K stream that decodes to the same pixels and says nothing else.

    Raises:
        Refusal: `unreadable_image`: it is none of these, is cut short, or holds what cannot be understood.
    """
    try:
        if stream.startswith(_SOI):
            return _clean_jpeg(stream)
        if stream.startswith(_JP2):
            stream = _unboxed(stream)
        if stream.startswith(_SOC):
            return _clean_j2k(stream)
    except (struct.error, IndexError):
        raise unreadable("its compressed pixels are cut short") from None
    raise _strange()


def precision(stream: bytes) -> int:
    """Return the bits of one sample of a clean stream.

    Raises:
        Refusal: `unreadable_image`: the stream has no frame header.
    """
    if stream.startswith(_SOC):
        return (stream[42] & 0x7F) + 1  # Ssiz of the first component, ITU T.800 A.5.1
    place = 2
    while place + 4 < len(stream):
        marker, length = stream[place + 1], _word(stream, place + 2)
        if marker in _SOF:
            return stream[place + 4]
        place += 2 + length
    raise _strange()


def _strange() -> Refusal:
    return unreadable("its compressed pixels hold what cannot be understood")


def _word(stream: bytes, place: int) -> int:
    return int(struct.unpack_from(">H", stream, place)[0])


def _clean_jpeg(stream: bytes) -> bytes:
    parts, place, frame, scanned = [_SOI], 2, 0, False
    while stream[place : place + 2] != _EOI:
        if place >= len(stream) and scanned:  # writers forget the end marker; decoders supply it
            break
        if stream[place] != 0xFF:
            raise _strange()
        marker = stream[place + 1]
        if marker == 0xFF:  # a fill byte, B.1.1.2
            place += 1
            continue
        end = place + 2 + _word(stream, place + 2)
        parts.append(_jpeg_segment(marker, _whole(stream, place + 4, end)))
        frame = marker if marker in _SOF else frame
        place = end
        if marker == _SOS:
            place = _scan_end(stream, end, frame == _JPEG_LS)
            parts.append(stream[end:place])
            scanned = True
    if not (frame and scanned):
        raise unreadable("its compressed pixels are cut short")
    return b"".join((*parts, _EOI))


def _whole(stream: bytes, start: int, end: int) -> bytes:
    if end < start or end > len(stream):
        raise unreadable("its compressed pixels are cut short")
    return stream[start:end]


def _scan_end(stream: bytes, place: int, lossless: bool) -> int:
    """Return where entropy-coded data end: at a marker that is neither a stuffed zero nor a restart."""
    found = (_AFTER_LS_DATA if lossless else _AFTER_DATA).search(stream, place)
    return found.start() if found else len(stream)


def _jpeg_segment(marker: int, body: bytes) -> bytes:
    """Return the segment to write for one that was read: itself, a bare form of it, or nothing."""
    if marker == _COM or 0xE0 <= marker <= 0xEF:
        body = _bare_application(marker, body)
        return _segment(marker, body) if body else b""
    check = _CHECKS.get(_SOF_KEY if marker in _SOF else marker)
    if check is None or not check(body):
        raise _strange()
    return _segment(marker, body)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _bare_application(marker: int, body: bytes) -> bytes:
    """Return what of an application segment tells a decoder the colour space, without its free fields.

    Dropping JFIF (T.871), Adobe's APP14 (T.872 6.5.3) or the colour transform of JPEG-LS would change the decoded colours.
    """
    if marker == 0xE0 and body.startswith(b"JFIF\0"):
        return b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    if marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12 and body[11] <= 2:
        return b"Adobe\0\x64\0\0\0\0" + body[11:12]
    if marker == 0xE8 and body.startswith(b"mrfx") and len(body) == 5 and body[4] <= 3:
        return body
    return b""


def _exact_tables(body: bytes, length: Callable[[bytes], int]) -> bool:
    """Tell whether a segment is made of whole tables and nothing behind them."""
    while body:
        body, size = body[length(body) :], length(body) - len(body)
        if size > 0:
            return False
    return True


def _quantization_length(body: bytes) -> int:
    return 65 + 64 * (body[0] >> 4)


def _huffman_length(body: bytes) -> int:
    return 17 + sum(body[1:17])


_SOF_KEY = -1
_CHECKS: dict[int, Callable[[bytes], bool]] = {
    _SOF_KEY: lambda body: len(body) == 6 + 3 * body[5],
    _SOS: lambda body: len(body) == 4 + 2 * body[0],
    _DRI: lambda body: len(body) in (2, 3, 4),
    _DNL: lambda body: len(body) == 2,
    _DAC: lambda body: len(body) % 2 == 0 and len(body) <= 16,
    _DQT: lambda body: _exact_tables(body, _quantization_length),
    _DHT: lambda body: _exact_tables(body, _huffman_length),
    _LSE: lambda body: len(body) + 2 == _LSE_LENGTHS.get(body[0]),
}


def _unboxed(stream: bytes) -> bytes:
    """Return the codestream of a JP2 file (T.800 annex I); a palette in its boxes would be lost."""
    for kind, body in _boxes(stream):
        if kind == b"jp2h" and {inner for inner, _ in _boxes(body)} & {b"pclr", b"cmap"}:
            raise _strange()
        if kind == b"jp2c":
            return body
    raise _strange()


def _boxes(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(stream):
        length, kind = struct.unpack_from(">I4s", stream, place)
        head = 8
        if length == 1:
            length, head = int(struct.unpack_from(">Q", stream, place + 8)[0]), 16
        end = len(stream) if length == 0 else place + length
        if length and length < head:
            raise _strange()
        yield kind, stream[place + head : end]
        place = end


def _clean_j2k(stream: bytes) -> bytes:
    main, place, _ = _j2k_header(stream, 2, _SOT)
    parts, commented = [], False
    while stream[place : place + 2] == b"\xff\x90":
        part, end, dropped = _tile_part(stream, place)
        parts.append(part)
        commented = commented or dropped
        place = end
    if not parts:
        raise unreadable("its compressed pixels are cut short")
    if commented:  # tile-part lengths changed; their list is optional and only speeds up seeking
        main = [segment for segment in main if segment[1] != _TLM]
    return b"".join((_SOC, *main, *parts, _EOC))


def _j2k_header(stream: bytes, place: int, last: int) -> tuple[list[bytes], int, bool]:
    """Read segments up to the marker `last`; return those that stay, its place, and whether a comment was dropped."""
    kept, dropped = [], False
    while stream[place + 1] != last or stream[place] != 0xFF:
        marker = stream[place + 1]
        if stream[place] != 0xFF or marker not in _J2K_SEGMENTS:
            raise _strange()
        end = place + 2 + _word(stream, place + 2)
        segment = stream[place : place + 4] + _whole(stream, place + 4, end)
        if marker == _SIZ and len(segment) != 40 + 3 * _word(segment, 38):
            raise _strange()
        if marker == _J2K_COM:
            dropped = True
        else:
            kept.append(segment)
        place = end
    return kept, place, dropped


def _tile_part(stream: bytes, start: int) -> tuple[bytes, int, bool]:
    """Return a tile-part (T.800 A.4.2) without comments, where it ended, and whether it had any."""
    size, tile, length, index, count = struct.unpack_from(">HHIBB", stream, start + 2)
    if size != 10:
        raise _strange()
    segments, place, dropped = _j2k_header(stream, start + 12, _SOD)
    # Zero means up to the end marker, which coded data cannot contain.
    end = start + length if length else stream.find(_EOC, place)
    if end < 0:
        end = len(stream)
    body = b"".join(segments) + _whole(stream, place, end)
    if end < place + 2:
        raise _strange()
    return struct.pack(">HHHIBB", 0xFF90, 10, tile, 12 + len(body), index, count) + body, end, dropped
