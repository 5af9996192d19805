"""Ingest: a source's images in, de-identified and listed, as a new data version.

The new folder is built beside the old one and takes its place in one rename, so that a crash leaves
either; pinning comes after, and is made up for by the next ingest.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from radloop.data import manifest, versions
from radloop.data.pseudonym_key import pseudonym_key
from radloop.data.sources import SourceRow, read_source
from radloop.data.split import assign_splits
from radloop.errors import InputError, IntegrityError, Refusal
from radloop.images.decode import decode
from radloop.images.deidentify import pseudonym, write_deidentified
from radloop.images.dicom import read_dataset
from radloop.settings import Settings
from radloop.use_case import Split, UseCase


@dataclass(frozen=True)
class IngestResult:
    """What ingest did.

    Attributes:
        changed: False when the source equals what `data/UC` holds.
        unreadable: names of the images left out, relative to the source, with the reason.
    """

    use_case: str
    data_version: str
    changed: bool
    images: int
    patients: int
    splits: dict[str, int]
    unreadable: list[dict[str, Any]] = field(default_factory=list)
    entry: dict[str, Any] = field(default_factory=dict)


def ingest(
    use_case: UseCase, source: Path, settings: Settings, progress: Callable[[int, int], None] | None = None
) -> IngestResult:
    """Make the data version of a use case equal to a source.

    Args:
        use_case: whose data.
        source: a folder or a manifest CSV; see `radloop.data.sources`.
        progress: called with (images done, images in all).

    Raises:
        InputError: the source is missing, empty, mislabelled or unreadable; nothing was written.
        ToolError: DVC failed; the folder stands, and the same command pins it.
    """
    rows = read_source(source, use_case)
    folder = settings.data / use_case.name
    work = settings.place / "ingest"
    work.mkdir(parents=True, exist_ok=True)
    for left in work.glob(f"{use_case.name}.*"):  # by an ingest that was killed; one runs at a time
        shutil.rmtree(left, ignore_errors=True)
    staging = work / f"{use_case.name}.{os.getpid()}"
    try:
        entries, unreadable = _store(rows, use_case, staging, settings, progress)
        changed = not _same(staging, folder)
        if changed:
            _replace(staging, folder, work / f"{use_case.name}.{os.getpid()}.old")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    before = versions.pinned(use_case.name, settings)
    version = versions.pin(use_case.name, settings)
    return IngestResult(
        use_case=use_case.name,
        data_version=version.version,
        changed=changed or before is None or before.version != version.version,
        images=len(entries),
        patients=len({row.patient for row in entries}),
        splits=dict(Counter(row.split for row in entries)),
        unreadable=unreadable,
        entry=version.entry,
    )


def _store(
    rows: Sequence[SourceRow], use_case: UseCase, staging: Path, settings: Settings, progress: Callable[[int, int], None] | None
) -> tuple[list[manifest.Row], list[dict[str, Any]]]:
    key = pseudonym_key(use_case, settings)
    (staging / "images").mkdir(parents=True)
    readable: list[tuple[SourceRow, StoredImage]] = []
    unreadable: list[dict[str, Any]] = []
    seen: Counter[str] = Counter()
    for number, row in enumerate(rows, start=1):
        try:
            readable.append((row, _store_image(row, staging, pseudonym(key, row.patient), key, seen)))
        except Refusal as error:
            unreadable.append({"row": number, "image": row.name, "code": error.code, "message": error.message})
        if progress:
            progress(number, len(rows))
    if len(unreadable) > use_case.source.max_unreadable:
        raise _too_many_unreadable(unreadable, len(rows), use_case)
    if not readable:
        raise InputError("source_empty", "no image of the source can be read", "check the source")
    splits = assign_splits(
        [_described(row, image) for row, image in readable], use_case.split, _known_splits(key, rows, use_case, settings)
    )
    entries = [
        _entry(row, image, pseudonym(key, row.patient), split) for (row, image), split in zip(readable, splits, strict=True)
    ]
    manifest.write_manifest(staging, entries)
    return entries, unreadable


def _too_many_unreadable(unreadable: list[dict[str, Any]], images: int, use_case: UseCase) -> InputError:
    """Return the error: rows in its message, which tools log; names, which may be a person's, in its hint, which they do not."""
    shown, more = unreadable[:5], ", ..." if len(unreadable) > 5 else ""
    numbers = ", ".join(str(item["row"]) for item in shown) + more
    names = ", ".join(str(item["image"]) for item in shown) + more
    return InputError(
        "unreadable_images",
        f"{len(unreadable)} of {images} images cannot be read, {use_case.source.max_unreadable} are allowed: rows {numbers}",
        f"mend or remove {names}; or raise source.max_unreadable in {use_case.name}.yaml",
    )


@dataclass(frozen=True)
class StoredImage:
    """A stored file and what its header says; None is unknown."""

    id: str
    path: str
    sha256: str
    rows: int
    columns: int
    sex: str | None
    age: float | None
    view: str | None


def _store_image(row: SourceRow, staging: Path, patient: str, key: bytes, seen: Counter[str]) -> StoredImage:
    """Write one image without anything that names a person: DICOM stays DICOM, the rest becomes PNG."""
    try:
        content = row.path.read_bytes()
    except OSError as error:
        raise Refusal("unreadable_image", "the file is missing or cannot be opened") from error
    decoded = decode(content)
    if decoded.header.format == "dicom":
        stored, suffix = write_deidentified(read_dataset(content), patient, key), "dcm"
    else:
        stream = BytesIO()
        Image.fromarray(decoded.pixels).save(stream, "PNG", compress_level=3)
        stored, suffix = stream.getvalue(), "png"
    digest = sha256(stored).hexdigest()
    name = digest[:16]
    seen[name] += 1
    identifier = name if seen[name] == 1 else f"{name}-{seen[name]}"
    path = f"images/{identifier}.{suffix}"
    (staging / path).write_bytes(stored)
    header = decoded.header
    rows, columns = decoded.pixels.shape
    return StoredImage(identifier, path, digest, int(rows), int(columns), header.sex, header.age, header.view)


def _described(row: SourceRow, image: StoredImage) -> SourceRow:
    """Fill what the source leaves unknown from the image's header."""
    return SourceRow(
        path=row.path,
        name=row.name,
        label=row.label,
        patient=row.patient,
        split=row.split,
        sex=row.sex or image.sex,
        age=row.age if row.age is not None else image.age,
        site=row.site,
        view=row.view or image.view,
        extent=row.extent,
    )


def _entry(row: SourceRow, image: StoredImage, patient: str, split: Split) -> manifest.Row:
    full = _described(row, image)
    return manifest.Row(
        id=image.id,
        path=image.path,
        label=full.label,
        patient=patient,
        split=split,
        site=full.site,
        sex=full.sex,
        view=full.view,
        age=full.age,
        extent=full.extent,
        rows=image.rows,
        columns=image.columns,
        sha256=image.sha256,
    )


def _known_splits(key: bytes, rows: Sequence[SourceRow], use_case: UseCase, settings: Settings) -> dict[str, str]:
    """Return the split of every patient whom the present data version knows, by the source's identifier."""
    try:
        frame = manifest.read_manifest(settings.data / use_case.name)
    except IntegrityError:
        return {}
    places = dict(zip(frame["patient"], frame["split"], strict=True))
    return {row.patient: places[name] for row in rows if (name := pseudonym(key, row.patient)) in places}


def _same(staging: Path, folder: Path) -> bool:
    """Tell whether two folders hold the same bytes under the same names."""
    names = sorted(path.relative_to(staging).as_posix() for path in staging.rglob("*") if path.is_file())
    present = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    if names != present:
        return False
    _, differing, failing = filecmp.cmpfiles(staging, folder, names, shallow=False)
    return not differing and not failing


def _replace(staging: Path, folder: Path, old: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        folder.rename(old)
    shutil.move(staging, folder)
    shutil.rmtree(old, ignore_errors=True)
