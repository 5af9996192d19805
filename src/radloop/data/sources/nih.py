"""NIH ChestX-ray14 as it is published: Wang et al., ChestX-ray8, CVPR 2017."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from radloop.data.sources.ages import read_age
from radloop.data.sources.manifest_csv import clinical_reader, incomplete, inside
from radloop.data.sources.row import SourceRow, checked
from radloop.data.sources.table import Table
from radloop.errors import InputError
from radloop.use_case import UseCase

TABLES = "Data_Entry_2017*.csv*"
SEPARATOR = "|"
_COLUMNS = {
    "path": "Image Index",
    "label": "Finding Labels",
    "patient": "Patient ID",
    "age": "Patient Age",
    "sex": "Patient Gender",
    "view": "View Position",
}
_LISTS = {"train_val": "train_val_list.txt", "test": "test_list.txt"}


def is_nih(table: Table) -> bool:
    """Tell whether a table has NIH's header."""
    return {_COLUMNS["path"], _COLUMNS["label"], _COLUMNS["patient"]} <= set(table.columns)


def read_nih(table: Table, use_case: UseCase, with_files: bool) -> list[SourceRow]:
    """Read `Data_Entry_2017*.csv` with its images and its official lists beside it.

    The images lie in `images/`, in `images_*/images/` as the archives unpack, or beside the table. The
    official split has the words `train_val` and `test`; an image in neither list has none.

    Args:
        table: NIH's, in the version of 2017 (ages as `058Y`) or of 2020 (as `58`).
        use_case: its labels map the findings' words.
        with_files: look for the images.

    Raises:
        InputError: more images are missing than `source.max_unreadable`, or a list is not text.
    """
    cells = {meaning: table.cell(column, meaning, "use NIH's own table") for meaning, column in _COLUMNS.items()}
    clinical = clinical_reader(table, use_case)
    root = table.root
    places = _places(root) if with_files else {}
    splits = _official_splits(root)
    rows: list[SourceRow] = []
    missing: list[int] = []
    for number, record in table.records():
        said = {meaning: cell(record) for meaning, cell in cells.items()}
        name, label, patient = said["path"], said["label"], said["patient"]
        if name is None or label is None or patient is None:
            raise incomplete(table, number, next(meaning for meaning in said if said[meaning] is None))
        if with_files and name not in places:
            missing.append(number)
        path, below = inside(root, places.get(name, f"images/{name}"), table, number)
        age, age_note = read_age(said["age"])
        values, notes = clinical(record)
        rows.append(
            SourceRow(
                path=path,
                name=below,
                label=label,
                patient=patient,
                split=splits.get(name),
                sex=said["sex"],
                age=age,
                age_note=age_note,
                view=said["view"],
                clinical=values,
                notes=notes,
            )
        )
    _refuse_missing(missing, len(rows), table, use_case)
    return checked(rows, use_case, SEPARATOR)


def _refuse_missing(missing: list[int], images: int, table: Table, use_case: UseCase) -> None:
    if len(missing) > use_case.source.max_unreadable:
        raise InputError(
            "images_missing",
            f"{len(missing)} of {images} images are not there, first {table.name}:{missing[0]}",
            "unpack all archives into images/ or images_*/images/, or keep only the rows of the images that are there",
        )


def _places(root: Path) -> Mapping[str, str]:
    """Return the path of every image by its name, relative to the root."""
    return {name: f"{folder}{name}" for folder in _folders(root) for name in _files(root / folder)}


def _folders(root: Path) -> list[str]:
    parts = sorted(child.name for child in root.glob("images_*") if child.is_dir())
    nested = [f"{part}/images/" if (root / part / "images").is_dir() else f"{part}/" for part in parts]
    return ["", *nested, "images/"] if (root / "images").is_dir() else ["", *nested]


def _files(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.lower().endswith((".png", ".jpg", ".jpeg", ".dcm")) and entry.is_file():
                yield entry.name


def _official_splits(root: Path) -> dict[str, str]:
    splits: dict[str, str] = {}
    for word, name in _LISTS.items():
        path = root / name
        if not path.is_file():
            continue
        try:
            splits |= dict.fromkeys(path.read_text(encoding="utf-8").split(), word)
        except UnicodeDecodeError as error:
            raise InputError("source_unreadable", f"{name} is not text", "take NIH's own list") from error
    return splits
