"""Who may ask, how often, and how much at once."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from radloop.client import Client, RefusedError
from radloop.errors import IntegrityError, Refusal
from radloop.inference.api_keys import ApiKey, issue, keys_file, revoke
from radloop.records.answers import answers_folder, find
from radloop.serving.app import create_app
from radloop.serving.guard import Guard, Keys, Rates
from radloop.serving.problems import TryLater
from radloop.settings import Settings
from tests.bundles import KINDS, make_bundle, make_images
from tests.image_files import make_raster
from tests.services import point, thread_service

PNG = make_raster(make_images(1, seed=9, size=256)[0])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, home=tmp_path / ".radloop")


def scope_of(key: str | None = None, server: str = "127.0.0.1", host: str = "127.0.0.1:3000") -> dict[str, Any]:
    headers = [(b"host", host.encode())]
    return {"server": (server, 3000), "headers": [*headers, (b"authorization", key.encode())] if key else headers}


def code_of(check: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        check()
    return caught.value.code


def test_without_keys_only_loopback_is_answered(settings: Settings) -> None:
    keys = Keys(settings)
    for host in ("127.0.0.1:3000", "localhost", "[::1]:3000", "[::1]"):
        assert keys.check(scope_of(host=host)) is None
    assert code_of(lambda: keys.check(scope_of(server="10.0.0.7"))) == "keys_required"
    # A page of elsewhere whose name was made to lead to this machine.
    assert code_of(lambda: keys.check(scope_of(host="evil.example.org:3000"))) == "keys_required"


def test_with_keys_nobody_is_answered_without_one(settings: Settings) -> None:
    keys = Keys(settings)
    assert keys.check(scope_of()) is None
    made, key = issue("viewer", settings)
    assert code_of(lambda: keys.check(scope_of())) == "key_missing"
    for wrong in (f"Basic {key}", "Bearer", "Bearer "):
        assert code_of(lambda wrong=wrong: keys.check(scope_of(wrong))) == "key_missing"
    other = key[:-1] + ("A" if key[-1] != "A" else "B")
    for wrong in (other, key[:-1], "rl_00000000_" + key[12:], "x", "rl_"):
        assert code_of(lambda wrong=wrong: keys.check(scope_of(f"Bearer {wrong}"))) == "key_unknown"
    for right in (f"Bearer {key}", f"bearer {key}"):
        assert keys.check(scope_of(right, server="10.0.0.7", host="radloop.example.org")) == made
    revoke("viewer", settings)
    assert code_of(lambda: keys.check(scope_of(f"Bearer {key}"))) == "key_revoked"


def test_a_list_that_was_edited_or_deleted_lets_nobody_in(settings: Settings) -> None:
    keys = Keys(settings)
    _, key = issue("viewer", settings)
    keys.check(scope_of(f"Bearer {key}"))
    path = keys_file(settings)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"viewer", b"Viewer"))
    for _ in range(2):
        with pytest.raises(IntegrityError, match="not what was sealed"):
            keys.check(scope_of(f"Bearer {key}"))
    path.unlink()
    for given in (None, f"Bearer {key}"):
        with pytest.raises(IntegrityError, match="gone"):
            keys.check(scope_of(given))


def test_checking_a_key_costs_microseconds(settings: Settings) -> None:
    keys = Keys(settings)
    _, key = issue("viewer", settings)
    scope = scope_of(f"Bearer {key}")
    keys.check(scope)
    start = time.perf_counter()
    for _ in range(200):
        keys.check(scope)
    assert (time.perf_counter() - start) / 200 < 0.0005


def test_a_bucket_fills_evenly() -> None:
    """60 a minute: one a second, ten at once."""
    now = [100.0]
    rates = Rates(3000, lambda: now[0])
    slow = ApiKey(id="0" * 8, name="a", hash="0" * 64, rate=60, made="2026-01-01T00:00:00+00:00")
    other = slow.model_copy(update={"id": "1" * 8, "rate": None})
    for _ in range(10):
        rates.take(slow)
    with pytest.raises(TryLater) as caught:
        rates.take(slow)
    assert (caught.value.code, caught.value.seconds) == ("rate_limited", 1)
    rates.take(other)  # another key's bucket
    now[0] += 2.5
    rates.take(slow)
    rates.take(slow)
    with pytest.raises(TryLater):  # half a token is none
        rates.take(slow)
    now[0] += 0.5
    rates.take(slow)
    now[0] += 3600
    for _ in range(10):
        rates.take(slow)
    with pytest.raises(TryLater):  # ten at most, however long it was quiet
        rates.take(slow)
    rare = slow.model_copy(update={"id": "2" * 8, "rate": 1})
    rates.take(rare)
    with pytest.raises(TryLater) as later:
        rates.take(rare)
    assert later.value.seconds == 60


@pytest.mark.parametrize(("length", "passed"), [(None, 2), (10_000_001, 2), (10_000_000, 5)])
def test_two_large_uploads_at_once_and_smaller_ones_as_they_come(settings: Settings, length: int | None, passed: int) -> None:
    begun = []

    async def application(*_: object) -> None:
        begun.append(1)
        await asyncio.sleep(0.05)

    async def five() -> list[BaseException | None]:
        guard, scope = Guard(application, settings), scope_of() | {"type": "http", "method": "POST", "path": "/v1/predict_batch"}
        promised = [(b"content-length", b"%d" % length)] if length is not None else []
        scopes = [scope | {"state": {}, "headers": scope["headers"] + promised} for _ in range(5)]
        return await asyncio.gather(*(guard(one, None, None) for one in scopes), return_exceptions=True)  # type: ignore[arg-type]

    refused = [error for error in asyncio.run(five()) if error is not None]
    assert (len(begun), len(refused)) == (passed, 5 - passed)
    assert all(isinstance(error, TryLater) and error.code == "overloaded" for error in refused)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Settings]]:
    """A service of two use cases that works on two requests at once."""
    home = tmp_path_factory.mktemp("guarded") / ".radloop"
    for changes in ({}, KINDS["multilabel"]):
        point(make_bundle(home / "bundles", **changes))
    origin = "https://viewer.example.org"
    settings = Settings(root=home.parent, home=home, max_in_flight=2, upload_seconds=3.0, cors_origins=f"{origin}, http://b")
    with thread_service(create_app(settings)) as url:
        yield url, settings


@pytest.fixture
def key(guarded: tuple[str, Settings], request: pytest.FixtureRequest) -> Iterator[str]:
    """A key that may ask tb-cxr only, revoked at the end."""
    name = request.node.name[:60].replace("[", " ").replace("]", " ")
    yield issue(name, guarded[1], ("tb-cxr",), "north")[1]
    revoke(name, guarded[1])


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_every_endpoint_refuses_without_a_key(guarded: tuple[str, Settings], key: str) -> None:
    with httpx.Client(base_url=guarded[0], timeout=60) as http:
        paths = http.get("/openapi.json").json()["paths"]
        for path, methods in paths.items():
            for method in methods:
                for headers, code in (({}, "key_missing"), (bearer("rl_no"), "key_unknown")):
                    response = http.request(method, path, headers=headers)
                    assert (response.status_code, response.json()["code"]) == (401, code), path
                    assert response.headers["www-authenticate"] == "Bearer"
        assert http.post("/v1/preview", files={"image": PNG}).status_code == 401
        assert http.post("/v1/preview", files={"image": PNG}, headers=bearer(key)).status_code == 200
        for unknown in (
            "/v1",
            "/v2/predict",
            "/read/x",
            "/read/gradio_api/info",
            "/read/gradio_api/file=/etc/passwd",
            "/x/v1/predict",
        ):
            assert http.get(unknown).status_code == 401  # what nobody thought of is closed
        for page in ("/read", "/docs", "/openapi.json", "/"):
            assert http.get(page).status_code in (200, 307)


def test_a_key_asks_its_use_cases_only(guarded: tuple[str, Settings], key: str) -> None:
    with Client(guarded[0], key=key) as client:
        assert [one.use_case for one in client.use_cases()] == ["tb-cxr"]
        answer = client.predict(PNG)  # both admit it; the key knows of one
        assert answer.use_case == client.predict(PNG, "tb-cxr").use_case == "tb-cxr"
        for name in ("thorax-cxr", "nothing"):
            with pytest.raises(RefusedError) as caught:
                client.predict(PNG, name)
            assert (caught.value.status, caught.value.code) == (403, "use_case_not_allowed")
            assert "thorax" not in caught.value.hint
    kept = find(answer.request_id, answers_folder(guarded[1]))
    assert kept is not None and kept["site"] == "north" and kept["key"].startswith("test_a_key_asks")


def test_a_key_that_asks_too_often_is_told_when(guarded: tuple[str, Settings]) -> None:
    _, key = issue("eager", guarded[1], rate=6)
    with httpx.Client(base_url=guarded[0], headers=bearer(key), timeout=60) as http:
        assert http.get("/v1/use_cases").status_code == 200
        response = http.get("/v1/use_cases")
        assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
        assert int(response.headers["retry-after"]) in range(1, 11)
    revoke("eager", guarded[1])


def half_a_request(url: str, key: str) -> socket.socket:
    """Open a connection and send the beginning of an upload."""
    parts = httpx.URL(url)
    line = socket.create_connection((parts.host, parts.port))
    head = f"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-length: 1000\r\n"
    line.sendall(f"{head}content-type: multipart/form-data; boundary=b\r\n\r\n--b".encode())
    return line


def test_more_than_it_can_work_on_is_answered_at_once_and_slow_uploads_end(guarded: tuple[str, Settings], key: str) -> None:
    with (
        half_a_request(guarded[0], key) as first,
        half_a_request(guarded[0], key),
        httpx.Client(base_url=guarded[0], headers=bearer(key), timeout=60) as http,
    ):
        until = time.monotonic() + 2
        while (response := http.get("/v1/use_cases")).status_code == 200 and time.monotonic() < until:
            time.sleep(0.02)  # until both beginnings arrived
        assert (response.status_code, response.json()["code"], response.headers["retry-after"]) == (503, "overloaded", "1")
        assert http.get("/read").status_code == 200
        first.settimeout(10)
        assert b"408" in first.recv(20)
        with Client(guarded[0], key=key) as client:
            assert client.predict(PNG).use_case == "tb-cxr"


def test_pages_of_listed_origins_may_call(guarded: tuple[str, Settings], key: str) -> None:
    origin = "https://viewer.example.org"
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    with httpx.Client(base_url=guarded[0], timeout=60) as http:
        preflight = http.options("/v1/predict", headers={"origin": origin} | ask)
        assert preflight.status_code == 200 and preflight.headers["access-control-allow-origin"] == origin
        refused = http.get("/v1/use_cases", headers={"origin": origin})
        assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == origin
        other = {"origin": "https://evil.example.org"}
        assert http.options("/v1/predict", headers=other | ask).status_code == 400
        for given in (other, {}):
            response = http.get("/v1/use_cases", headers=given | bearer(key))
            assert response.status_code == 200 and "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("origins", ["*", "https://a/b", "viewer.example.org", "https://*.example.org"])
def test_origins_are_named(origins: str) -> None:
    with pytest.raises(ValueError, match="without a path or a star"):
        Settings(cors_origins=origins)


def test_security_headers(guarded: tuple[str, Settings]) -> None:
    with httpx.Client(base_url=guarded[0], timeout=60) as http:
        for path in ("/v1/use_cases", "/read", "/docs", "/nothing"):
            headers = http.get(path).headers
            assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
