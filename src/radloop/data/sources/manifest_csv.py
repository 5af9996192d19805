"""A source with a table: one row an image, columns named by the use case."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from radloop.data.sources.ages import read_age
from radloop.data.sources.boxes import read_boxes
from radloop.data.sources.clinical import Value, read_clinical
from radloop.data.sources.extents import extent_reader
from radloop.data.sources.labels import findings_reader
from radloop.data.sources.readers import answers_reader
from radloop.data.sources.row import SourceRow, checked
from radloop.data.sources.table import Record, Table
from radloop.errors import InputError
from radloop.images.mask import Region
from radloop.use_case import Clinical, FindingLabels, UseCase

ClinicalReader = Callable[[Record], tuple[Mapping[str, Value], Mapping[str, str]]]


def read_manifest_csv(table: Table, use_case: UseCase) -> list[SourceRow]:
    """Read the rows of a table; blanks are unknown, files are not looked for.

    A blank label is refused unless `source.labels` maps the empty word, as where only what is ill has one.

    Raises:
        InputError: a column missing, a row without path or label, a path outside the folder, boxes that are none.
    """
    source, labels = use_case.source, use_case.labels
    by_column = isinstance(labels, FindingLabels) and source.label_separator is None
    cells = {
        meaning: table.cell(column, meaning, f"set source.columns.{meaning} in {use_case.name}.yaml")
        for meaning, column in source.columns.model_dump().items()
        if not (by_column and meaning == "label")
    }
    findings = findings_reader(table, use_case, labels) if by_column and isinstance(labels, FindingLabels) else None
    clinical, extent = clinical_reader(table, use_case), extent_reader(table, use_case)
    answers = answers_reader(table, use_case)
    blank = "" if "" in source.labels else None
    root = table.root
    rows: list[SourceRow] = []
    for number, record in table.records():
        said = {meaning: cell(record) for meaning, cell in cells.items()}
        name, label = said["path"], said.get("label") or blank
        if name is None or (label is None and findings is None):
            raise incomplete(table, number, "path" if name is None else "label")
        path, name = inside(root, name, table, number)
        age, age_note = read_age(said["age"])
        values, notes = clinical(record)
        rows.append(
            SourceRow(
                path=path,
                name=name,
                label=label,
                # Without a patient every image is a patient of its own.
                patient=said["patient"] or name,
                group=said["group"],
                split=said["split"],
                sex=said["sex"],
                age=age,
                age_note=age_note,
                site=said["site"],
                view=said["view"],
                device=said["device"],
                extent=extent(record),
                region=_region(said, table, number, use_case),
                findings=findings(number, record) if findings else {},
                clinical=values,
                readers=answers(number, record),
                notes=notes,
            )
        )
    return checked(rows, use_case, source.label_separator)


def _region(said: Mapping[str, str | None], table: Table, number: int, use_case: UseCase) -> Region | None:
    outline, text = said["mask"], said["boxes"]
    if outline is None and text is None:
        return None
    try:
        boxes = read_boxes(text)
    except ValueError:
        raise InputError(
            "bad_boxes",
            f"{table.name}:{number}: the boxes are not four numbers each",
            "separate numbers by anything but digits; leave the cell empty where there is no box",
        ) from None
    path = inside(table.root, outline, table, number)[0] if outline is not None else None
    return Region(path, boxes, shares=use_case.source.boxes_as == "shares_cx_cy_w_h")


def incomplete(table: Table, number: int, what: str) -> InputError:
    """Return the error of a row without what it needs."""
    return InputError("row_incomplete", f"{table.name}:{number}: no {what}", "fill the cell or remove the row")


def inside(root: Path, name: str, table: Table, number: int) -> tuple[Path, str]:
    """Return the path of a name below a folder, and the name as it is below it; the file is not touched.

    Raises:
        InputError: it leads out of the folder.
    """
    path = os.path.normpath(os.path.join(root, name))  # noqa: PTH118 - pathlib takes minutes for 10^5 rows
    below = str(root).rstrip(os.sep) + os.sep
    if not path.startswith(below) or "\0" in path:
        raise InputError(
            "path_outside",
            f"{table.name}:{number}: the path leads out of the folder",
            f"give paths below the folder of {table.name}",
        )
    return Path(path), path[len(below) :].replace(os.sep, "/")


def clinical_reader(table: Table, use_case: UseCase) -> ClinicalReader:
    """Return a function from a row to its clinical values and to why some are unknown.

    Raises:
        InputError: a value has no column.
    """
    if not use_case.clinical:
        return lambda _: ({}, {})
    remedy = f"set its column under clinical in {use_case.name}.yaml"
    cells: list[tuple[str, Clinical, Callable[[Record], str | None]]] = [
        (name, value, table.cell(value.column, f"clinical value {name}", remedy)) for name, value in use_case.clinical.items()
    ]

    def read(record: Record) -> tuple[Mapping[str, Value], Mapping[str, str]]:
        values: dict[str, Value] = {}
        notes: dict[str, str] = {}
        for name, value, cell in cells:
            values[name], note = read_clinical(cell(record), value)
            if note is not None:
                notes[name] = note
        return values, notes

    return read
