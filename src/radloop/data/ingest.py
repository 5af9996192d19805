"""Ingest: a source's images in, de-identified, judged and listed, as a new data version.

The new folder is built beside the old one and takes its place in one rename, so that a crash leaves
either; what a killed ingest had stored is found again by the next, and pinning is made up for.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from radloop.data import ledger, manifest, versions
from radloop.data.collection import Collected, collect, link, recipe_of
from radloop.data.findings import write_findings
from radloop.data.leakage import apply_policy, described, find_leaks
from radloop.data.listing import entries_of
from radloop.data.places import downloads_folder, index_path, ledger_folder, previous_folder, work_folder
from radloop.data.pseudonym_key import pseudonym_key
from radloop.data.sources import SourceRow, read_source
from radloop.data.store_index import StoreIndex
from radloop.errors import InputError, IntegrityError
from radloop.images.pseudonym import pseudonym
from radloop.records import erasures
from radloop.records.seal import write_atomic
from radloop.settings import Settings
from radloop.use_case import UseCase


@dataclass(frozen=True)
class IngestResult:
    """What ingest did.

    Attributes:
        changed: False when the source equals what `data/UC` holds.
        kept_split: rows of known patients whose split the source now names differently.
        quarantined: images that a quality rule keeps out of every split, by rule.
        leaks: what stood on both sides of a split, each as `Leak.as_dict` has it, with "stands".
        dropped: images that the leakage policy keeps out of training.
        unreadable: the images left out: row, name relative to the source, code and message.
        reused: source files that needed no decoding, for they were stored before.
        erased: source files of patients who were erased here: they do not come back.
    """

    use_case: str
    data_version: str
    changed: bool
    images: int
    patients: int
    splits: dict[str, int]
    kept_split: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    leaks: list[dict[str, Any]] = field(default_factory=list)
    leak_policy: str = "refuse"
    dropped: int = 0
    unreadable: list[dict[str, Any]] = field(default_factory=list)
    reused: int = 0
    erased: int = 0
    entry: dict[str, Any] = field(default_factory=dict)


def ingest(
    use_case: UseCase,
    source: Path | str,
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
    add: bool = False,
) -> IngestResult:
    """Make the data version of a use case equal to a source.

    Args:
        use_case: whose data.
        source: a folder, a file or a name that `radloop.data.sources` understands.
        progress: called with (files done, files in all).
        add: keep the images that are there, and add the source's.

    Raises:
        InputError: the source is missing, empty, mislabelled or unreadable; nothing was written.
        ToolError: DVC failed; the folder stands, and the same command pins it.
    """
    listed = read_source(source, use_case, downloads_folder(settings))
    folder, work = settings.data / use_case.name, work_folder(use_case.name, settings)
    staging = work / "staging"
    _recover(folder, work)
    key = pseudonym_key(use_case, settings)
    rows = _without_erased(listed, key, settings)
    with StoreIndex(index_path(use_case.name, settings), key) as index:
        collected = collect(rows, use_case, folder, staging, index, key, settings.workers, progress)
        _check_readable(collected, len(rows), use_case)
        known, known_groups = _known_splits(use_case, settings)
        thumbnails = index.thumbnails()
        memory = index.near_memory(recipe_of(use_case))
        entries, kept_split = entries_of(collected, use_case, key, known, known_groups, thumbnails, memory)
        frame = manifest.frame_of(entries, use_case)
        if add:
            frame = _added(frame, folder, staging, use_case)
        leaks = find_leaks(frame, thumbnails, use_case.leakage, _earlier(frame, use_case, settings), memory)
    frame, dropped = apply_policy(frame, leaks, use_case.leakage)
    found = described(frame, leaks)
    _prune(staging, frame)
    manifest.write_manifest(staging, frame, use_case)
    write_findings(staging, {"policy": use_case.leakage.policy, "dropped": dropped, "leaks": found}, collected.refused)
    changed = not _same(staging, folder)
    if changed:
        _remember(folder, previous_folder(use_case.name, settings))
        _replace(staging, folder, work)
    before = versions.pinned(use_case.name, settings)
    version = versions.pin(use_case.name, settings)
    shutil.rmtree(staging, ignore_errors=True)
    images = frame[frame["kind"] != "clip"]
    return IngestResult(
        use_case=use_case.name,
        data_version=version.version,
        changed=changed or before is None or before.version != version.version,
        images=len(images),
        patients=int(frame["patient"].nunique()),
        splits={str(split): int(count) for split, count in images["split"].value_counts().sort_index().items()},
        kept_split=kept_split,
        quarantined=dict(Counter(word for word in images["excluded"].dropna() if word.startswith("quarantine"))),
        leaks=found,
        leak_policy=use_case.leakage.policy,
        dropped=dropped,
        unreadable=collected.refused,
        reused=collected.reused,
        erased=len(listed) - len(rows),
        entry=version.entry,
    )


def _without_erased(rows: list[SourceRow], key: bytes, settings: Settings) -> list[SourceRow]:
    gone = erasures.erased(settings)
    if not gone:
        return rows
    return [row for row in rows if erasures.keyed_hash(key, pseudonym(key, row.patient)) not in gone]


def _check_readable(collected: Collected, files: int, use_case: UseCase) -> None:
    """Refuse a source with too many unreadable files.

    Rows are in the message, which tools log; names, which may be a person's, in the hint, which they do not.
    """
    refused, allowed = collected.refused, use_case.source.max_unreadable
    if len(refused) > allowed:
        more = ", ..." if len(refused) > 5 else ""
        raise InputError(
            "unreadable_images",
            f"{len(refused)} of {files} images cannot be read, {allowed} are allowed: rows "
            + ", ".join(str(item["row"]) for item in refused[:5])
            + more,
            "mend or remove "
            + ", ".join(str(item["image"]) for item in refused[:5])
            + f"{more}; or raise source.max_unreadable in {use_case.name}.yaml",
        )
    if not collected.stored:
        raise InputError("source_empty", "no image of the source can be read", "check the source")


def _known_splits(use_case: UseCase, settings: Settings) -> tuple[dict[str, str], dict[str, str]]:
    """Return the splits of the patients and of the groups that earlier data versions or the present one know."""
    folder = ledger_folder(use_case.name, settings)
    patients, groups = ledger.known_splits(folder), ledger.known_groups(folder)
    try:
        frame = manifest.read_manifest(settings.data / use_case.name)
    except IntegrityError:
        return patients, groups
    return patients | _places(frame, "patient"), groups | _places(frame, "group")


def _places(frame: pd.DataFrame, column: str) -> dict[str, str]:
    """Return where a manifest puts each name; one in two splits is a leak, not a place to keep."""
    places = frame.groupby(column)["split"].agg(["first", "nunique"])
    return {str(name): str(split) for name, split in places.loc[places["nunique"] == 1, "first"].items()}


def _earlier(frame: pd.DataFrame, use_case: UseCase, settings: Settings) -> pd.DataFrame | None:
    """Return the rows that earlier versions held and this one does not."""
    return ledger.earlier_rows(ledger_folder(use_case.name, settings), frame)


def _added(frame: pd.DataFrame, folder: Path, staging: Path, use_case: UseCase) -> pd.DataFrame:
    """Return the present rows with the new ones behind them, their files linked into the new folder."""
    try:
        present = manifest.read_manifest(folder)
    except IntegrityError:
        return frame
    present = present[~present["id"].isin(frame["id"]) & ~present["clip"].isin(frame["id"])]
    # What the policy dropped is judged anew with the new rows; a broken quality rule stays broken.
    present.loc[present["excluded"] == "leak", "excluded"] = None
    columns = manifest.columns_of(use_case)
    present = present[[name for name in columns if name in present]]
    for path in manifest.files_of(present):
        if not (staging / path).exists():
            link(folder / path, staging / path)
    return pd.concat([present, frame], ignore_index=True)[columns]


def _prune(staging: Path, frame: pd.DataFrame) -> None:
    """Remove what a killed ingest of another source left."""
    listed = manifest.files_of(frame)
    for path in [*(staging / "images").iterdir(), *(staging / "masks").glob("*")]:
        if f"{path.parent.name}/{path.name}" not in listed:
            path.unlink()


def _same(staging: Path, folder: Path) -> bool:
    """Tell whether two folders hold the same bytes under the same names; a hard link is not read."""
    ours, theirs = _inodes(staging), _inodes(folder)
    if ours.keys() != theirs.keys():
        return False
    unlinked = [name for name, inode in ours.items() if inode != theirs[name]]
    _, differing, failing = filecmp.cmpfiles(staging, folder, unlinked, shallow=False)
    return not differing and not failing


def _inodes(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the device and inode of every file below a folder, by its name relative to it."""
    found: dict[str, tuple[int, int]] = {}
    waiting = [folder] if folder.is_dir() else []
    while waiting:
        place = waiting.pop()
        device, below = place.stat().st_dev, "" if place == folder else f"{place.relative_to(folder).as_posix()}/"
        with os.scandir(place) as entries:  # it tells the inodes of a folder without asking for each file
            for entry in entries:
                if entry.is_dir():
                    waiting.append(Path(entry.path))
                else:
                    found[below + entry.name] = (device, entry.inode())
    return found


def _remember(folder: Path, place: Path) -> None:
    """Keep the manifest that is about to go: the next one's drift is measured against it."""
    if (folder / manifest.FILE_NAME).is_file():
        write_atomic(place / manifest.FILE_NAME, (folder / manifest.FILE_NAME).read_bytes())


def previous_manifest(use_case: str, settings: Settings) -> pd.DataFrame | None:
    """Return the manifest of the data version before the present one, None where there was none or it cannot be read."""
    try:
        return manifest.read_manifest(previous_folder(use_case, settings))
    except IntegrityError:
        return None


def _replace(staging: Path, folder: Path, work: Path) -> None:
    """Put the new folder in the place of the old one; a crash leaves one of them whole, and `_recover` finds it."""
    old, new = work / "old", folder.parent / f".{folder.name}.new"
    shutil.rmtree(old, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(staging, new)  # a rename, or a copy where the home is on another file system
    if folder.exists():
        shutil.move(folder, old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _recover(folder: Path, work: Path) -> None:
    """Bring back what an ingest that was killed between two renames had moved away."""
    old, new = work / "old", folder.parent / f".{folder.name}.new"
    if not folder.exists() and old.exists():
        shutil.move(old, folder)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(new, ignore_errors=True)
