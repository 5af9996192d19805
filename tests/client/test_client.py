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
from tests.bundles import KINDS, make_bundle, make_images
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


def test_a_heat_map_with_its_region_for_a_finding(client: Client, served: tuple[str, Path]) -> None:
    label = Predictor(served[1]).facts.outputs[0]
    answer = client.predict(IMAGE, use_case="tb-cxr", target=label, region="box")
    assert answer.explanation is not None and answer.explanation.target == label
    assert answer.explanation.region is not None and answer.explanation.region.kind == "box"

    async def asked() -> bool:
        async with AsyncClient(served[0]) as other:
            found = await other.predict(IMAGE, use_case="tb-cxr", target=label, region="box")
        return found.explanation == answer.explanation

    assert asyncio.run(asked())


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


def busy(turns: int, after: str = "0") -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """Return a service that asks to come back for a while, and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) <= turns:
            return httpx.Response(429 if len(asked) % 2 else 503, headers={"retry-after": after}, json={"code": "later"})
        return httpx.Response(200, json={"use_cases": [], "schema_version": 1})

    return httpx.MockTransport(answer), asked


def test_who_is_asked_to_come_back_does(monkeypatch: pytest.MonkeyPatch) -> None:
    transport, asked = busy(3)
    with Client("http://busy", key="rl_k", transport=transport) as client:
        assert client.use_cases() == ()
    assert [request.headers["authorization"] for request in asked] == ["Bearer rl_k"] * 4
    monkeypatch.setenv("RADLOOP_API_KEY", "rl_env")
    transport, asked = busy(3)

    async def once() -> None:
        async with AsyncClient("http://busy", transport=transport) as client:
            assert await client.use_cases() == ()

    asyncio.run(once())
    assert [request.headers["authorization"] for request in asked] == ["Bearer rl_env"] * 4


@pytest.mark.parametrize(("after", "times"), [("0", 4), ("31", 1), ("Sat, 21 Nov 2026 20:00:00 GMT", 1), ("", 1)])
def test_nobody_waits_for_ever(after: str, times: int) -> None:
    transport, asked = busy(9, after)
    with Client("http://busy", transport=transport) as client, pytest.raises(FailedError) as caught:
        client.use_cases()
    assert (caught.value.code, len(asked)) == ("later", times)
    assert "authorization" not in asked[0].headers


def test_members_of_a_newer_service_are_ignored() -> None:
    body = {"use_cases": [], "schema_version": 2, "more": 1}
    with Client("http://new", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body))) as client:
        assert client.use_cases() == ()


def test_it_imports_nothing_else_of_ours() -> None:
    code = "import sys, json, radloop.client; print(json.dumps([n for n in sys.modules if n.startswith('radloop')]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name for name in json.loads(done.stdout) if name != "radloop"}
    assert {name.split(".")[1] for name in ours} == {"client"}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Path]]]:
    """Serve a bundle of every other kind."""
    home = tmp_path_factory.mktemp("others") / ".radloop"
    folders = {kind: make_bundle(home / "bundles", **changes) for kind, changes in KINDS.items() if kind != "binary"}
    for folder in folders.values():
        point(folder)
    with thread_service(create_app(Settings(root=home.parent, home=home))) as url:
        yield url, folders


GIVEN = {"age": 54, "temperature": 38.5, "intubated": "yes"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "binary"])
def test_every_kind_of_answer_is_the_predictors(others: tuple[str, dict[str, Path]], kind: str) -> None:
    url, folders = others
    clinical = GIVEN if kind == "fusion" else {"age": 54}
    predictor = Predictor(folders[kind])
    target = predictor.facts.outputs[-1]
    with Client(url) as client:
        found = client.predict(IMAGE, predictor.facts.use_case, clinical, explain=True, target=target)
    expected = predictor.predict(IMAGE, clinical, explain=True, request_id=found.request_id, target=target)
    sent = json.loads(expected.model_dump_json()) | {"recorded": True}
    read = json.loads(found.model_dump_json())
    assert read == sent
    assert found.explanation is not None and found.explanation.target == target


def test_what_is_served_says_what_it_takes_and_gives(others: tuple[str, dict[str, Path]]) -> None:
    with Client(others[0]) as client:
        served = {one.use_case: one for one in client.use_cases()}
    chest = served["thorax-cxr"]
    assert [finding.label for finding in chest.findings] == ["mass", "nodule", "effusion", "hernia"]
    assert (chest.findings[0].threshold, chest.findings[3].threshold, chest.threshold) == (0.42, None, None)
    covid = served["covid-cxr"]
    assert (covid.levels, covid.threshold) == (("ward", "intensive care", "died"), 0.42)
    assert [value.name for value in covid.clinical] == ["age", "sex", "temperature", "intubated"]
    temperature, intubated = covid.clinical[2:]
    assert (temperature.unit, temperature.low, temperature.high, temperature.words) == ("Cel", 30.0, 45.0, ())
    assert intubated.words == ("no", "yes")
    assert covid.clinical[0].unit == "years"


def test_the_values_that_are_sent_choose_the_use_case(others: tuple[str, dict[str, Path]]) -> None:
    with Client(others[0]) as client:
        assert client.predict(IMAGE, clinical=GIVEN).use_case == "covid-cxr"
        assert client.predict(IMAGE, target="hernia").use_case == "thorax-cxr"
        with pytest.raises(RefusedError) as caught:
            client.predict(IMAGE, clinical={"temprature": 38})
        assert (caught.value.code, caught.value.hint) == ("unknown_clinical_value", "did you mean 'temperature'?")
        with pytest.raises(RefusedError) as wrong:
            client.predict(IMAGE, "thorax-cxr", target="tumour")
        assert (wrong.value.code, wrong.value.status) == ("unknown_target", 422)
