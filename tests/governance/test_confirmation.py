"""The reviewers' page: it shows what is decided on, and records only what its own form says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Loop
from installations import Installation, copy_installation
from starlette.testclient import TestClient

from radloop.governance.addenda import add_addendum
from radloop.governance.confirmation import MAX_BYTES, create_page
from radloop.governance.decisions import decisions, last_decision
from radloop.governance.key_file import make_key
from radloop.governance.keys import list_key
from radloop.governance.registry import Registry
from radloop.records.seal import canonical
from radloop.settings import Settings

UC, HOST, PASSPHRASE = "phantom-cxr", "http://127.0.0.1:3100", "correct horse"
LOCAL = ("127.0.0.1", 50000)


@pytest.fixture
def settings(loop: Loop, tmp_path: Path) -> Settings:
    """The settings of a copy of the loop's installation."""
    return copy_installation(loop.installation, tmp_path / "site").settings


@pytest.fixture
def client(settings: Settings) -> TestClient:
    return TestClient(create_page(settings), base_url=HOST, client=LOCAL)


def address(settings: Settings) -> str:
    return f"/{UC}/" + Registry(UC, settings).version(1).bundle.removeprefix("sha256:")


def token(client: TestClient, path: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]{64})"', client.get(path).text)
    assert found is not None
    return found[1]


def test_it_shows_what_is_decided_on(client: TestClient, settings: Settings) -> None:
    version, path = Registry(UC, settings).version(1), address(settings)
    Registry(UC, settings).tag(1, {"radloop.review": "approve: <b>read</b>"})
    answer = client.get(path)
    for words in (version.bundle, version.evidence, "SYNTHETIC PHANTOMS", "unverified name", f"{path}/report"):
        assert words in answer.text
    assert "&lt;b&gt;read&lt;/b&gt;</textarea>" in answer.text  # a tag is somebody's text
    assert "<b>" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert path in client.get("/").text
    assert "Radloop evaluation report" in client.get(f"{path}/report").text
    assert client.get(f"/{UC}/{'0' * 64}").status_code == 404
    assert client.get(f"/unknown/{'0' * 64}").status_code == 404


def test_it_shows_addenda_and_takes_no_form_that_did_not(client: TestClient, settings: Settings) -> None:
    path, version = address(settings), Registry(UC, settings).version(1)
    before = token(client, path)
    reason = {"rule": "auroc_lower", "status": "failed", "number": 0.5, "limit": 0.9, "sentence": "Half of it is luck."}
    numbers = {"counts": {"judged": 40, "patients": 30}, "reasons": [reason], "would_pass": False}
    add_addendum(version, {"kind": "external", "name": "<b>site</b>", **numbers}, settings)
    form = {"decision": "approve", "by": "Dr. B", "note": "read it"}
    assert client.post(path, data=form | {"token": before}, files={"none": b""}).status_code == 403
    assert list(decisions(settings)) == []
    for words in ("Addendum 1: &lt;b&gt;site&lt;/b&gt;", "would not pass", "Half of it is luck.", "40 images of 30 patients"):
        assert words in client.get(path).text
    done = client.post(path, data=form | {"token": token(client, path)}, files={"none": b""}, follow_redirects=False)
    assert done.status_code == 303
    assert len((last_decision(settings, UC, 1) or {})["addenda"]) == 1


def test_before_anything_was_judged(installation: Installation) -> None:
    client = TestClient(create_page(installation.settings), base_url=HOST, client=LOCAL)
    assert "No version was judged yet" in client.get("/").text
    assert not (installation.settings.place / "mlflow").exists()  # whose server may be making its tables just now


def test_with_keys_off_a_name_is_recorded_as_unverified(client: TestClient, settings: Settings) -> None:
    path = address(settings)
    form = {"token": token(client, path), "decision": "approve", "by": "Dr. B", "note": "read it"}
    empty = client.post(path, data=form | {"note": " "}, files={"none": b""})
    assert empty.status_code == 422
    assert "needs a name and a note" in empty.text
    done = client.post(path, data=form, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, path)
    assert "Approved by Dr. B" in client.get(path).text
    last = last_decision(settings, UC, 1)
    assert last is not None
    assert (last["by"], last["verified"]) == ("Dr. B", False)


def test_with_keys_on_only_the_key_and_its_passphrase_decide(client: TestClient, settings: Settings) -> None:
    key, other = make_key("Dr. A", PASSPHRASE), make_key("Dr. A", PASSPHRASE)
    list_key("Dr. A", key.public, "reviewer", None, settings)
    path = address(settings)
    form = {"token": token(client, path), "decision": "approve", "note": "read it", "passphrase": PASSPHRASE}
    content = {made.public: canonical(made.model_dump(mode="json")) for made in (key, other)}
    for data, file, words in (
        (form | {"by": "Dr. A"}, b"", "not signed"),
        (form | {"passphrase": "wrong horse"}, content[key.public], "does not open the key"),
        (form, content[other.public], "is not listed"),
        (form, b"{}", "no key of Radloop"),
    ):
        refused = client.post(path, data=data, files={"key": ("a.key", file)})
        assert refused.status_code in (403, 422)
        assert words in refused.text
        assert PASSPHRASE not in refused.text
        assert list(decisions(settings, UC)) == []
    done = client.post(path, data=form, files={"key": ("a.key", content[key.public])}, follow_redirects=False)
    assert done.status_code == 303
    last = last_decision(settings, UC, 1)
    assert last is not None
    assert (last["by"], last["verified"]) == ("Dr. A", True)
    assert not [path for path in settings.place.rglob("*") if path.is_file() and key.encrypted.encode() in path.read_bytes()]


def test_forms_of_others_are_refused(client: TestClient, settings: Settings) -> None:
    path = address(settings)
    form = {"token": token(client, path), "decision": "reject", "by": "Dr. B", "note": "no"}
    stranger = TestClient(create_page(settings), base_url=HOST, client=LOCAL)
    for answer in (
        client.post(path, data=form | {"token": "0" * 64}),
        stranger.post(path, data=form),  # no cookie, and another process's secret
        client.post(path, data=form, headers={"origin": "http://evil.example"}),
        client.post(path, data=form, headers={"origin": "null"}),
        client.post(path, data=form | {"note": "x" * MAX_BYTES}),
    ):
        assert answer.status_code == 403
    assert list(decisions(settings)) == []


def test_it_answers_to_this_machine_and_its_own_name_only(settings: Settings) -> None:
    def status(settings: Settings, host: str, client: str) -> int:
        return TestClient(create_page(settings), base_url=f"http://{host}", client=(client, 50000)).get("/").status_code

    assert status(settings, "localhost:3100", "127.0.0.1") == 200
    assert status(settings, "localhost:3100", "192.0.2.7") == 403
    assert status(settings, "evil.example", "127.0.0.1") == 403
    opened = Settings(root=settings.root, home=settings.home, review_host="192.0.2.1", review_url="https://review.example/")
    assert status(opened, "review.example", "192.0.2.7") == 200
    assert status(opened, "evil.example", "192.0.2.7") == 403
