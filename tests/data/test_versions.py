"""Pinning: pushed before it counts, remembered in order, named by few digits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from data_folders import Image, fill_folder
from installations import Installation

from radloop.data import history, versions
from radloop.data.naming import data_version
from radloop.data.objects import Objects, folder_listing, listing_bytes
from radloop.data.versions import DataVersion
from radloop.errors import InputError, IntegrityError, ToolError
from radloop.settings import Settings

UC = "phantom-cxr"
PAT = "P00000000000000a1"


@pytest.fixture
def settings(installation: Installation) -> Settings:
    return installation.settings


def no_model(word: str) -> DataVersion:
    raise AssertionError(f"asked for the model {word}")


def name(word: str, settings: Settings) -> str:
    return data_version(UC, word, settings, no_model).version


def test_a_pin_is_in_the_cache_and_the_remote_and_is_the_md5_of_its_listing(settings: Settings) -> None:
    fill_folder(UC, [Image(b"one", PAT), Image(b"two", PAT)], settings)
    pinned = versions.pin(UC, settings)
    listing = folder_listing(settings.data / UC)
    # Radloop writes listings itself when a patient is erased: they must be DVC's to the byte.
    written = Objects(settings).read(pinned.version)
    assert listing_bytes(listing) == written
    assert Objects(settings).listing(pinned.version) == listing
    assert {path for path in listing if path.startswith("images/")} != set()
    remote = {path.parent.name + path.name for path in (settings.place / "dvc" / "remote").glob("files/md5/*/*")}
    assert remote == {pinned.version, *listing.values()}


def test_versions_are_named_by_time_and_by_digits(settings: Settings) -> None:
    pins = []
    for content in (b"one", b"two", b"two", b"three"):
        fill_folder(UC, [Image(content, PAT)], settings)
        pins.append(versions.pin(UC, settings).version)
    first, second, again, third = pins
    assert second == again
    assert [entry["md5"] for entry in history.pins_of(UC, settings)] == [first, second, third]
    assert (name("current", settings), name("previous", settings)) == (third, second)
    assert name(first, settings) == name(first.removesuffix(".dir"), settings) == first
    assert name(first[:10], settings) == first
    history.history_file(UC, settings).unlink()  # a fresh installation knows them by their objects
    assert name(first[:10], settings) == first
    with pytest.raises(InputError) as caught:
        name("0123456789abcdef0123", settings)
    assert caught.value.code == "unknown_data_version"


def test_digits_that_begin_two_versions_are_refused_and_few_decimals_are_a_model() -> None:
    known = {"abcd1" + "0" * 27 + ".dir", "abcd2" + "0" * 27 + ".dir"}
    assert history.match("abcd1", known) == "abcd1" + "0" * 27 + ".dir"
    assert history.match("abce", known) is None
    with pytest.raises(InputError) as caught:
        history.match("abcd", known)
    assert caught.value.code == "ambiguous_version"
    assert [history.is_version(word) for word in ("7", "123456", "1234567", "abc", "abcd", "champion")] == [
        False,
        False,
        True,
        False,
        True,
        False,
    ]


def test_what_cannot_be_pushed_is_not_pinned(tmp_path: Path, settings: Settings) -> None:
    fill_folder(UC, [Image(b"one", PAT)], settings)
    first = versions.pin(UC, settings)
    before = (settings.root / "data.dvc").read_bytes()
    fill_folder(UC, [Image(b"two", PAT)], settings)
    blocked = tmp_path / "a file where the remote should be"
    blocked.write_text("")
    elsewhere = settings.model_copy(update={"dvc_remote": str(blocked)})
    with pytest.raises(ToolError) as caught:
        versions.pin(UC, elsewhere)
    assert caught.value.code == "dvc_failed"
    assert "RADLOOP_DVC_REMOTE" in caught.value.hint
    assert (settings.root / "data.dvc").read_bytes() == before
    with pytest.raises(IntegrityError) as changed:
        versions.checked(UC, settings)
    assert changed.value.code == "data_changed"
    assert versions.pin(UC, settings).version != first.version


def test_a_first_pin_that_fails_leaves_no_data_dvc(tmp_path: Path, settings: Settings) -> None:
    fill_folder(UC, [Image(b"one", PAT)], settings)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ToolError):
        versions.pin(UC, settings.model_copy(update={"dvc_remote": str(blocked)}))
    assert not (settings.root / "data.dvc").exists()


def test_set_entry_keeps_the_others_and_their_order(settings: Settings) -> None:
    outs = [{"path": f"data/{word}", "md5": word * 32 + ".dir", "hash": "md5"} for word in ("a", "b", "c")]
    (settings.root / "data.dvc").write_text(yaml.safe_dump({"outs": outs}))
    versions.set_entry("b", DataVersion("d" * 32 + ".dir", {"path": "data/x", "md5": "d" * 32 + ".dir", "hash": "md5"}), settings)
    found = yaml.safe_load((settings.root / "data.dvc").read_text())["outs"]
    assert [(entry["path"], entry["md5"][0]) for entry in found] == [("data/a", "a"), ("data/b", "d"), ("data/c", "c")]
    assert versions.pinned_use_cases(settings) == ["a", "b", "c"]


def test_a_path_that_another_command_holds_is_waited_for(settings: Settings) -> None:
    image = settings.data / "waits" / "a.png"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"1")
    versions.prepare(settings)
    with subprocess.Popen([sys.executable, "-c", "'dvc'; import time; time.sleep(3)"]) as other:
        place = settings.root / ".dvc" / "tmp"
        place.mkdir(exist_ok=True)
        holds = {str(image.parent): {"pid": other.pid, "cmd": "dvc add data/waits"}}
        (place / "rwlock").write_text(json.dumps({"write": holds, "read": {}}))
        assert versions.pin("waits", settings).version.endswith(".dir")
        other.wait()
