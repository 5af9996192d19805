"""A clip that is read bit by bit in a process of its own: no more of it is in memory than a few frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from radloop.errors import Refusal
from radloop.images.containers import container_of
from radloop.images.decode import Decoded, read_frames
from radloop.images.header import Header
from radloop.images.pool import Pool, Reply
from radloop.use_case import ImageSpec

FASTEST = 30.0
"""The most frames a second that are taken of a clip."""
_FRAMES = 8
"""At most so many at a time."""
_SECONDS = 0.3
"""Processor time after which a process hands over what it has: frames that are not taken cost time too."""

_open: Iterator[Decoded] | None = None
"""Of this process: the clip that it reads."""


def open_reply(content: bytes, spec: ImageSpec) -> Reply:
    """Begin with a clip, in a worker of the pool."""
    global _open
    _open = read_frames(content, spec)
    return {}, []


def next_reply() -> Reply:
    """Read on, in the same worker: the next frames, none at the end."""
    if _open is None:
        raise Refusal("unreadable_video", "the video cannot be read: its decoder was lost", "export it again as MP4 or AVI")
    headers, arrays, until = [], [], time.process_time() + _SECONDS
    for decoded in _open:
        headers.append({"header": asdict(decoded.header), "frame": decoded.frame, "seconds": decoded.seconds})
        arrays.append(decoded.pixels)
        if len(arrays) == _FRAMES or time.process_time() > until:
            break
    return {"frames": headers}, list(arrays)


def read_clip(content: bytes, spec: ImageSpec) -> Iterator[Decoded]:
    """Read a clip's frames at the rate of `spec`, decoded ahead in a process with limits while the caller works.

    Args:
        content: of the file.
        spec: of the use case, its `frames_per_second` the rate that is wanted.

    Raises:
        Refusal: as `read_video`; `not_a_video`; `decode_timeout`, `decode_memory` or `decoder_crashed`.
    """
    if container_of(content[:64]) is None:
        raise Refusal("not_a_video", "the file is not a video that is read here", "send MP4 or AVI")
    size = len(content)
    with Pool(1) as pool, ThreadPoolExecutor(1, thread_name_prefix="radloop-clip") as ahead:
        pool.call("radloop.images.clip:open_reply", content, spec, size=size)
        following = ahead.submit(pool.call, "radloop.images.clip:next_reply", size=size)
        while True:
            facts, arrays = following.result()
            if not arrays:
                return
            following = ahead.submit(pool.call, "radloop.images.clip:next_reply", size=size)
            for each, pixels in zip(facts["frames"], arrays, strict=True):
                yield Decoded(pixels, Header(**each["header"]), pixels, each["frame"], each["seconds"])
