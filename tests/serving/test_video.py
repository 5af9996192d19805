"""Videos over HTTP: a job, its timeline and its clip-level answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from radloop.client import AsyncClient, Client
from radloop.inference.predictor import Predictor
from radloop.serving.app import create_app
from radloop.settings import Settings
from tests.bundles import make_bundle
from tests.image_files import make_raster
from tests.images.test_video import level, make_clip
from tests.services import point, thread_service

IMAGE = {"modalities": ("US",), "body_parts": ("LUNG",), "size": 64, "min_side": 32, "frames_per_second": 2.0}
CLIP = make_clip("avi", "rawvideo", "gray", frames=50, rate=10)
"""Five seconds; at two frames a second 0, 5, 10 ... 45."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("installation") / ".radloop"
    folder = make_bundle(home / "bundles", seed=1, use_case="lung-us", image=IMAGE, intended_use={"statement": "Clips."})
    point(folder)
    point(make_bundle(home / "bundles", seed=2))
    settings = Settings(root=home.parent, home=home, max_batch_bytes=2_000_000)
    with thread_service(create_app(settings)) as url:
        yield url, folder


def frame(k: int) -> bytes:
    grey = np.full((48, 64), level(k), np.uint8)
    grey[:16, :16] = level(k) // 2
    return make_raster(grey)


def test_a_clip_has_a_timeline_and_the_mean_of_its_frames(served: tuple[str, Path]) -> None:
    with Client(served[0]) as client:
        found = client.predict_video(CLIP, "lung-us", period=0.05)
    predictor = Predictor(served[1])
    taken = list(range(0, 50, 5))
    expected = {k: predictor.score(frame(k)).probabilities[0] for k in taken}
    assert [each.seconds for each in found.timeline] == [k / 10 for k in taken]
    assert found.timeline[0].refused == "blank_image" and found.refused >= 1  # frame 0 is black
    said = {k: each.probabilities[0] for k, each in zip(taken, found.timeline, strict=True) if each.probabilities}
    assert said == {k: expected[k] for k in said} and len(said) == 10 - found.refused
    clip = found.answer.findings[0]
    assert clip.probability == pytest.approx(sum(said.values()) / len(said))
    assert clip.positive is (clip.probability >= 0.42)
    top = max(said, key=lambda k: said[k])
    assert (found.labels, found.peaks[0].seconds, found.peaks[0].probability) == (("tuberculosis",), top / 10, said[top])
    assert found.answer.recorded


def test_the_rate_can_be_chosen_and_the_answer_awaited(served: tuple[str, Path]) -> None:
    async def ask() -> int:
        async with AsyncClient(served[0]) as client:
            return len((await client.predict_video(CLIP, "lung-us", frames_per_second=4.0, period=0.05)).timeline)

    assert asyncio.run(ask()) == 20


@pytest.mark.parametrize(
    ("content", "data", "status", "code"),
    [
        (b"text", {}, 422, "not_a_video"),
        (frame(9), {}, 422, "not_a_video"),
        (CLIP, {"use_case": "tb-cxr"}, 422, "video_not_admitted"),
        (CLIP, {"use_case": "tb-cx"}, 404, "unknown_use_case"),
        (CLIP, {"frames_per_second": "0"}, 422, "invalid_rate"),
        (CLIP, {"frames_per_second": "nan"}, 422, "invalid_rate"),
        (CLIP, {"frames_per_second": "31"}, 422, "invalid_rate"),
        (CLIP, {"clinical": '{"agee": 3}'}, 422, "unknown_clinical_value"),
        (bytes(2_000_001), {}, 413, "upload_too_large"),
    ],
)
def test_what_is_refused_at_once(served: tuple[str, Path], content: bytes, data: dict[str, str], status: int, code: str) -> None:
    response = httpx.post(
        f"{served[0]}/v1/predict_video", files={"video": ("Doe", content)}, data={"use_case": "lung-us"} | data, timeout=30
    )
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_clip_that_breaks_later_fails_its_job_with_a_code_and_leaves_no_file(served: tuple[str, Path]) -> None:
    url, folder = served
    home = folder.parents[2]
    before = files_of(home)
    with httpx.Client(base_url=url) as http:
        response = http.post("/v1/predict_video", files={"video": CLIP[:-2000]}, data={"use_case": "lung-us"})
        assert response.status_code == 202
        job = f"/v1/jobs/{response.json()['job']}"
        while http.get(job).json()["status"] in ("waiting", "running"):
            time.sleep(0.02)
        assert (http.get(job).json()["status"], http.get(job).json()["code"]) == ("failed", "unreadable_video")
        assert http.get(f"{job}/result").json()["code"] == "unreadable_video"
        assert http.delete(job).status_code == 200
        assert http.get(job).json()["code"] == "unknown_job"
    assert files_of(home) == before


def files_of(home: Path) -> set[Path]:
    """Return what an installation holds, but for its records and the key that they begin with."""
    return {path for path in home.rglob("*") if path.relative_to(home).parts[0] not in ("keys", "records")}


def test_a_job_is_cancelled(served: tuple[str, Path]) -> None:
    long = make_clip("avi", "mjpeg", "yuvj420p", frames=1500, rate=10)
    with Client(served[0]) as client:
        job = client.send_video(long, "lung-us", frames_per_second=10.0)
        assert client.cancel(job.job).job == job.job
        while not client.job(job.job).finished:
            time.sleep(0.02)
        assert (client.job(job.job).status, client.job(job.job).frames < 1500) == ("cancelled", True)
