"""What the page asks of the service."""

from __future__ import annotations

import pytest

from radloop.client import RefusedError
from radloop.inference.api_keys import issue
from radloop.serving.app import create_app
from radloop.serving.reading.asking import Asking, address_of, is_video, problem_of
from radloop.settings import Settings
from tests.services import thread_service
from tests.serving.reading.conftest import DICOM


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
        assert "/v1/predict" in asking.paths()
        with pytest.raises(RefusedError) as caught:
            asking.answer(b"text", None, {})
        assert problem_of(caught.value)["code"] == "unknown_format"


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
