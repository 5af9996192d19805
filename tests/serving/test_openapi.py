"""The description of the API, tried out: whatever is made of it, the service has an answer, and none without a key."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode

from radloop.inference.api_keys import issue
from radloop.serving.app import create_app
from radloop.settings import Settings
from tests.bundles import make_bundle
from tests.services import point, thread_service

EXAMPLES = 8
"""Of each address and kind: well-formed and not."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("installation") / ".radloop"
    point(make_bundle(home / "bundles"))
    return Settings(root=home.parent, home=home)


@pytest.fixture(scope="module")
def url(installation: Settings) -> Iterator[str]:
    with thread_service(create_app(installation)) as url:
        yield url


def test_no_request_makes_the_service_fail(url: str) -> None:
    api = schemathesis.openapi.from_url(f"{url}/openapi.json")
    asked: dict[str, int] = {}
    for found in api.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                strategy = operation.as_strategy(generation_mode=mode)
            except schemathesis.errors.SchemathesisError:
                continue  # nothing about it can be wrong

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def ask(case: schemathesis.Case) -> None:
                response = case.call(timeout=20)
                asked[case.operation.label] = asked.get(case.operation.label, 0) + 1
                case.validate_response(response, checks=[not_a_server_error], excluded_checks=[])
                if response.status_code >= 400:
                    assert response.headers["content-type"][0] == "application/problem+json", response.status_code

            ask()
    assert set(asked) >= {
        "POST /v1/predict",
        "POST /v1/predict_batch",
        "POST /v1/segment",
        "POST /v1/predict_video",
        "GET /v1/jobs/{job}",
    }
    assert min(asked.values()) >= 1


def test_every_address_asks_for_a_key_once_there_is_one(installation: Settings, url: str) -> None:
    issue("viewer", installation)
    described = httpx.get(f"{url}/openapi.json").json()["paths"]
    for path, methods in described.items():
        for method in methods:
            response = httpx.request(method, url + re.sub(r"\{\w+\}", "x", path))
            assert (response.status_code, response.json()["code"]) == (401, "key_missing"), (method, path)
    assert httpx.get(f"{url}/v1/anything").status_code == 401


def test_every_address_says_what_it_takes_and_refuses(url: str) -> None:
    described = httpx.get(f"{url}/openapi.json").json()
    schemas = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert {"401", "403", "429", "503"} <= set(operation["responses"]), (method, path)
            body = operation.get("requestBody")
            if body:
                (content,) = body["content"].values()
                form = schemas[content["schema"]["$ref"].rpartition("/")[2]]
                for name, field in form["properties"].items():
                    assert "description" in field or field.get("type") == "boolean", (path, name)
