"""From labels that came back to a source for ingest: the record keeps no images, so that files are found by their keyed hash."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from radloop.data.collection import link
from radloop.data.sources.table import open_table
from radloop.errors import InputError, Refusal
from radloop.images.dicom import is_dicom, read_dataset
from radloop.inference.recorded import file_hash
from radloop.monitoring.feedback_table import SEPARATOR
from radloop.monitoring.index import ANSWERS, FEEDBACK, Index
from radloop.records.feedback import Given, standing
from radloop.records.secret import secret
from radloop.settings import Settings
from radloop.use_case import FindingLabels, UseCase

MANIFEST = "manifest.csv"
_DIGITS = 16
"""Of a file's keyed hash, that the index keeps."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the labelled answers.

    Attributes:
        labelled: answers with a label that stands, whichever bundle gave them.
        images: that were found and written, one a file.
        files: that were searched.
        contradicted: files whose requests have labels that differ; left out.
        without_patient: images that neither a table nor their header gives a patient.
    """

    labelled: int
    images: int
    files: int
    contradicted: int
    without_patient: int

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Label:
    """What readers said of one file, and what its last request said of the patient."""

    request_id: str
    words: tuple[str, ...]
    sex: str | None
    site: str | None


def write_source(use_case: UseCase, files: Path, out: Path, settings: Settings) -> Written:
    """Write the labelled images that are found in a folder, with a `manifest.csv` in the use case's own columns.

    Each `manifest.csv` in the folder says of its files what it says to ingest; only the label is the readers'. Without
    one a DICOM file's header names the patient. Splits are left to ingest: who is known keeps theirs, others are cut as ever.

    Args:
        use_case: whose answers.
        files: where the images lie, at any depth.
        out: a new or empty folder; it appears whole or not at all.
        settings: of the installation.

    Raises:
        InputError: `source_missing`, or `folder_not_empty`.
        Refusal: `no_outline`: the use case learns from outlines, which no word gives.
    """
    if use_case.labels.kind == "segmentation":
        raise Refusal(
            "no_outline", f"{use_case.name} learns from outlines, a label is none", "outline the images and ingest them"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("folder_not_empty", f"{out} is not empty", "give a new folder")
    labels, contradicted, labelled = _labels(use_case.name, settings)
    table = _table(files, use_case)
    rows, searched, nobody = [], 0, 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".labelled-") as name:
        staging = Path(name) / "source"
        (staging / "images").mkdir(parents=True)
        for path, digest in _hashed(files, settings):
            searched += 1
            label = labels.pop(digest, None)
            if label is not None:
                target = staging / "images" / f"{label.request_id}{path.suffix.lower()}"
                link(path, target)
                row = _row(label, table.get(path), path, use_case) | {use_case.source.columns.path: f"images/{target.name}"}
                nobody += not row.get(use_case.source.columns.patient or "")
                rows.append(row)
        _write(staging / MANIFEST, rows, use_case)
        if rows:
            if out.exists():
                out.rmdir()
            shutil.move(staging, out)
    return Written(labelled, len(rows), searched, contradicted, nobody)


def files_of(request_ids: Collection[str], files: Path, settings: Settings) -> dict[str, Path]:
    """Return where the files of some requests lie; those that are not in the folder are missing.

    Raises:
        InputError: `source_missing`.
    """
    with Index(settings) as index:
        found = index.rows(sa.select(ANSWERS.c.file, ANSWERS.c.request_id).where(ANSWERS.c.request_id.in_(request_ids)))
    wanted: dict[str, list[str]] = {}
    for digest, name in found:
        wanted.setdefault(digest, []).append(name)
    return {name: path for path, digest in _hashed(files, settings) for name in wanted.get(digest, ())}


def _hashed(files: Path, settings: Settings) -> Iterator[tuple[Path, str]]:
    """Yield every file below a folder with its keyed hash, as the index keeps it."""
    if not files.is_dir():
        raise InputError("source_missing", f"no such folder: {files}", "check the path")
    key = settings.record_key.encode() if settings.record_key else secret("record", settings)
    for path in sorted(files.rglob("*")):
        if path.is_file():
            yield path, file_hash(key, path.read_bytes()).removeprefix("hmac:")[:_DIGITS]


def _labels(use_case: str, settings: Settings) -> tuple[dict[str, _Label], int, int]:
    """Return the labels by file, how many files have several, and how many answers have one."""
    given: dict[str, list[Given]] = {}
    answered = sa.select(ANSWERS.c.request_id, ANSWERS.c.file, ANSWERS.c.sex, ANSWERS.c.site).where(
        ANSWERS.c.use_case == use_case, ANSWERS.c.answered, ANSWERS.c.request_id.in_(sa.select(FEEDBACK.c.request_id))
    )
    columns = (FEEDBACK.c.request_id, FEEDBACK.c.time, FEEDBACK.c.labels, FEEDBACK.c.reader, FEEDBACK.c.settles)
    with Index(settings) as index:
        index.refresh()
        for name, time, words, reader, settles in index.rows(sa.select(*columns).where(FEEDBACK.c.use_case == use_case)):
            given.setdefault(name, []).append(Given(time, tuple(json.loads(words)), reader, bool(settles)))
        rows = index.rows(answered.order_by(ANSWERS.c.at, ANSWERS.c.request_id))
    labels: dict[str, _Label] = {}
    differing: set[str] = set()
    count = 0
    for name, digest, sex, site in rows:
        stands = standing(given.get(name, ()))
        if stands is not None and stands.labels is not None:
            count += 1
            if digest in labels and labels[digest].words != stands.labels:
                differing.add(digest)
            labels[digest] = _Label(name, stands.labels, sex, site)
    return {digest: label for digest, label in labels.items() if digest not in differing}, len(differing), count


def _table(files: Path, use_case: UseCase) -> dict[Path, dict[str, str]]:
    """Return what the folder's tables, at any depth, say by file."""
    column = use_case.source.columns.path
    found: dict[Path, dict[str, str]] = {}
    for path in sorted(files.rglob(MANIFEST)):
        with open_table(path) as table:
            if column in table.columns:
                rows = (dict(zip(table.columns, record, strict=False)) for _, record in table.records())
                found |= {path.parent / row[column].strip(): row for row in rows}
    return found


def _row(label: _Label, said: Mapping[str, str] | None, path: Path, use_case: UseCase) -> dict[str, str]:
    columns = use_case.source.columns
    row = dict(said or {})
    known = {columns.patient: _patient(path), columns.site: label.site}
    if label.sex in use_case.source.sexes:
        known[columns.sex] = label.sex
    for name, value in known.items():
        if name is not None and value is not None and not row.get(name, "").strip():
            row[name] = value
    row.pop(columns.split or "", None)  # the table's word was for the source's own purpose
    return row | _label_cells(label.words, use_case)


def _label_cells(words: Collection[str], use_case: UseCase) -> dict[str, str]:
    source, labels = use_case.source, use_case.labels
    if isinstance(labels, FindingLabels) and source.label_separator is None:
        return {word: str(int(word in words)) for word in labels.findings}
    return {source.columns.label: (source.label_separator or SEPARATOR).join(sorted(words))}


def _patient(path: Path) -> str | None:
    """Return the patient whom a DICOM file's header names."""
    content = path.read_bytes()
    if not is_dicom(content):
        return None
    return str(read_dataset(content).get("PatientID") or "").strip() or None


def _write(path: Path, rows: Collection[Mapping[str, str]], use_case: UseCase) -> None:
    """Write the table with every column that ingest asks for; what is unknown is blank."""
    source = use_case.source
    asked = [
        *(name for name in source.columns.model_dump().values() if name is not None),
        *source.extent_from,
        *(value.column for value in use_case.clinical.values()),
        *source.readers,
    ]
    names = list(dict.fromkeys([*asked, *(name for row in rows for name in row)]))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
