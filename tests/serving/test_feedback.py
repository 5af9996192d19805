"""Labels come back over HTTP, and from a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from installations import Installation, make_installation

from radloop.client import AsyncClient, Client, RefusedError
from radloop.inference.api_keys import issue
from radloop.records import chain
from radloop.records.answers import check_segments, segments
from radloop.records.feedback import feedback_folder
from radloop.serving.app import create_app
from tests.bundles import KINDS, make_bundle, make_images
from tests.image_files import make_dicom, make_raster
from tests.services import point, thread_service

IMAGE = make_images(1, seed=9, size=256)[0]
PNG, DICOM = make_raster(IMAGE), make_dicom(IMAGE, stored=8)


@dataclass(frozen=True)
class Site:
    """A service in a thread: keys of two readers, one of whom may ask only one use case."""

    installation: Installation
    url: str
    ito: str
    roe: str

    def ask(self, use_case: str = "tb-cxr") -> str:
        """Ask about one image and return the request."""
        with Client(self.url, key=self.ito) as client:
            return client.predict(DICOM, use_case).request_id

    def entries(self, request_id: str) -> list[dict[str, Any]]:
        """Return what the record of feedback holds of a request."""
        folder = feedback_folder(self.installation.settings)
        payloads = [item["payload"] for path in segments(folder) for item in chain.read(path)]
        return [payload for payload in payloads if payload.get("request_id") == request_id]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = make_installation(tmp_path_factory.mktemp("feedback") / "site")
    settings = place.settings
    point(make_bundle(settings.bundles, seed=1))
    point(make_bundle(settings.bundles, **KINDS["multilabel"]))
    (_, ito), (_, roe) = issue("Ito", settings), issue("Roe", settings, use_cases=("tb-cxr",))
    with thread_service(create_app(settings)) as url:
        yield Site(place, url, ito, roe)


def post(site: Site, key: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{site.url}/v1/feedback", json=body, headers={"authorization": f"Bearer {key}"} if key else {})


def test_a_label_is_taken_once_and_a_second_reader_contradicts_it(site: Site) -> None:
    name = site.ask()
    first = post(site, site.ito, request_id=name, label="tuberculosis", note="Mr Roe, born 1950")
    assert (first.status_code, first.json()) == (
        200,
        {"schema_version": 1, "request_id": name, "accepted": True, "status": "new"},
    )
    assert post(site, site.ito, request_id=name, label="tuberculosis").json()["status"] == "duplicate"
    assert post(site, site.roe, request_id=name, label="normal").json()["status"] == "contradicts"
    assert post(site, site.roe, request_id=name, label="normal", reader="Ito").json()["status"] == "new"
    (kept, *_) = found = site.entries(name)
    assert [(item["labels"], item["reader"], item["key"]) for item in found] == [
        (["tuberculosis"], "Ito", "Ito"),
        (["normal"], "Roe", "Roe"),
        (["normal"], "Ito", "Roe"),
    ]
    assert "1950" not in json.dumps(found) and kept["patient"] is not None and kept["bundle"].startswith("sha256:")
    check_segments(feedback_folder(site.installation.settings))


@pytest.mark.parametrize(
    ("key", "changes", "status", "code"),
    [
        ("ito", {"request_id": "0" * 32}, 404, "unknown_request"),
        ("ito", {"request_id": "../x"}, 422, "invalid_request"),
        ("ito", {"label": "tuberculosys"}, 422, "unknown_label"),
        ("ito", {"label": ["normal", "tuberculosis"]}, 422, "one_label"),
        ("ito", {"label": []}, 422, "one_label"),
        ("ito", {"surplus": 1}, 422, "invalid_request"),
        ("ito", {"reader": "<b>"}, 422, "invalid_request"),
        ("", {}, 401, "key_missing"),
    ],
)
def test_what_is_not_taken(site: Site, key: str, changes: dict[str, Any], status: int, code: str) -> None:
    name = site.ask()
    response = post(site, getattr(site, key, ""), **{"request_id": name, "label": "normal", **changes})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert site.entries(name) == []
    if code == "unknown_label":
        assert response.json()["hint"] == "did you mean 'tuberculosis'?"


def test_a_key_labels_only_what_it_may_ask_and_refusals_have_no_label(site: Site) -> None:
    findings = site.ask(KINDS["multilabel"]["use_case"])
    assert post(site, site.roe, request_id=findings, label="none").json()["code"] == "use_case_not_allowed"
    refused = httpx.post(
        f"{site.url}/v1/predict", files={"image": PNG[:100]}, headers={"authorization": f"Bearer {site.ito}"}
    ).headers["x-request-id"]
    assert post(site, site.ito, request_id=refused, label="normal").json()["code"] == "not_answered"


async def _confirm(site: Site, name: str, labels: list[str]) -> str:
    async with AsyncClient(site.url, key=site.ito) as client:
        return (await client.feedback(name, labels)).status


def test_the_client_sends_findings(site: Site) -> None:
    import asyncio

    labels = KINDS["multilabel"]["labels"]
    name = site.ask(KINDS["multilabel"]["use_case"])
    with Client(site.url, key=site.ito) as client:
        assert client.feedback(name, labels.findings[:2]).status == "new"
        assert client.feedback(name, []).status == "new"
        with pytest.raises(RefusedError, match="exclude each other"):
            client.feedback(name, [labels.none, labels.findings[0]])
    assert asyncio.run(_confirm(site, name, [labels.none])) == "duplicate"
    assert [item["labels"] for item in site.entries(name)] == [sorted(labels.findings[:2]), [labels.none]]


def test_a_table_is_taken_whole_or_not_at_all(site: Site, tmp_path: Path) -> None:
    first, second = site.ask(), site.ask()
    table = tmp_path / "confirmed.csv"
    table.write_text(f"request_id,label\n{first},tuberculosis\n{second},Mr Roe\n{first},tuberculosis\n{'f' * 32},normal\n")
    found = site.installation.call("feedback", str(table), "--reader", "Ito", check=3)
    assert [(row["row"], row["code"]) for row in found["bad"]] == [(3, "unknown_label"), (5, "unknown_request")]
    assert found["written"] == 0 and site.entries(first) == [] and "Mr Roe" not in json.dumps(found)
    found = site.installation.call("feedback", str(table), "--reader", "Ito", "--skip-bad")
    assert (found["written"], found["counts"]) == (1, {"new": 1, "duplicate": 1, "contradicts": 0})
    table.write_text(f"request_id,label,reader\n{first},normal,Roe\n")
    assert site.installation.call("feedback", str(table))["counts"]["contradicts"] == 1
    assert site.installation.call("feedback", str(table), "--settle")["counts"] == {"new": 1, "duplicate": 0, "contradicts": 0}
    table.write_text("id,label\n")
    assert site.installation.call("feedback", str(table), check=2)["error"]["code"] == "invalid_table"
