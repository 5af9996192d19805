"""covid-chestxray-dataset as it is published: Cohen et al., arXiv 2006.11988."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from radloop.data.sources.ages import read_age
from radloop.data.sources.clinical import Value
from radloop.data.sources.labels import known_words
from radloop.data.sources.manifest_csv import clinical_reader, incomplete, inside
from radloop.data.sources.quantity import is_blank
from radloop.data.sources.row import SourceRow, checked
from radloop.data.sources.table import Table
from radloop.use_case import ClassLabels, UseCase

logger = logging.getLogger("radloop.data")

_NEEDED = ("patientid", "finding", "filename")
_OPTIONAL = ("folder", "modality", "view", "sex", "age")
_ADDED = ("path", "split")
"""Columns that a copy of the collection may have besides, for images that were stored elsewhere and were cut."""
_RADIOGRAPHS = frozenset({"CR", "DX", "DR", "RG", "XR"})
_CT = frozenset({"ct", "axial", "coronal", "sagittal"})
_VOLUMES = (".nii", ".nii.gz")
_UNLABELLED = frozenset({"todo"})
_PARTS = re.compile(r"[/,]")
_BETWEEN = "|"


def is_covid_chestxray(table: Table) -> bool:
    """Tell whether a table has this collection's header; its capitals changed over time."""
    return set(_NEEDED) <= set(_columns(table))


def _columns(table: Table) -> dict[str, str]:
    """Return the table's name of each column by the collection's; copies write `patient_id`."""
    found = {column.casefold(): column for column in table.columns}
    return {"patientid": found["patient_id"]} | found if "patient_id" in found else found


def read_covid_chestxray(table: Table, use_case: UseCase) -> list[SourceRow]:
    """Read `metadata.csv` with its images in the folder that each row names.

    In a copy, the use case's columns of path and split go before, where the table has them.

    A finding is a path from the general to the special, such as `Pneumonia/Viral/COVID-19`: its parts that
    the use case knows are its words, the special first. Rows of another modality, volumes, and rows
    without a finding (`todo`, `Unknown`) are left out, and counted in the log.

    Raises:
        InputError: a finding of which the use case knows no part, or a path outside the folder.
    """
    columns, asked = _columns(table), use_case.source.columns.model_dump()
    columns |= {meaning: asked[meaning] for meaning in _ADDED if asked[meaning] in table.columns}
    meanings = (*_NEEDED, *_OPTIONAL, *(meaning for meaning in _ADDED if asked[meaning] in table.columns))
    cells = {meaning: table.cell(columns.get(meaning), meaning, "keep the header") for meaning in meanings}
    clinical = clinical_reader(table, use_case)
    known = known_words(use_case)
    rows: list[SourceRow] = []
    left = {"of another modality": 0, "without a finding": 0}
    for number, record in table.records():
        said = {meaning: cell(record) for meaning, cell in cells.items()}
        label = _label(said["finding"], known, use_case)
        if not _admitted(said, use_case):
            left["of another modality"] += 1
        elif label is None:
            left["without a finding"] += 1
        else:
            rows.append(_row(table, number, said, label, clinical(record)))
    for reason, count in left.items():
        if count:
            logger.warning("%d rows %s are left out", count, reason)
    return checked(rows, use_case, _BETWEEN)


def _row(
    table: Table,
    number: int,
    said: Mapping[str, str | None],
    label: str,
    clinical: tuple[Mapping[str, Value], Mapping[str, str]],
) -> SourceRow:
    patient, name = said["patientid"], said["filename"]
    if patient is None or name is None:
        raise incomplete(table, number, "patient" if patient is None else "path")
    path, below = inside(table.root, said.get("path") or f"{said['folder'] or 'images'}/{name}", table, number)
    age, age_note = read_age(said["age"])
    return SourceRow(
        path=path,
        name=below,
        label=label,
        patient=patient,
        split=said.get("split"),
        sex=said["sex"],
        age=age,
        age_note=age_note,
        view=None if said["view"] == "?" else said["view"],
        clinical=clinical[0],
        notes=clinical[1],
    )


def _admitted(said: Mapping[str, str | None], use_case: UseCase) -> bool:
    name = (said["filename"] or "").casefold()
    if name.endswith(_VOLUMES) or (said["folder"] or "").casefold() == "volumes":
        return False  # nothing here cuts a NIfTI volume into slices
    modality = said["modality"] or said["view"] or ""  # the first tables had no modality, and wrote CT as a view
    admitted = frozenset({"CT"}) if modality.casefold() in _CT else _RADIOGRAPHS
    return bool(admitted & set(use_case.image.modalities))


def _label(finding: str | None, known: Mapping[str, str], use_case: UseCase) -> str | None:
    """Return the parts of a finding that the use case knows; all of it where it knows none, None where there is none."""
    parts = [part.strip() for part in _PARTS.split(finding or "")][::-1]
    words = [part for part in parts if part in known]
    if finding is not None and finding in known:
        words = [finding]
    if not words:
        return None if is_blank(finding) or finding in _UNLABELLED else finding
    # Of one class each, the special one decides.
    return words[0] if isinstance(use_case.labels, ClassLabels) else _BETWEEN.join(words)
