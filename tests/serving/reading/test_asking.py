"""What the page asks of the service."""

from __future__ import annotations

import time

import httpx
import pytest

from radloop.client import RefusedError
from radloop.inference.api_keys import issue
from radloop.serving.app import create_app
from radloop.serving.reading.asking import Asking, address_of, is_video, problem_of
from radloop.settings import Settings
from tests.services import thread_service
from tests.serving.reading.conftest import CLIP, DICOM, LONG_CLIP


def test_it_asks_where_the_visitor_came_to() -> None:
    assert address_of({"server": ("127.0.0.1", 3000)}) == "http://127.0.0.1:3000"
    assert address_of({"server": ("::1", 8)}) == "http://[::1]:8"


def test_a_video_is_known_by_its_beginning() -> None:
    assert is_video(b"\0\0\0\x18ftypmp42") and is_video(b"RIFF....AVI LIST")
    assert not is_video(b"") and not is_video(b"\x89PNG") and not is_video(b"RIFF....WAVE")


def test_an_answer_keeps_what_the_client_does_not_know(asked: tuple[str, Settings]) -> None:
    with Asking(asked[0], "") as asking:
        answer = asking.answer(DICOM, "thorax-cxr", {}, "nodule")
        assert answer["explanation"]["target"] == "nodule" and answer["recorded"] is True
        with pytest.raises(RefusedError) as caught:
            asking.answer(b"text", None, {})
        assert problem_of(caught.value)["code"] == "unknown_format"


def test_a_clip_is_followed_to_its_result(asked: tuple[str, Settings]) -> None:
    with Asking(asked[0], "") as asking:
        jobs = list(asking.clip(CLIP, "lung-us", {"age": 54}))
        assert [job["status"] for job in jobs if "result" in job] == ["done"] and "result" in jobs[-1]
        assert (jobs[-1]["frames"], len(jobs[-1]["result"]["timeline"])) == (10, 10)
        frames = [job["frames"] for job in jobs]
        assert frames == sorted(frames)
        with pytest.raises(RefusedError) as caught:
            list(asking.clip(CLIP, "lung-us", {"agee": 54}))
        assert caught.value.code == "unknown_clinical_value"


def test_who_stops_listening_cancels_the_job(asked: tuple[str, Settings]) -> None:
    with Asking(asked[0], "") as asking:
        jobs = asking.clip(LONG_CLIP, "lung-us", {})
        name = next(jobs)["job"]
        jobs.close()
        with httpx.Client(base_url=asked[0]) as http:
            until = time.monotonic() + 20
            while (status := http.get(f"/v1/jobs/{name}").json()["status"]) in ("waiting", "running"):
                assert time.monotonic() < until
                time.sleep(0.02)
        assert status == "cancelled"


def test_the_operators_own_key_is_never_used(
    asked: tuple[str, Settings], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("keyed") / ".radloop"
    settings = Settings(root=home.parent, home=home)
    _, key = issue("operator", settings)
    monkeypatch.setenv("RADLOOP_API_KEY", key)
    with thread_service(create_app(settings)) as url:
        with Asking(url, "") as asking, pytest.raises(RefusedError) as caught:
            asking.use_cases()
        assert caught.value.code == "key_missing"
        with Asking(url, f" {key}\n") as asking:
            assert asking.use_cases() == []
