"""A source with a `manifest.csv`: one row an image, columns named by the use case."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from radloop.data.sources.row import SourceRow, read_age
from radloop.errors import InputError, nearest
from radloop.use_case import Columns, UseCase


def read_manifest_csv(path: Path, use_case: UseCase) -> list[SourceRow]:
    """Read the rows of a manifest CSV; blanks are unknown.

    Raises:
        InputError: not CSV, a column missing, a row without path or label, a file missing or outside the folder.
    """
    file = path if path.is_file() else path / "manifest.csv"
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            _check_columns(reader.fieldnames or [], use_case)
            records = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("source_unreadable", f"{file.name} is not a UTF-8 CSV file", "save it as CSV, UTF-8") from error
    root = file.parent.resolve()
    return [_row(root, number, record, use_case.source.columns) for number, record in enumerate(records, start=2)]


def _check_columns(present: Sequence[str], use_case: UseCase) -> None:
    for meaning, column in use_case.source.columns.model_dump().items():
        if column is not None and column not in present:
            raise InputError(
                "column_missing",
                f"manifest.csv has no column '{column}' for the {meaning}",
                f"{nearest(column, present)} or set source.columns.{meaning} in {use_case.name}.yaml",
            )


def _row(root: Path, number: int, record: dict[str, str | None], columns: Columns) -> SourceRow:
    def value(column: str | None) -> str | None:
        text = (record.get(column) or "").strip() if column else ""
        return text or None

    name, label = value(columns.path), value(columns.label)
    if name is None or label is None:
        what = "path" if name is None else "label"
        raise InputError("row_incomplete", f"manifest.csv:{number}: no {what}", "fill the cell or remove the row")
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise InputError(
            "path_outside", f"manifest.csv:{number}: the path leads out of the folder", "give paths below manifest.csv"
        )
    return SourceRow(
        path=path,
        name=path.relative_to(root).as_posix(),
        label=label,
        # Without a patient column every image is a patient of its own.
        patient=(value(columns.patient) or f"row-{number}") if columns.patient else path.stem,
        split=value(columns.split),
        sex=value(columns.sex),
        age=read_age(value(columns.age)),
        site=value(columns.site),
        view=value(columns.view),
        extent=_number(value(columns.extent)),
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
