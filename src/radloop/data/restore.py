"""The exact bytes of a data version, back from cache or remote: built beside, verified, moved in one rename."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from radloop.data.naming import of_entry
from radloop.data.objects import Objects, folder_listing
from radloop.data.versions import DataVersion, check_out, pinned, prepare, set_entry
from radloop.errors import InputError, IntegrityError, Refusal
from radloop.records import erasures
from radloop.settings import Settings


@dataclass(frozen=True)
class Restored:
    """What was restored.

    Attributes:
        asked: the version that was asked for.
        data_version: the version that was restored, which differs where a patient was erased.
        changed: False where the folder already held these bytes.
    """

    use_case: str
    asked: str
    data_version: str
    files: int
    changed: bool


def restore(
    use_case: str, version: DataVersion, settings: Settings, to: Path | None = None, *, force: bool = False, erased: bool = False
) -> Restored:
    """Write the bytes of a version to `data/UC` and pin it, or to another folder.

    Args:
        version: with its entry of `data.dvc`, as evidence keeps it.
        to: an absent or empty folder; `data/UC` if None.
        force: overwrite a `data/UC` that nothing pins.
        erased: take what is left of a version from which a patient was erased.

    Raises:
        Refusal: `version_erased`, or `unpinned_data`.
        InputError: `folder_not_empty`.
        IntegrityError: the bytes are not those of the version; nothing was moved.
        ToolError: DVC or its remote failed; nothing was moved.
    """
    rest = _rest_of(use_case, version, settings, erased)
    target = settings.data / use_case if to is None else to.absolute()
    staging = target.with_name(f".{target.name}.restore")
    shutil.rmtree(staging, ignore_errors=True)  # what a killed restore left
    changed = to is not None or not _in_place(use_case, rest, settings, force)
    try:
        listing = Objects(settings).listing(rest.version)
        if changed:
            if to is not None:
                _check_empty(target)
            check_out(rest, staging / "files", settings)
            _verify(staging / "files", listing, rest)
            _move(staging / "files", target, staging / "old")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    if to is None:
        prepare(settings)
        set_entry(use_case, rest, settings)
    return Restored(use_case, version.version, rest.version, len(listing), changed)


def _rest_of(use_case: str, version: DataVersion, settings: Settings, erased: bool) -> DataVersion:
    if not erased:
        erasures.check_whole(version.version, settings)
    rest = erasures.remainder(version.version, settings)
    return version if rest == version.version else of_entry(use_case, rest)


def _in_place(use_case: str, version: DataVersion, settings: Settings, force: bool) -> bool:
    """Tell whether `data/UC` already holds a version.

    Raises:
        Refusal: it holds what would be lost.
    """
    folder = settings.data / use_case
    if not folder.is_dir():
        return False
    # Every byte is read: DVC trusts a file whose time and size are as they were.
    now, found, objects = pinned(use_case, settings), folder_listing(folder), Objects(settings)
    if found == objects.listing(version.version):
        return True  # also where a restore was killed between moving the folder and pinning it
    if now is not None and found == objects.listing(now.version):
        return False
    if not force:
        raise Refusal(
            "unpinned_data",
            f"data/{use_case} holds changes that no version pins; they would be lost",
            f"run `radloop ingest {use_case} --source PATH` to keep them, or restore with --force or --to DIR",
        )
    return False


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("folder_not_empty", "the folder to restore to is not empty", "give a new folder")


def _verify(folder: Path, listing: dict[str, str], version: DataVersion) -> None:
    found = folder_listing(folder)
    differing = sorted(name for name in listing.keys() | found.keys() if listing.get(name) != found.get(name))
    if differing:
        raise IntegrityError(
            "restored_differs",
            f"{len(differing)} files are not those of data version {version.version[:12]}, first {differing[0]}",
            "the cache or the remote was changed by hand; remove the object from the cache and restore again",
        )


def _move(staged: Path, target: Path, old: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(old)
    try:
        staged.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
