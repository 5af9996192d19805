"""A source that is DICOM files alone, in a folder or a file-set: everything comes from the headers."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from radloop.data.sources.ages import read_age_string
from radloop.data.sources.labels import known_words
from radloop.data.sources.row import SourceRow, checked
from radloop.errors import InputError, Refusal
from radloop.images.dicom import is_dicom, read_dataset, refusing
from radloop.images.header import unreadable
from radloop.use_case import UseCase

logger = logging.getLogger("radloop.data")

DIRECTORY = "DICOMDIR"
_KEYWORDS = (
    "PatientID",
    "PatientSex",
    "PatientAge",
    "StudyInstanceUID",
    "InstitutionName",
    "ViewPosition",
    "Manufacturer",
    "Modality",
)
_NO_PIXELS = frozenset({"SR", "KO", "PR", "AU", "ECG", "DOC", "PLAN", "REG", "RTSTRUCT", "RTPLAN", "RTRECORD"})
"""DICOM (0008,0060) of objects that stand beside images in a study (PS3.3 section C.7.3.1.1.1)."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_HEAD = 2048
_SUFFIXES = (".dcm", ".dicom")


def read_dicom_folder(path: Path, use_case: UseCase) -> list[SourceRow]:
    """Read the header of every DICOM image below a folder; other files are passed over.

    Each file is one row, however many frames it holds. The label stands in the element that
    `source.dicom_label` names.

    Raises:
        InputError: the use case names no such element, or files have none.
    """
    return _read(path, (child for child in path.rglob("*") if child.is_file()), use_case)


def read_dicomdir(path: Path, use_case: UseCase) -> list[SourceRow]:
    """Read the header of every image that a DICOMDIR names (PS3.3 annex F, PS3.10 section 8).

    Args:
        path: the DICOMDIR itself.
        use_case: as for a folder.

    Raises:
        InputError: it is damaged, names a file outside its folder, or files have no label.
    """
    try:
        with refusing():
            records = read_dataset(path).get("DirectoryRecordSequence") or []
            named = [_parts(record) for record in records if "ReferencedFileID" in record]
    except Refusal as error:
        raise InputError("source_unreadable", "the DICOMDIR cannot be read", "give its folder without it") from error
    if any(not parts or any(part in ("", ".", "..") or "/" in part for part in parts) for parts in named):
        raise InputError("path_outside", "the DICOMDIR names a file outside its folder", "mend or remove it")
    return _read(path.parent, dict.fromkeys(path.parent.joinpath(*parts) for parts in named), use_case)


def _parts(record: Dataset) -> list[str]:
    value = record.ReferencedFileID
    return [value] if isinstance(value, str) else [str(part) for part in value]


def _read(root: Path, files: Iterable[Path], use_case: UseCase) -> list[SourceRow]:
    keyword = use_case.source.dicom_label
    headers = _headers(files, keyword, use_case)
    if headers and keyword is None:
        raise InputError(
            "no_label",
            "bare DICOM files say nothing of labels",
            f"add manifest.csv, sort into folders named as labels, or set source.dicom_label in {use_case.name}.yaml",
        )
    rows = [_row(root, file, header, keyword or "") for file, header in headers]
    rows.sort(key=lambda row: row.name)
    _check_labels(rows, keyword or "", use_case)
    return checked(rows, use_case, use_case.source.label_separator)


def _headers(files: Iterable[Path], keyword: str | None, use_case: UseCase) -> list[tuple[Path, Dataset]]:
    """Return each image's header; broken ones are left out as unreadable images are, up to the same number."""
    found: list[tuple[Path, Dataset]] = []
    broken = 0
    for file in files:
        try:
            with refusing():
                header = _header(file, keyword)
        except Refusal:
            broken += 1
            continue
        if header is not None and str(header.get("Modality", "")).strip() not in _NO_PIXELS:
            found.append((file, header))
    if broken > use_case.source.max_unreadable:
        raise InputError(
            "unreadable_images",
            f"{broken} DICOM files have no readable header, {use_case.source.max_unreadable} are allowed",
            f"mend or remove them; or raise source.max_unreadable in {use_case.name}.yaml",
        )
    if broken:
        logger.warning("%d DICOM files have no readable header and are left out", broken)
    return found


def _header(file: Path, keyword: str | None) -> Dataset | None:
    """Return the elements that we ask for, None where the file is no DICOM image."""
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    if file.name == DIRECTORY or not (is_dicom(head) or file.suffix.lower() in _SUFFIXES):
        return None
    if not is_dicom(head):
        raise unreadable("it is named as DICOM and is not")
    if _DEFLATED in head:
        return read_dataset(file.read_bytes())  # which looks before it inflates
    tags = [*_KEYWORDS, *([keyword] if keyword else [])]
    return pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=tags)


def _row(root: Path, file: Path, header: Dataset, keyword: str) -> SourceRow:
    def text(name: str) -> str | None:
        return str(header.get(name) or "").strip() or None

    name = file.relative_to(root).as_posix()
    patient, study = text("PatientID"), text("StudyInstanceUID")
    age, age_note = read_age_string(text("PatientAge"))
    device = text("Manufacturer")
    return SourceRow(
        path=file,
        name=name,
        label=text(keyword),
        patient=patient or name,
        # Slices of one examination stay together also where nobody says whose it is.
        group=f"study {study}" if patient is None and study else None,
        sex=text("PatientSex"),
        age=age,
        age_note=age_note,
        site=text("InstitutionName"),
        view=text("ViewPosition"),
        device=device.upper() if device else None,
    )


def _check_labels(rows: list[SourceRow], keyword: str, use_case: UseCase) -> None:
    """Refuse missing and strange labels by their rows: the element's text may be anything, a name too."""
    missing = [number for number, row in enumerate(rows, start=1) if row.label is None]
    if missing:
        raise InputError(
            "no_label",
            f"{len(missing)} of {len(rows)} DICOM files have no {keyword}, first row {missing[0]}",
            "add manifest.csv with the labels, or remove the files",
        )
    known, separator = known_words(use_case), use_case.source.label_separator
    strange = [
        number
        for number, row in enumerate(rows, start=1)
        if not all(word.strip() in known for word in (row.label or "").split(separator or "\0"))
    ]
    if strange:
        raise InputError(
            "unknown_label",
            f"{keyword} is outside the classes in {len(strange)} rows, first row {strange[0]}",
            f"map its words to {list(use_case.labels.words)} under source.labels in {use_case.name}.yaml",
        )
