"""What of Gradio can be reached."""

from __future__ import annotations

import pytest

from radloop.serving.reading.addresses import is_asset, is_work


@pytest.mark.parametrize("path", ["/read", "/read/", "/read/assets/index-1.js", "/read/static/fonts/a.woff2", "/read/theme.css"])
def test_the_page_and_its_files_are_anybodys(path: str) -> None:
    assert is_asset("GET", path) and is_asset("HEAD", path)
    assert not is_asset("POST", path) and not is_work("GET", path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/read/gradio_api/upload"),
        ("POST", "/read/gradio_api/queue/join"),
        ("GET", "/read/gradio_api/queue/data"),
    ],
)
def test_work_is_named(method: str, path: str) -> None:
    assert is_work(method, path) and not is_asset(method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/read/gradio_api/file=/etc/passwd",
        "/read/gradio_api/file/x",
        "/read/gradio_api/proxy=http://a",
        "/read/gradio_api/info",
        "/read/gradio_api/run/predict",
        "/read/gradio_api/component_server",
        "/read/gradio_api/deep_link",
        "/read/gradio_api/heartbeat/abc",
        "/read/monitoring",
        "/read/login",
        "/readx",
        "/v1/predict",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nothing_else_is(method: str, path: str) -> None:
    assert not is_asset(method, path) and not is_work(method, path)
