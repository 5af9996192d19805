"""Videos in: the clips are made here, and frame k of them has the grey level that `level` says."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from radloop.errors import Refusal
from radloop.images.header import Header
from radloop.images.video import is_video, read_video

SIZE = (48, 64)
KINDS = [
    ("mp4", "libx264", "yuv420p"),
    ("mp4", "mpeg4", "yuv420p"),
    ("mov", "prores_ks", "yuv422p10le"),
    ("avi", "mjpeg", "yuvj420p"),
    ("avi", "mpeg4", "yuv420p"),
    ("avi", "libx264", "yuv420p"),
    ("avi", "rawvideo", "bgr24"),
    ("avi", "rawvideo", "gray"),
    ("avi", "rawvideo", "yuyv422"),
    ("matroska", "ffv1", "gray"),
    ("webm", "libvpx-vp9", "yuv420p"),
]

Frames = list[tuple[float, NDArray[np.uint8], Header]]


def level(k: int) -> int:
    return 8 * k % 256


def make_clip(
    kind: str = "mp4",
    codec: str = "libx264",
    pixels: str = "yuv420p",
    *,
    frames: int = 25,
    rate: int = 25,
    stamps: list[int] | None = None,
    rotation: int | None = None,
    size: tuple[int, int] = SIZE,
    title: str | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """Return a clip whose frame k is `level(k)` all over, but for a darker top left corner; stamps count 1 / rate."""
    stream = io.BytesIO()
    with av.open(stream, "w", format=kind) as container:
        video: Any = container.add_stream(codec, rate=rate, options=options or {})
        video.height, video.width, video.pix_fmt = *size, pixels
        video.codec_context.time_base = Fraction(1, rate)
        if title is not None:
            container.metadata["title"] = title
        if rotation is not None:
            video.set_display_rotation(rotation)
        for k in range(frames):
            grey = np.full(size, level(k), np.uint8)
            grey[: size[0] // 3, : size[1] // 4] = level(k) // 2
            frame = av.VideoFrame.from_ndarray(grey, format="gray")
            frame.pts, frame.time_base = (stamps[k] if stamps else k), Fraction(1, rate)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return stream.getvalue()


def make_sound(*, cover: bool = False) -> bytes:
    """Return an MP4 of silence, with a cover picture if asked."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        sound: Any = container.add_stream("aac", rate=8000)
        picture: Any = container.add_stream("mjpeg", rate=1) if cover else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        if picture is not None:
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32), np.uint8), format="gray")))
    return stream.getvalue()


def levels(frames: Frames) -> list[int]:
    """Return the grey level in the middle of each frame."""
    return [int(grey[grey.shape[0] // 2, grey.shape[1] // 2]) for _, grey, _ in frames]


def code_of(content: bytes, rate: float = 25) -> str:
    with pytest.raises(Refusal) as caught:
        list(read_video(content, rate))
    return caught.value.code


@pytest.mark.parametrize(("kind", "codec", "pixels"), KINDS)
def test_every_frame_in_its_order_and_at_its_time(kind: str, codec: str, pixels: str) -> None:
    content = make_clip(kind, codec, pixels)
    assert is_video(content[:64])
    frames = list(read_video(content, 25))
    assert len(frames) == 25
    assert np.abs(np.array(levels(frames)) - [level(k) for k in range(25)]).max() <= 3
    assert [seconds for seconds, _, _ in frames] == pytest.approx([k / 25 for k in range(25)])
    for _, grey, header in frames:
        assert (grey.dtype, grey.shape) == (np.uint8, SIZE)
        assert (header.format, header.rows, header.columns, header.bits) == ("video", *SIZE, 10 if "10" in pixels else 8)
        assert header.frames == (1 if kind in ("matroska", "webm") else 25)


def test_black_and_white_are_0_and_255_whatever_the_clip_stores() -> None:
    # limited range stores 16 and 235, full range 0 and 255
    for kind, codec, pixels in KINDS:
        frames = list(read_video(make_clip(kind, codec, pixels, frames=2, options={"qp": "0"} if codec == "libx264" else {}), 25))
        assert levels(frames)[0] == 0, codec
    white = np.full((1, *SIZE), 255, np.uint8)
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video: Any = container.add_stream("mpeg4", rate=25)
        video.height, video.width, video.pix_fmt = *SIZE, "yuv420p"
        container.mux(video.encode(av.VideoFrame.from_ndarray(white[0], format="gray")))
        container.mux(video.encode(None))
    assert levels(list(read_video(stream.getvalue(), 25))) == [255]


@pytest.mark.parametrize(
    ("rate", "taken"),
    [
        (5.0, [0, 5, 10, 15, 20]),
        (12.5, list(range(0, 25, 2))),
        (10.0, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23]),  # 0, 0.1 s -> 0.12, 0.2, 0.3 -> 0.32, ...
        (1.0, [0]),
        (0.5, [0]),
        (25.0, list(range(25))),
        (1000.0, list(range(25))),
    ],
)
@pytest.mark.parametrize(("kind", "codec", "pixels"), [KINDS[0], KINDS[3], KINDS[5], KINDS[9]])
def test_frames_are_taken_at_the_rate_that_is_asked(rate: float, taken: list[int], kind: str, codec: str, pixels: str) -> None:
    frames = list(read_video(make_clip(kind, codec, pixels), rate))
    assert [round(seconds * 25) for seconds, _, _ in frames] == taken
    assert np.abs(np.array(levels(frames)) - [level(k) for k in taken]).max() <= 3


def test_a_variable_rate_goes_by_the_stamps() -> None:
    # at 50 stamps a second: 0.0, 0.02, 0.04, 0.5, 0.52, 2.0, 2.1 s; slots of half a second: 0, 1 (0.5) and 4 (2.0)
    content = make_clip("mp4", frames=7, rate=50, stamps=[0, 1, 2, 25, 26, 100, 105])
    assert [round(seconds, 3) for seconds, _, _ in read_video(content, 2)] == [0.0, 0.5, 2.0]
    assert len(list(read_video(content, 50))) == 7


def test_a_clip_that_starts_late_starts_at_0() -> None:
    content = make_clip("matroska", "ffv1", "gray", frames=5, stamps=[50, 51, 52, 53, 54])
    assert [round(seconds, 3) for seconds, _, _ in read_video(content, 25)] == [0.0, 0.04, 0.08, 0.12, 0.16]


def test_stamps_that_stand_still_count_by_the_rate() -> None:
    content = make_clip("mp4", "mpeg4")
    table = content.index(b"stts")  # one run of 25 frames, each this long: the sample table's only entry
    assert struct.unpack_from(">II", content, table + 8)[1] == 25
    still = content[: table + 16] + struct.pack(">I", 0) + content[table + 20 :]
    assert len(list(read_video(still, 25))) == 25


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_a_turned_clip_is_turned_back(rotation: int) -> None:
    frames = list(read_video(make_clip(frames=20, rotation=rotation), 25))
    _, grey, header = frames[-1]
    upright = list(read_video(make_clip(frames=20), 25))[-1][1]
    assert np.array_equal(grey, np.rot90(upright, rotation // 90))
    assert (header.rows, header.columns) == grey.shape


def test_a_path_is_read_as_its_bytes(tmp_path: Path) -> None:
    content = make_clip(frames=3)
    (tmp_path / "clip").write_bytes(content)
    for (_, one, _), (_, other, _) in zip(read_video(tmp_path / "clip", 25), read_video(content, 25), strict=True):
        assert np.array_equal(one, other)


def test_the_same_clip_gives_the_same_bytes() -> None:
    content = make_clip(frames=10)
    assert [grey.tobytes() for _, grey, _ in read_video(content, 25)] == [
        grey.tobytes() for _, grey, _ in read_video(content, 25)
    ]


@pytest.mark.parametrize(("kind", "codec", "pixels"), KINDS)
def test_a_clip_that_is_cut_short_is_refused_before_its_first_frame(kind: str, codec: str, pixels: str) -> None:
    content = make_clip(kind, codec, pixels)
    for end in [*range(12, len(content), max(1, len(content) // 15)), len(content) - 1]:
        with pytest.raises(Refusal) as caught:
            next(read_video(content[:end], 25))
        assert caught.value.code == "unreadable_video", end


def test_a_clip_that_breaks_further_on_gives_the_frames_before() -> None:
    content = bytearray(make_clip("avi", "mjpeg", "yuvj420p"))
    places = [place for place in range(len(content) - 4) if content[place : place + 3] == b"\xff\xd8\xff"]
    assert len(places) == 25
    # From the middle of the data of frame 10 on, its picture is lost.
    content[places[10] + 2 : places[11] - 16] = bytes(places[11] - 16 - places[10] - 2)
    found: list[int] = []
    with pytest.raises(Refusal) as caught:
        for _, grey, _ in read_video(bytes(content), 25):
            found.append(int(grey[24, 32]))
    assert caught.value.code == "unreadable_video"
    assert found == [level(k) for k in range(10)]


def test_what_is_no_video_is_refused() -> None:
    assert code_of(make_sound()) == "no_video"
    assert code_of(make_sound(cover=True)) == "no_video"
    assert code_of(b"\0\0\0\x18ftypmp42" + bytes(500)) == "unreadable_video"
    assert code_of(b"RIFF\xf4\x01\0\0AVI " + bytes(500)) == "unreadable_video"
    assert code_of(b"\x1aE\xdf\xa3" + bytes(500)) == "unreadable_video"
    assert code_of(b"neither of them") == "unreadable_video"
    assert code_of(b"") == "unreadable_video"
    for seed in range(30):
        noise = np.random.default_rng(seed).bytes(2000)
        assert code_of(b"\0\0\0\x18ftypmp42" + noise) == "unreadable_video"


def test_videos_are_told_by_content() -> None:
    assert not is_video(b"")
    assert not is_video(b"\x89PNG\r\n\x1a\n" + bytes(56))
    assert not is_video(b"\xff\xd8\xff\xe0" + bytes(60))
    assert not is_video(bytes(128) + b"DICM")
    assert not is_video(b"RIFF\0\0\0\0WAVEfmt ")
    assert not is_video(b"\0\0\0\x18ftypheic" + bytes(50))  # a still picture
    assert is_video(b"\0\0\0\x18ftypmp42" + bytes(50))
    assert is_video(b"\0\0\0\x08wide\0\0\0\0mdat")  # QuickTime before brands


def test_the_length_is_limited() -> None:
    tiny = {"frames": 302, "rate": 1, "size": (16, 16)}
    content = make_clip("avi", "mjpeg", "yuvj420p", **tiny)
    assert code_of(content) == "video_too_long"
    assert len(list(read_video(make_clip("avi", "mjpeg", "yuvj420p", **(tiny | {"frames": 300})), 1))) == 300
    # A header that claims a single second does not help: the stamps are judged as they come.
    for name in (b"avih", b"strh"):
        place = content.index(name) + 8 + {b"avih": 16, b"strh": 32}[name]
        assert struct.unpack_from("<I", content, place)[0] == 302
        content = content[:place] + struct.pack("<I", 1) + content[place + 4 :]
    assert code_of(content) == "video_too_long"


def test_a_huge_frame_is_refused_by_its_header() -> None:
    content = bytearray(make_clip("mp4", "mpeg4", frames=2))
    place = content.index(b"mp4v", content.index(b"stsd")) + 28
    assert struct.unpack_from(">HH", content, place) == (64, 48)
    content[place : place + 4] = struct.pack(">HH", 30_000, 30_000)
    tracemalloc.start()
    with pytest.raises(Refusal):
        # the coded data say 64 x 48; either the claim is refused or nothing of its size is made
        for _, grey, _ in read_video(bytes(content), 25):
            assert grey.shape == SIZE
        raise Refusal("read", "the claim was not believed")
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_the_rate_must_be_a_number_above_0() -> None:
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            next(read_video(b"", rate))


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    # 400 frames of 480 x 640 are 123 MB of grey.
    (tmp_path / "clip").write_bytes(make_clip("mp4", "mpeg4", frames=400, size=(480, 640), options={"qscale": "31"}))
    script = (
        "import resource, sys; from pathlib import Path; from radloop.images.video import read_video\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "frames = read_video(Path(sys.argv[1]), 1000)\n"
        "for _ in range(50): next(frames)\n"
        "early = peak(); rest = sum(1 for _ in frames)\n"
        "print(rest, peak() - early)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "clip"], capture_output=True, text=True, check=True)
    rest, growth = map(int, done.stdout.split())
    assert rest == 350
    assert growth < 4_000, f"{growth} KiB more after 400 frames than after 50"


def test_no_word_of_the_file_reaches_an_output() -> None:
    content = make_clip("avi", "mpeg4", title="Doe^Jane")
    assert b"Doe^Jane" in content
    broken = bytearray(content)
    for place in range(len(content) // 2, len(content) - 400, 7):
        broken[place] ^= 0x55
    script = (
        "import sys, av; from radloop.images.video import read_video\n"
        "try: list(read_video(sys.stdin.buffer.read(), 25))\n"
        "except Exception as error: print(error)\n"
    )
    for sample in (content, bytes(broken), content[:-500]):
        done = subprocess.run([sys.executable, "-c", script], input=sample, capture_output=True, check=True)
        assert b"Doe" not in done.stdout + done.stderr
        assert not done.stderr
