"""Videos in: grey frames at a chosen rate, one in memory at a time, or a refusal.

A frame is taken for what the clip shows: full-range luma, turned as the clip says. The rate goes by the
clip's time stamps. A file that is cut short is refused before its first frame; where coded data break
further on, the refusal comes at the break and the frames before it were right.
"""

from __future__ import annotations

import io
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from radloop.errors import Refusal
from radloop.images.colour import luma
from radloop.images.containers import check_whole, container_of
from radloop.images.header import MAX_PIXELS, Header, check_size
from radloop.images.orientation import matrix_orientation, upright

MAX_SECONDS = 300
"""The longest clip that is read."""
_MAX_FRAMES = 240 * MAX_SECONDS
_USUAL_RATE = Fraction(25)
_FULL_RANGE = 2
"""FFmpeg's number of a colour range whose black is 0 and white is 255, rather than 16 and 235."""
_HINT = "export it again as MP4 or AVI"


def is_video(head: bytes) -> bool:
    """Say whether a file that starts with these bytes (64 are enough) is MP4, MOV, AVI, Matroska or WebM."""
    return container_of(head) is not None


def read_video(source: Path | bytes, frames_per_second: float) -> Iterator[tuple[float, NDArray[np.uint8], Header]]:
    """Read a clip's frames at a chosen rate.

    Time is cut into slots of 1 / `frames_per_second` from the first frame on, and the first frame of each
    slot is taken; a slot without one is left out. So a rate above the clip's own gives every frame once. A
    missing or repeated time stamp is taken for one frame's duration after the last.

    Args:
        source: the file or its bytes.
        frames_per_second: above 0.

    Yields:
        Seconds from the first frame, grey uint8 [rows, columns], and the header; its `frames` are those of
        the file where it says so, else 1.

    Raises:
        Refusal: `unreadable_video`, `no_video`, `video_too_long` or `image_too_large`, before the first frame
            or at the frame where it is found.
    """
    if not frames_per_second > 0:
        raise ValueError("frames_per_second must be above 0")
    rate = Fraction(frames_per_second)
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
        yield from _frames(content, rate)
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - broken files make FFmpeg raise almost anything, with their name in it
        raise _unreadable(f"its content is broken ({type(error).__name__})") from None


def _frames(content: bytes, rate: Fraction) -> Iterator[tuple[float, NDArray[np.uint8], Header]]:
    kind = container_of(content[:64])
    if kind is None:
        raise _unreadable("it is neither MP4, AVI nor Matroska")
    check_whole(content, kind)
    limit = {"max_pixels": str(2 * MAX_PIXELS)}  # ours is judged on the frame; this one stops a lie before it is allocated
    av.logging.set_level(None)  # FFmpeg writes what it finds, and a name may be in it
    with av.open(io.BytesIO(content), "r", format=kind, options=limit, metadata_errors="replace") as container:
        stream = _stream(container)
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"err_detect": "explode", **limit}
        clock = _Clock(stream, by_order=kind == "avi")
        due, count, turn = 0, 0, 1
        for frame in _decoded(container, stream, clock):
            seconds, count = clock.time(frame), count + 1
            if count == 1:  # of the whole clip; a frame whose side data were looked at waits for the garbage collector
                turn = _turn(frame)
            if seconds > MAX_SECONDS or count > _MAX_FRAMES:
                raise _too_long()
            slot = math.floor((seconds + min(clock.step, 1 / rate) / 4) * rate)
            if slot >= due:
                due = slot + 1
                yield float(seconds), *_shown(frame, turn, stream.frames)
        if not count:
            raise _unreadable("it holds no frame")


def _stream(container: InputContainer) -> VideoStream:
    """Return the video, which a cover picture of a sound file is not."""
    found = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not found:
        raise Refusal("no_video", "the file holds no video", _HINT)
    stream = found[0]
    check_size(stream.height, stream.width)
    length = stream.duration * stream.time_base if stream.duration is not None and stream.time_base else None
    if length is None and container.duration is not None:
        length = Fraction(container.duration, av.time_base)
    if length is not None and length > MAX_SECONDS:
        raise _too_long()
    return stream


def _decoded(container: InputContainer, stream: VideoStream, clock: _Clock) -> Iterator[VideoFrame]:
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise _unreadable("a part of it is missing")
        if not packet.size and packet.dts is not None:
            continue  # AVI: the frame before stays for longer
        if packet.size:
            clock.order.append(packet.dts)
        for frame in stream.codec_context.decode(packet if packet.size else None):
            if frame.is_corrupt:
                raise _unreadable("a frame is broken")
            yield frame


@dataclass
class _Clock:
    """The time of each frame, in the order in which frames are shown."""

    stream: VideoStream
    by_order: bool
    """AVI stamps chunks in the order of decoding: the n-th frame shown has the n-th of these stamps."""
    order: deque[int | None] = field(default_factory=deque)
    first: Fraction | None = None
    last: Fraction | None = None

    @property
    def step(self) -> Fraction:
        """Return one frame's duration, seconds."""
        rate = self.stream.average_rate or _USUAL_RATE
        return 1 / rate if 0 < rate <= 1000 else 1 / _USUAL_RATE

    def time(self, frame: VideoFrame) -> Fraction:
        """Return a frame's seconds from the first one."""
        stamp = frame.pts
        if self.by_order and self.order:
            stamp = self.order.popleft()
        unit = frame.time_base or self.stream.time_base
        time = stamp * unit if stamp is not None and unit else None
        if self.last is not None and (time is None or time <= self.last):
            time = self.last + self.step
        self.last = time if time is not None else Fraction(0)
        self.first = self.last if self.first is None else self.first
        return self.last - self.first


def _turn(frame: VideoFrame) -> int:
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return matrix_orientation(bytes(matrix)) if matrix is not None else 1


def _shown(frame: VideoFrame, turn: int, frames: int) -> tuple[NDArray[np.uint8], Header]:
    check_size(frame.height, frame.width)
    grey = upright(_grey(frame), turn)
    header = Header(
        photometric="MONOCHROME2",
        format="video",
        rows=grey.shape[0],
        columns=grey.shape[1],
        bits=max(component.bits for component in frame.format.components),
        frames=max(1, frames),
    )
    return grey, header


def _grey(frame: VideoFrame) -> NDArray[np.uint8]:
    """Return the luma, uint8 [rows, columns], black at 0 and white at 255 (ITU-R BT.601 and BT.2100 for the ranges)."""
    layout = frame.format
    if layout.is_rgb or layout.has_palette:
        return luma(frame.to_ndarray(format="rgb24"))
    if not layout.name.startswith(("yuv", "gray", "nv")) or layout.components[0].bits > 16:
        frame = frame.reformat(format="yuv444p")  # samples of a packed layout change places, luma keeps its values
    bits = frame.format.components[0].bits
    full = frame.color_range == _FULL_RANGE or layout.name.startswith(("yuvj", "gray"))
    return _ranged(_plane(frame, bits), bits, full=full)


def _plane(frame: VideoFrame, bits: int) -> NDArray[Any]:
    plane = frame.planes[0]
    size = 1 if bits <= 8 else 2
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width * size]
    if size == 1:
        return lines
    return np.ascontiguousarray(lines).view(">u2" if frame.format.name.endswith("be") else "<u2")


def _ranged(values: NDArray[Any], bits: int, *, full: bool) -> NDArray[np.uint8]:
    """Scale luma of some bits to 0 to 255, rounded, in whole numbers: every machine finds the same."""
    black, white = (0, (1 << bits) - 1) if full else (16 << (bits - 8), 235 << (bits - 8))
    span = white - black
    steps = np.clip(np.arange(1 << bits, dtype=np.int64) - black, 0, span)
    table: NDArray[np.uint8] = ((steps * 255 + span // 2) // span).astype(np.uint8)
    scaled: NDArray[np.uint8] = table[values & ((1 << bits) - 1)]
    return scaled


def _unreadable(reason: str) -> Refusal:
    return Refusal("unreadable_video", f"the video cannot be read: {reason}", _HINT)


def _too_long() -> Refusal:
    return Refusal("video_too_long", f"the video is longer than {MAX_SECONDS // 60} minutes", "cut the part that is meant")
