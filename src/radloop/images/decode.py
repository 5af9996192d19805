"""From a file to pixels in the use case's domain: the reader is chosen by content, never by name."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from radloop.errors import InputError, Refusal
from radloop.images.colour import coloured
from radloop.images.dicom import is_dicom, multi_frame, read_dataset, read_header, refusing, stored_frames
from radloop.images.domain import dicom_pixels, raster_pixels
from radloop.images.groups import Attributes
from radloop.images.header import Header, unreadable
from radloop.images.pool import Pool, Reply
from radloop.images.quality import Quality, quality
from radloop.images.raster import JPEG, PNG, read_raster
from radloop.use_case import ImageSpec

_HEAD = 4096
_REPLY = "radloop.images.decode:decoded_reply"


@dataclass(frozen=True)
class Decoded:
    """One image, or one frame of several.

    Attributes:
        pixels: uint8 [rows, columns] in the use case's domain.
        header: what the file says about itself.
        stored: the values as they are stored: integers or floats [rows, columns], or [rows, columns, 3].
        frame: the index in a file of several frames; of a video, among the frames that are taken.
        seconds: the time in a video.
    """

    pixels: NDArray[np.uint8]
    header: Header
    stored: NDArray[Any] = field(repr=False)
    frame: int = 0
    seconds: float | None = None

    @cached_property
    def quality(self) -> Quality:
        """Return the quality of the pixels, worked out once."""
        return quality(self.pixels)

    @cached_property
    def coloured(self) -> float:
        """Return the share of its pixels that are coloured, worked out once."""
        return coloured(self.stored)


def decode(source: Path | bytes, spec: ImageSpec | None = None, frame: int | None = None) -> Decoded:
    """Read one still image, or one frame.

    Args:
        source: a DICOM, PNG, JPEG or video file, or its bytes.
        spec: the use case's image section; None is the display domain.
        frame: the index of the one that is wanted where there are several.

    Raises:
        InputError: `missing_file`.
        Refusal: `unknown_format`, `unreadable_image`, `image_too_large`, `no_image`, `multi_frame`,
            `no_such_frame`, `unsupported_encoding`, `no_hounsfield`, `colour_image`, `video_not_admitted`
            or `decode_memory`; no message names the file or a person.
    """
    found = _frames(_content(source), spec, frame, several=frame is not None)
    decoded = next(found, None)
    if decoded is None:
        raise Refusal("no_such_frame", f"the file has no frame {frame}", "frames are counted from 0")
    return decoded


def read_frames(source: Path | bytes, spec: ImageSpec | None = None) -> Iterator[Decoded]:
    """Read every frame, one in memory at a time; a still image has one.

    Raises:
        InputError: `missing_file`.
        Refusal: as `decode`.
    """
    yield from _frames(_content(source), spec, None, several=True)


def decoded_reply(content: bytes, spec: ImageSpec | None, frame: int | None = None) -> Reply:
    """Read one image in a worker of the pool; see `decode_apart`."""
    decoded = decode(content, spec, frame)
    facts = {"header": asdict(decoded.header), "frame": decoded.frame, "seconds": decoded.seconds}
    facts["quality"] = asdict(decoded.quality)  # here it keeps no other request waiting for the interpreter
    return facts, [decoded.pixels] if decoded.stored is decoded.pixels else [decoded.pixels, decoded.stored]


def ready_reply() -> Reply:
    """Answer once everything is imported; see `Pool.warm`."""
    quality(np.zeros((32, 32), dtype=np.uint8))
    return {}, []


def decode_apart(content: bytes, spec: ImageSpec | None, pool: Pool, frame: int | None = None) -> Decoded:
    """Do as `decode`, in a worker process.

    Raises:
        Refusal: as `decode`, or `decode_timeout` or `decoder_crashed`.
    """
    facts, arrays = pool.call(_REPLY, content, spec, frame, size=len(content))
    decoded = Decoded(arrays[0], Header(**facts["header"]), arrays[-1], facts["frame"], facts["seconds"])
    vars(decoded)["quality"] = Quality(**facts["quality"])
    return decoded


def census_reply(content: bytes, spec: ImageSpec | None) -> Reply:
    """Read every frame in a worker of the pool: how many there are, and a digest of their pixels."""
    digest, count = hashlib.sha256(), 0
    for decoded in read_frames(content, spec):
        digest.update(decoded.pixels.tobytes())
        count += 1
    return {"frames": count, "sha256": digest.hexdigest()}, []


def _frames(content: bytes, spec: ImageSpec | None, frame: int | None, *, several: bool) -> Iterator[Decoded]:
    if not content:
        raise unreadable("it is empty")
    if is_dicom(content):
        return dicom_frames(read_dataset(content), spec, frame, several=several)
    if content.startswith((PNG, JPEG)):
        return itertools.islice(_raster_frames(content, spec), frame, None)
    from radloop.images.video import is_video  # it loads FFmpeg, which no other format needs

    if is_video(content[:_HEAD]):
        return itertools.islice(_video_frames(content, spec, several=several), frame, None)
    raise Refusal(
        "unknown_format", "the file is neither DICOM, PNG, JPEG nor a video", "export the image in one of these formats"
    )


def dicom_frames(
    dataset: pydicom.Dataset, spec: ImageSpec | None = None, frame: int | None = None, *, several: bool = True
) -> Iterator[Decoded]:
    """Read the frames of a data set that `dicom.read_dataset` gave: who writes it anew parses it once.

    Raises:
        Refusal: as `decode`.
    """
    header = read_header(dataset)
    count = header.frames
    if count != 1 and not several:
        raise multi_frame()
    if frame is not None and not 0 <= frame < count:
        return
    big_endian = not dataset.original_encoding[1]
    for index, stored in enumerate(stored_frames(dataset, frame), start=frame or 0):
        with refusing():
            pixels = dicom_pixels(stored, Attributes(dataset, index), spec, big_endian=big_endian)
        yield Decoded(pixels, header if count == 1 else read_header(dataset, index), stored, index)


def _raster_frames(content: bytes, spec: ImageSpec | None) -> Iterator[Decoded]:
    stored, header = read_raster(content)
    yield Decoded(raster_pixels(stored, spec), header, stored)


def _video_frames(content: bytes, spec: ImageSpec | None, *, several: bool) -> Iterator[Decoded]:
    if spec is None or spec.frames_per_second is None:
        raise Refusal("video_not_admitted", "the file is a video; still images are taken here", "send one frame as PNG or DICOM")
    if not several:
        raise multi_frame()
    from radloop.images.video import read_video

    for index, (seconds, grey, header) in enumerate(read_video(content, spec.frames_per_second)):
        yield Decoded(raster_pixels(grey, spec), header, grey, index, seconds)


def _content(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    if not source.exists():
        raise InputError("missing_file", "the image file does not exist", "check the path")
    try:
        return source.read_bytes()
    except OSError as error:
        raise unreadable(f"the file cannot be opened ({type(error).__name__})") from None
