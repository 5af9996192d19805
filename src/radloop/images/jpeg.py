"""What a JPEG file is made of, checked before a decoder believes it (ITU-T T.81, annex B).

libjpeg fills what is missing with grey and only warns, and Pillow does not pass the warning on; a
picture that is half there must not pass for one.
"""

from __future__ import annotations

import re

from radloop.images.header import MAX_PIXELS, unreadable

JPEG = b"\xff\xd8\xff"
# What may follow 0xFF without being a segment: stuffing, fill, TEM, restart markers, SOI.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_END = 0xD9


def first_image(content: bytes) -> bytes:
    """Return the first image of a file: what follows, such as the other views of an MPO file, is no part of it.

    Raises:
        Refusal: `unreadable_image`: it has no end.
    """
    return content[: _segments(content)[-1][2]]


def check_jpeg(content: bytes) -> None:
    """Refuse coded data that end early or break, by a second decoder that says so.

    It decodes an eighth of the resolution, about half of the work. What it does not know (arithmetic
    coding) is left to the first decoder; so is what no decoder can notice: other data in place of the right ones.

    Raises:
        Refusal: `unreadable_image`.
    """
    import av  # it loads FFmpeg, which PNG and DICOM do not need

    av.logging.set_level(None)
    # Comments and application data are left out: a mistake in them is none in the pixels.
    parts = [content[start:end] for kind, start, end in _segments(content) if not (0xE0 <= kind <= 0xEF or kind == 0xFE)]
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.options = {"err_detect": "explode", "lowres": "3", "max_pixels": str(2 * MAX_PIXELS)}
    decoder.thread_count = 1
    try:
        decoder.decode(av.Packet(b"\xff\xd8" + b"".join(parts)))
    except av.error.InvalidDataError:
        raise unreadable("its pixels are cut short or broken") from None
    except av.error.FFmpegError:
        return


def _segments(content: bytes) -> list[tuple[int, int, int]]:
    """Return (marker, start, end) of each segment to the end of the first image, coded data with the segment before."""
    found: list[tuple[int, int]] = []
    place = 2
    while match := _MARKER.search(content, place):
        kind = match[1][0]
        found.append((kind, match.start()))
        if kind == _END:
            ends = [*(start for _, start in found[1:]), match.end()]
            return [(kind, start, end) for (kind, start), end in zip(found, ends, strict=True)]
        place = match.end() + int.from_bytes(content[match.end() : match.end() + 2])
    raise unreadable("it is cut short")
