"""The page in the service: what it lets through, and what it says of itself to a browser."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import httpx
import pytest

from radloop.inference.api_keys import issue
from radloop.serving.app import create_app
from radloop.settings import Settings
from tests.services import thread_service


@pytest.fixture
def http(asked: tuple[str, Settings]) -> httpx.Client:
    return httpx.Client(base_url=asked[0], timeout=60)


@pytest.mark.parametrize("path", ["/read", "/read/"])
def test_the_page_is_answered_and_its_files_are_found(http: httpx.Client, path: str) -> None:
    response = http.get(path)
    assert response.status_code == 200 and "Read an image - Radloop" in response.text
    assert http.head(path).status_code == 200
    policy = response.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy and "default-src 'self'" in policy and "http" not in policy
    assert (response.headers["cache-control"], response.headers["x-frame-options"]) == ("no-store", "DENY")
    base = re.search(r'<base href="([^"]*)"', response.text)
    script = re.search(r'src="\./(assets/[^"]*\.js)"', response.text)
    assert base is not None and script is not None
    asset = http.get(response.url.join(base[1]).join(script[1]))
    assert asset.status_code == 200 and "immutable" in asset.headers["cache-control"]


def test_nothing_is_loaded_from_elsewhere(http: httpx.Client) -> None:
    page = http.get("/read").text
    loaded = re.findall(r"""(?:src|href)=["'](https?://[^"']*)""", page)
    assert loaded == [] and "googleapis" not in page + http.get("/read/theme.css").text


@pytest.mark.parametrize("path", ["/read/gradio_api/file=/etc/passwd", "/read/gradio_api/info", "/read/monitoring", "/read/x"])
def test_the_rest_of_gradio_is_not_there(http: httpx.Client, path: str) -> None:
    response = http.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_a_page_whose_name_leads_here_does_no_work(http: httpx.Client) -> None:
    for path in ("/read/gradio_api/queue/join", "/read/gradio_api/upload"):
        response = http.post(path, headers={"host": "evil.example.org"}, json={})
        assert (response.status_code, response.json()["code"]) == (403, "keys_required")


def test_several_files_may_come_at_once_each_within_a_clips_limit(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, home=tmp_path / ".radloop", max_upload_bytes=300_000, max_batch_bytes=7_000_000)
    with thread_service(create_app(settings)) as url, httpx.Client(base_url=url, timeout=60) as http:
        sent = [("files", (name, b"\0" * 3_000_000)) for name in ("a", "b")]  # each more than an image may have
        response = http.post("/read/gradio_api/upload", files=sent)
        assert (response.status_code, len(response.json())) == (200, 2)
        large = http.post("/read/gradio_api/upload", files=[("files", ("a", b"\0" * 7_000_001))])
        assert large.status_code == 413
        together = http.post("/read/gradio_api/upload", files=[("files", (name, b"\0" * 4_000_000)) for name in ("a", "b")])
        assert (together.status_code, together.json()["code"]) == (413, "upload_too_large")


def test_it_is_loaded_at_the_first_visit_and_its_folder_goes_with_the_service(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, home=tmp_path / ".radloop")
    app = create_app(settings)
    issue("viewer", settings)
    with thread_service(app) as url:
        assert app.state.reading._inner is None
        assert httpx.get(f"{url}/read", timeout=60).status_code == 200  # keys are on; the page asks for one
        folder = app.state.reading._uploads.folder
        assert folder.is_dir()
    assert not folder.exists() and "gradio" in sys.modules
