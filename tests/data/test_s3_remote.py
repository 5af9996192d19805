"""A remote on S3 by one variable, against an S3 API on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from data_folders import Image, fill_folder
from installations import Installation, make_installation
from s3 import S3, free_port, s3_server, variables

from radloop.data import versions
from radloop.data.diff import compare
from radloop.data.erasure import erase
from radloop.data.objects import digest, folder_listing, object_name
from radloop.data.remote import Remote
from radloop.data.restore import restore
from radloop.errors import RadloopError, ToolError
from radloop.settings import Settings

UC = "phantom-cxr"
GONE, STAYS = "P00000000000000a1", "P00000000000000b2"


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3_server() as running:
        yield running


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> S3:
    """The server under a prefix of the test's own, with the variables set."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return S3(f"{server.url}/{request.node.name}", server.environment)


def on(url: str, place: Installation) -> Settings:
    return place.settings.model_copy(update={"dvc_remote": url})


def test_push_diff_restore_and_erase(s3: S3, installation: Installation, tmp_path: Path) -> None:
    settings = on(s3.url, installation)
    fill_folder(UC, [Image(b"stays 1", STAYS)], settings)
    first = versions.pin(UC, settings)
    fill_folder(UC, [Image(b"stays 1", STAYS), Image(b"gone 1", GONE)], settings)
    second = versions.pin(UC, settings)
    whole = folder_listing(settings.data / UC)
    prefix = s3.url.partition("radloop-data/")[2]
    assert f"{prefix}/{object_name(second.version)}" in s3.names()
    assert not (settings.place / "dvc" / "remote").exists()

    fresh = on(s3.url, make_installation(tmp_path / "fresh"))
    found, _ = compare(first.version, second.version, fresh)
    assert (len(found.came), found.counts.same) == (1, 1)
    assert not (fresh.place / "dvc" / "cache").exists()  # two listings and two manifests were read, and nothing kept
    restore(UC, second, fresh)
    assert folder_listing(fresh.data / UC) == whole
    assert versions.checked(UC, fresh).version == second.version

    shutil.copy(settings.root / "data.dvc", tmp_path / "data.dvc")
    result = erase(GONE, [UC], b"key", settings)
    assert result is not None
    assert result.versions == {second.version: first.version}
    names = s3.names()
    assert f"{prefix}/{object_name(digest(b'gone 1'))}" not in names
    assert f"{prefix}/{object_name(second.version)}" not in names
    assert f"{prefix}/{object_name(digest(b'stays 1'))}" in names
    assert Remote(settings).names() == {name.removeprefix(f"{prefix}/") for name in names if name.startswith(prefix)}


def test_checked_fetches_what_a_fresh_checkout_lacks(s3: S3, installation: Installation, tmp_path: Path) -> None:
    settings = on(s3.url, installation)
    fill_folder(UC, [Image(b"one", STAYS)], settings)
    pinned = versions.pin(UC, settings)
    fresh = on(s3.url, make_installation(tmp_path / "fresh"))
    shutil.copy(settings.root / "data.dvc", fresh.root / "data.dvc")
    assert versions.checked(UC, fresh) == pinned
    assert folder_listing(fresh.data / UC) == folder_listing(settings.data / UC)


@pytest.mark.parametrize("how", ["unreachable", "no such bucket", "no credentials", "wrong credentials"])
def test_what_s3_refuses_is_one_line_with_a_hint_and_leaves_nothing_half(
    s3: S3, installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, how: str
) -> None:
    code = {"no such bucket": "missing_object"}.get(how, "remote_failed")
    local = installation.settings
    fill_folder(UC, [Image(b"one", STAYS)], local)
    first = versions.pin(UC, local)
    before = (local.root / "data.dvc").read_bytes()
    url = s3.url
    if how == "unreachable":
        for name, value in variables(free_port()).items():
            monkeypatch.setenv(name, value)
    elif how == "no such bucket":
        url = "s3://no-such-bucket/data"
    elif how == "wrong credentials":
        s3.check_credentials(True)
        request.addfinalizer(lambda: s3.check_credentials(False))
    else:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    elsewhere = on(url, installation)
    fill_folder(UC, [Image(b"two", STAYS)], elsewhere)
    with pytest.raises(ToolError) as pushed:
        versions.pin(UC, elsewhere)
    fresh = on(url, make_installation(tmp_path / "fresh"))
    with pytest.raises(RadloopError) as restored:
        restore(UC, first, fresh)
    assert (pushed.value.code, restored.value.code) == ("dvc_failed", code)
    for caught in (pushed, restored):
        assert "\n" not in caught.value.message
        assert "RADLOOP_DVC_REMOTE" in caught.value.hint
        assert "dvc.org" not in caught.value.message
    assert (local.root / "data.dvc").read_bytes() == before
    assert not fresh.data.exists() or not list(fresh.data.iterdir())
    assert not (fresh.root / "data.dvc").exists()
