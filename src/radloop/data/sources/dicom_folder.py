"""A source that is a bare folder of DICOM files: everything comes from the headers."""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

from radloop.data.sources.row import SourceRow, read_age
from radloop.errors import InputError
from radloop.use_case import UseCase


def read_dicom_folder(path: Path, use_case: UseCase) -> list[SourceRow]:
    """Read the header of every DICOM file below a folder; other files are passed over.

    The label stands in the element that `source.dicom_label` names.

    Raises:
        InputError: the use case names no such element, or a file has none.
    """
    keyword = use_case.source.dicom_label
    rows: list[SourceRow] = []
    for file in sorted(child for child in path.rglob("*") if child.is_file()):
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True)
        except (InvalidDicomError, OSError, EOFError, ValueError):
            continue
        rows.append(_row(path, file, header, keyword, use_case))
    return rows


def _row(root: Path, file: Path, header: pydicom.Dataset, keyword: str | None, use_case: UseCase) -> SourceRow:
    if keyword is None:
        raise InputError(
            "no_label",
            "a bare DICOM folder says nothing of labels",
            f"add manifest.csv, sort into folders named as labels, or set source.dicom_label in {use_case.name}.yaml",
        )
    label = str(header.get(keyword, "")).strip()
    if not label:
        raise InputError("no_label", f"a DICOM file has no {keyword}", "add manifest.csv with the labels, or remove the file")
    name = file.relative_to(root).as_posix()
    return SourceRow(
        path=file,
        name=name,
        label=label,
        patient=str(header.get("PatientID", "")).strip() or name,
        sex=str(header.get("PatientSex", "")).strip() or None,
        age=read_age(str(header.get("PatientAge", ""))),
        site=str(header.get("InstitutionName", "")).strip() or None,
        view=str(header.get("ViewPosition", "")).strip() or None,
    )
