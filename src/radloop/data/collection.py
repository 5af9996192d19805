"""The files of a source, stored: from the index where they were stored before, through the workers where not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.data.sources import SourceRow, read_bytes
from radloop.data.store_index import Known, StoreIndex
from radloop.data.storing import VERSION, Job
from radloop.errors import RadloopError, Refusal
from radloop.images.mask import Region
from radloop.images.pool import Pool
from radloop.images.pseudonym import pseudonym
from radloop.records.seal import digest_document
from radloop.use_case import UseCase

_BATCH = 64
_VIDEO = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm"})
_VIDEO_SIZE = 240_000_000
"""The size that a video counts as: its frames are many images, and minutes are its due."""

_PASSING = frozenset({"decode_timeout", "decoder_crashed"})
"""Refusals that tell of the machine's hour as much as of the file: the next ingest tries again."""


@dataclass(frozen=True)
class Collected:
    """A source whose files are stored.

    Attributes:
        stored: each readable row with the facts of its images, in the source's order.
        refused: row number, name, code and message of each file left out.
        reused: how many files needed no decoding.
    """

    stored: list[tuple[SourceRow, list[dict[str, Any]]]]
    refused: list[dict[str, Any]]
    reused: int


@dataclass(frozen=True)
class _Task:
    number: int
    row: SourceRow
    source: str
    stamp: str
    recipe: str
    patient: str


def collect(
    rows: Sequence[SourceRow],
    use_case: UseCase,
    folder: Path,
    staging: Path,
    index: StoreIndex,
    key: bytes,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> Collected:
    """Store every row's file under `staging/images` and its mask, where the use case locates, under `staging/masks`.

    The order of the result is that of the rows.

    Args:
        rows: of the source.
        use_case: says how pixels are read and which are quarantined.
        folder: the present data; what it holds already is linked, not written again.
        staging: the folder being built; what a killed ingest left there is used.
        index: of what is stored.
        key: of pseudonyms and UIDs.
        workers: how many processes decode.
        progress: called with (files done, files in all).
    """
    images = staging / "images"
    images.mkdir(parents=True, exist_ok=True)
    if use_case.location is None:
        rows = [replace(row, region=None) if row.region else row for row in rows]
    else:
        (staging / "masks").mkdir(exist_ok=True)
    known = index.known()
    facts: dict[int, dict[str, Any]] = {}
    base = recipe_of(use_case)
    tasks = [_task(number, row, index, base, pseudonym(key, row.patient)) for number, row in enumerate(rows)]
    new = sum(not _is_known(task, known) for task in tasks)
    with Pool(min(workers, max(new, 1))) as pool:
        if new:  # the workers start while what is known is brought
            Thread(target=_warm, args=(pool,), daemon=True).start()
        todo: list[_Task] = []
        for task in tasks:
            if _is_known(task, known) and _bring(known[task.source].facts, folder, staging):
                facts[task.number] = known[task.source].facts
            else:
                todo.append(task)
        reused = len(facts)
        if progress and reused:
            progress(reused, len(rows))
        for count, (task, outcome) in enumerate(_stored(todo, use_case, key, images, index, pool), start=reused + 1):
            facts[task.number] = outcome
            if progress:
                progress(count, len(rows))
    return _collected(rows, facts, reused)


def recipe_of(use_case: UseCase) -> str:
    """Return the digest of everything but the file and its patient that decides what is stored of it."""
    image, rules = use_case.image.model_dump(mode="json"), use_case.quarantine.model_dump(mode="json")
    return f"{VERSION}:{digest_document({'image': image, 'rules': rules})}"


def _task(number: int, row: SourceRow, index: StoreIndex, base: str, patient: str) -> _Task:
    member = f"#{row.member[0]}#{row.member[1]}" if row.member else ""
    recipe = f"{base}:{patient}" + (f":{_recipe_of_region(row.region)}" if row.region else "")
    return _Task(number, row, index.source(row.name + member), _stamp(row.path), recipe, patient)


def _stamp(path: Path) -> str:
    """Return what tells whether a source's file was touched."""
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"


def _recipe_of_region(region: Region) -> str:
    outline = _stamp(region.outline) if region.outline else None
    boxes = [list(box) for box in region.boxes]
    return digest_document({"outline": outline, "boxes": boxes, "shares": region.shares})


def _warm(pool: Pool) -> None:
    with suppress(RadloopError):  # a worker that cannot start says so at its first file
        pool.warm("radloop.data.storing:ready")


def _is_known(task: _Task, known: Mapping[str, Known]) -> bool:
    found = known.get(task.source)
    return found is not None and (found.stamp, found.recipe) == (task.stamp, task.recipe)


def _stored(
    todo: Sequence[_Task], use_case: UseCase, key: bytes, images: Path, index: StoreIndex, pool: Pool
) -> Iterator[tuple[_Task, dict[str, Any]]]:
    """Store files in the workers and index them in batches; a killed ingest loses one batch of work, no file."""

    def jobs() -> Iterator[tuple[tuple[Job], int]]:
        for task in todo:
            row = task.row
            source: Path | bytes = read_bytes(row) if row.member else row.path
            size = 0 if task.stamp == "missing" else int(task.stamp.split(":")[0])
            size = _VIDEO_SIZE if row.path.suffix.lower() in _VIDEO else size
            yield (Job(source, task.patient, key, images, use_case.image, use_case.quarantine, row.region),), size

    batch: list[tuple[str, str, Known, dict[str, NDArray[np.uint8]]]] = []
    try:
        for task, reply in zip(todo, pool.map("radloop.data.storing:store", jobs()), strict=True):
            thumbnails: dict[str, NDArray[np.uint8]] = {}
            if isinstance(reply, Refusal):
                document: dict[str, Any] = {"refusal": reply.as_dict()}
            else:
                document, arrays = reply
                thumbnails = {image["id"]: array for image, array in zip(document["images"], arrays, strict=True)}
                _note_stamps(document, images)
            if document.get("refusal", {}).get("code") not in _PASSING:
                batch.append((task.source, task.patient, Known(task.stamp, task.recipe, document), thumbnails))
            if len(batch) >= _BATCH:
                index.keep(batch)
                batch = []
            yield task, document
    finally:
        index.keep(batch)


def _note_stamps(document: dict[str, Any], images: Path) -> None:
    """Keep the stored files' sizes and times, by which the next ingest knows that they are untouched."""
    for file in _files(document):
        status = (images.parent / file["path"]).stat()
        file["stamp"] = [status.st_size, status.st_mtime_ns]


def _files(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is known of each stored file, images and masks: {"path", "sha256", "stamp"} among others."""
    return [file for image in document["images"] for file in (image, image.get("mask_file")) if file is not None]


def _bring(facts: dict[str, Any], folder: Path, staging: Path) -> bool:
    """Link a known file's stored images from the present data into the new folder; False where one is gone or touched."""
    if "refusal" in facts:
        return True
    for file in _files(facts):
        target = staging / file["path"]
        if _untouched(target, file):
            continue
        present = folder / file["path"]
        if not _untouched(present, file) and not _intact(present, file):
            return False
        link(present, target)
    return True


def _untouched(path: Path, file: dict[str, Any]) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return bool([status.st_size, status.st_mtime_ns] == file["stamp"])


def _intact(path: Path, file: dict[str, Any]) -> bool:
    """Tell whether a file with other times, as after a checkout, still has its bytes."""
    try:
        return bool(sha256(path.read_bytes()).hexdigest() == file["sha256"])
    except OSError:
        return False


def link(source: Path, target: Path) -> None:
    """Make a file stand in a second place, without copying it where the file system can."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _collected(rows: Sequence[SourceRow], facts: dict[int, dict[str, Any]], reused: int) -> Collected:
    stored: list[tuple[SourceRow, list[dict[str, Any]]]] = []
    refused: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        document = facts[number]
        if "refusal" in document:
            error = document["refusal"]
            refused.append({"row": number + 1, "image": row.name, "code": error["code"], "message": error["message"]})
        else:
            stored.append((row, document["images"]))
    return Collected(stored, refused, reused)
