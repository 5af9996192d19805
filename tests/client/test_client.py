"""The client against the real application."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from radloop.client import AsyncClient, Client, FailedError, RefusedError, ServiceError, UnreachableError
from radloop.inference.predictor import Predictor
from radloop.serving.app import create_app
from radloop.settings import Settings
from tests.bundles import make_bundle, make_images
from tests.image_files import make_raster
from tests.services import free_port, point, thread_service

IMAGE = make_raster(make_images(1, seed=9, size=256)[0])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("installation") / ".radloop"
    folder = make_bundle(home / "bundles", seed=1)
    point(folder)
    with thread_service(create_app(Settings(root=home.parent, home=home))) as url:
        yield url, folder


@pytest.fixture
def client(served: tuple[str, Path]) -> Iterator[Client]:
    with Client(served[0]) as client:
        yield client


def test_an_answer(client: Client, served: tuple[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "Doe_Jane.png"
    path.write_bytes(IMAGE)
    expected = Predictor(served[1]).predict(IMAGE, {"age": 54}, explain=True)
    for source in (IMAGE, path, str(path)):
        answer = client.predict(source, use_case="tb-cxr", clinical={"age": 54}, explain=True)
        assert answer.findings[0].probability == expected.findings[0].probability
        assert answer.model.bundle == expected.model.bundle
        assert answer.explanation is not None and answer.explanation.image.startswith(b"\x89PNG")


def test_use_cases(client: Client) -> None:
    (served,) = client.use_cases()
    assert (served.use_case, served.threshold, served.modalities) == ("tb-cxr", 0.42, ("CR", "DX"))


def test_refusals_carry_code_and_hint(client: Client) -> None:
    with pytest.raises(RefusedError) as caught:
        client.predict(IMAGE, use_case="tb-cx")
    assert (caught.value.code, caught.value.status) == ("unknown_use_case", 404)
    assert "tb-cxr" in caught.value.hint
    assert caught.value.request_id
    with pytest.raises(FailedError) as absent:
        client.predict(IMAGE, use_case="phantom-cxr")
    assert absent.value.code == "no_champion"


def test_asyncio(served: tuple[str, Path]) -> None:
    async def several() -> set[float]:
        async with AsyncClient(served[0]) as client:
            assert len(await client.use_cases()) == 1
            answers = await asyncio.gather(*(client.predict(IMAGE) for _ in range(8)))
            with pytest.raises(RefusedError):
                await client.predict(b"text")
            return {answer.findings[0].probability for answer in answers}

    assert len(asyncio.run(several())) == 1


def test_nobody_answers() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url) as client, pytest.raises(UnreachableError):
        client.use_cases()

    async def alone() -> None:
        async with AsyncClient(url) as client:
            await client.use_cases()

    with pytest.raises(UnreachableError):
        asyncio.run(alone())


@pytest.mark.parametrize(
    ("status", "content", "kind", "code"),
    [
        (502, b"<html>", FailedError, "http_502"),
        (429, b"slow down", FailedError, "http_429"),
        (403, b"[]", RefusedError, "http_403"),
        (200, b"<html>", FailedError, "unexpected_answer"),
        (200, b"{}", FailedError, "unexpected_answer"),
    ],
)
def test_what_others_answer(status: int, content: bytes, kind: type[ServiceError], code: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    with Client("http://proxy", transport=transport) as client, pytest.raises(kind) as caught:
        client.use_cases()
    assert caught.value.code == code


def test_members_of_a_newer_service_are_ignored() -> None:
    body = {"use_cases": [], "schema_version": 2, "more": 1}
    with Client("http://new", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body))) as client:
        assert client.use_cases() == ()


def test_it_imports_nothing_else_of_ours() -> None:
    code = "import sys, json, radloop.client; print(json.dumps([n for n in sys.modules if n.startswith('radloop')]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name for name in json.loads(done.stdout) if name != "radloop"}
    assert {name.split(".")[1] for name in ours} == {"client"}
