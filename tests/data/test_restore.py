"""Restoring: the exact bytes, in one rename, and nothing lost that no version pins."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from data_folders import Image, fill_folder
from installations import Installation, make_installation

from radloop.data import versions
from radloop.data.objects import Objects, folder_listing, object_name
from radloop.data.restore import restore
from radloop.data.versions import DataVersion
from radloop.errors import InputError, IntegrityError, Refusal, ToolError
from radloop.settings import Settings

UC = "phantom-cxr"
P1, P2 = "P00000000000000a1", "P00000000000000b2"


@pytest.fixture
def settings(installation: Installation) -> Settings:
    return installation.settings


@pytest.fixture
def two(settings: Settings) -> tuple[DataVersion, DataVersion]:
    """Two versions; the second stands."""
    fill_folder(UC, [Image(b"one", P1), Image(b"two", P2)], settings)
    first = versions.pin(UC, settings)
    fill_folder(UC, [Image(b"two", P2), Image(b"three", P1)], settings)
    return first, versions.pin(UC, settings)


def test_the_folder_and_data_dvc_become_the_version(settings: Settings, two: tuple[DataVersion, DataVersion]) -> None:
    first, second = two
    found = restore(UC, first, settings)
    assert (found.data_version, found.files, found.changed) == (first.version, 4, True)
    assert folder_listing(settings.data / UC) == Objects(settings).listing(first.version)
    assert versions.checked(UC, settings) == first
    assert [path.name for path in settings.data.iterdir()] == [UC]
    assert not restore(UC, first, settings).changed
    assert restore(UC, second, settings).data_version == second.version


def test_one_flipped_byte_is_not_taken_for_the_version(settings: Settings, two: tuple[DataVersion, DataVersion]) -> None:
    _, second = two
    image = next(path for path in sorted((settings.data / UC / "images").iterdir()) if path.is_file())
    content, facts = image.read_bytes(), image.stat()
    image.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(Refusal) as caught:
        restore(UC, second, settings)
    assert caught.value.code == "unpinned_data"
    assert restore(UC, second, settings, force=True).changed
    assert image.read_bytes() == content


def test_another_folder_leaves_the_pin_alone(tmp_path: Path, settings: Settings, two: tuple[DataVersion, DataVersion]) -> None:
    first, second = two
    restore(UC, first, settings, tmp_path / "copy")
    assert folder_listing(tmp_path / "copy") == Objects(settings).listing(first.version)
    assert versions.checked(UC, settings) == second
    with pytest.raises(InputError) as caught:
        restore(UC, first, settings, tmp_path / "copy")
    assert caught.value.code == "folder_not_empty"


def test_what_the_cache_lacks_comes_from_the_remote_without_a_commit(
    tmp_path: Path, settings: Settings, two: tuple[DataVersion, DataVersion]
) -> None:
    first, _ = two
    fresh = make_installation(tmp_path / "fresh").settings.model_copy(
        update={"dvc_remote": str(settings.place / "dvc" / "remote")}
    )
    restore(UC, first, fresh)
    assert folder_listing(fresh.data / UC) == folder_listing_of(first, settings)
    assert versions.checked(UC, fresh).version == first.version


def folder_listing_of(version: DataVersion, settings: Settings) -> dict[str, str]:
    return Objects(settings).listing(version.version)


def test_unpinned_changes_are_refused_unless_forced(settings: Settings, two: tuple[DataVersion, DataVersion]) -> None:
    first, _ = two
    extra = settings.data / UC / "images" / "by-hand.png"
    extra.write_bytes(b"mine")
    with pytest.raises(Refusal) as caught:
        restore(UC, first, settings)
    assert caught.value.code == "unpinned_data"
    assert extra.read_bytes() == b"mine"
    restore(UC, first, settings, force=True)
    assert not extra.exists()
    assert versions.checked(UC, settings) == first


def test_a_restore_killed_before_pinning_goes_on(settings: Settings, two: tuple[DataVersion, DataVersion]) -> None:
    first, _ = two
    before = (settings.root / "data.dvc").read_bytes()
    restore(UC, first, settings)
    (settings.root / "data.dvc").write_bytes(before)  # the moment between the rename and the pin
    left = settings.data / f".{UC}.restore"
    (left / "files").mkdir(parents=True)  # and what a killed one leaves
    assert not restore(UC, first, settings).changed
    assert versions.checked(UC, settings) == first
    assert not left.exists()


def test_a_changed_object_is_found_and_nothing_moves(settings: Settings, two: tuple[DataVersion, DataVersion]) -> None:
    first, second = two
    listing = Objects(settings).listing(first.version)
    gone = next(iter(set(listing.values()) - set(Objects(settings).listing(second.version).values())))
    path = settings.place / "dvc" / "cache" / object_name(gone)
    path.chmod(0o644)
    path.write_bytes(b"other bytes")
    path.chmod(0o444)  # as DVC trusts it
    with pytest.raises(IntegrityError) as caught:
        restore(UC, first, settings)
    assert caught.value.code == "restored_differs"
    assert versions.checked(UC, settings) == second
    assert [item.name for item in settings.data.iterdir()] == [UC]


def test_missing_objects_leave_the_folder_as_it_was(settings: Settings, two: tuple[DataVersion, DataVersion]) -> None:
    first, second = two
    listing = Objects(settings).listing(first.version)
    gone = next(iter(set(listing.values()) - set(Objects(settings).listing(second.version).values())))
    Objects(settings).remove([gone])
    with pytest.raises(ToolError):
        restore(UC, first, settings)
    assert versions.checked(UC, settings) == second
    assert [item.name for item in settings.data.iterdir()] == [UC]
    shutil.rmtree(settings.place / "dvc")
    with pytest.raises(IntegrityError) as caught:
        restore(UC, first, settings)
    assert caught.value.code == "missing_object"
