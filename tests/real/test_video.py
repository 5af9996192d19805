"""Real ultrasound clips: as many frames as their publisher counted."""

from __future__ import annotations

import csv
from pathlib import Path

from conftest import need

from radloop.images.video import is_video, read_video


def test_every_frame_of_every_clip_is_found(real_data: Path) -> None:
    folder = real_data / "lung-us-video"
    need(folder.is_dir(), "RADLOOP_REAL_DATA has no lung-us-video/")
    with (folder / "manifest.csv").open(newline="") as file:
        clips = list(csv.DictReader(file))
    assert len(clips) == 18
    for clip in clips:
        content = (folder / clip["path"]).read_bytes()
        assert is_video(content[:64])
        frames = list(read_video(content, float(clip["fps"])))
        assert len(frames) == int(clip["frames_decoded"]), clip["path"]
        assert {grey.shape for _, grey, _ in frames} == {(int(clip["height"]), int(clip["width"]))}
        assert all(header.frames == len(frames) for _, _, header in frames)
        assert [round(seconds * 25) for seconds, _, _ in frames] == list(range(len(frames)))
        # 5 a second of 25: every fifth
        assert len(list(read_video(content, 5))) == -(-len(frames) // 5)
