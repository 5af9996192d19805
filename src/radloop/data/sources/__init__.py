"""Sources: tables, class folders, DICOM, and three collections as they are published."""

from __future__ import annotations

from pathlib import Path

from radloop.data.sources.class_folders import PICTURES, has_class_folders, read_class_folders
from radloop.data.sources.covid_chestxray import is_covid_chestxray, read_covid_chestxray
from radloop.data.sources.dicom_folder import DIRECTORY, read_dicom_folder, read_dicomdir
from radloop.data.sources.manifest_csv import read_manifest_csv
from radloop.data.sources.medmnist import PREFIX, medmnist_file, member_bytes, read_medmnist
from radloop.data.sources.nih import TABLES, is_nih, read_nih
from radloop.data.sources.row import SourceRow
from radloop.data.sources.table import SUFFIXES, open_table
from radloop.errors import InputError, Refusal
from radloop.use_case import UseCase

__all__ = ["SourceRow", "read_bytes", "read_source", "read_table_only"]

_EXPECTED = "a source is a folder with manifest.csv, folders named as the labels, or DICOM files; a CSV; or a MedMNIST .npz"


def read_source(path: Path | str, use_case: UseCase, downloads: Path | None = None) -> list[SourceRow]:
    """List a source's images with what it says of them, in the order of their paths.

    The kind is what is there: a table (`manifest.csv`, any other CSV by its path, or the tables of
    ChestX-ray14 and of covid-chestxray-dataset), a MedMNIST archive, a DICOMDIR, sub-folders named as
    the labels (below folders named as splits, if it has them), or DICOM files.

    Args:
        path: a folder or file, or a word such as `medmnist:pneumoniamnist`.
        use_case: its columns, words and groups.
        downloads: where a MedMNIST archive lies or is downloaded to.

    Raises:
        InputError: missing, empty, not understood, or with a label outside the use case's.
    """
    if str(path).startswith(PREFIX):
        path = medmnist_file(str(path), downloads)
    place = Path(path)
    check_exists(place)
    return _ordered(_read_file(place, use_case) if place.is_file() else _read_folder(place, use_case), place)


def check_exists(source: Path | str) -> None:
    """Refuse a path that names nothing; a word such as `medmnist:pneumoniamnist` is not asked.

    Raises:
        InputError: `source_missing`.
    """
    if not str(source).startswith(PREFIX) and not Path(source).exists():
        raise InputError("source_missing", "the source does not exist", f"give it with --source; nothing is at {source}")


def read_table_only(path: Path, use_case: UseCase) -> list[SourceRow]:
    """List what a table says, as `read_source` does, without looking for a single image.

    Args:
        path: the table, or the folder that holds it.
        use_case: its columns, words and groups.

    Raises:
        InputError: as of `read_source`, but for images.
    """
    table = path if path.is_file() else _table_in(path)
    if table is None:
        raise InputError("source_missing", "there is no table", "give manifest.csv or another CSV, or the folder with it")
    return _ordered(_read_table(table, use_case, with_files=False), path)


def read_bytes(row: SourceRow) -> bytes:
    """Return the content of a row's file; of an image in a MedMNIST archive, as a PNG.

    Raises:
        Refusal: `unreadable_image`: it is missing or cannot be opened.
    """
    if row.member is not None:
        return member_bytes(row.path, row.member)
    try:
        return row.path.read_bytes()
    except (OSError, ValueError) as error:
        raise Refusal("unreadable_image", "the file is missing or cannot be opened", "check the source") from error


def _ordered(rows: list[SourceRow], place: Path) -> list[SourceRow]:
    if not rows:
        loose = place.is_dir() and any(file.suffix.lower() in PICTURES for file in place.iterdir())
        hint = f"images lie in {place} itself: give the folder above, whose folders are named as the labels"
        raise InputError("source_empty", "the source holds no images", hint if loose else f"{_EXPECTED}; this is {place}")
    return sorted(rows, key=lambda row: row.name)


def _read_file(path: Path, use_case: UseCase) -> list[SourceRow]:
    name = path.name.lower()
    if name.endswith(SUFFIXES):
        return _read_table(path, use_case, with_files=True)
    if name.endswith(".npz"):
        return read_medmnist(path, use_case)
    if path.name == DIRECTORY:
        return read_dicomdir(path, use_case)
    raise InputError("source_kind", "the source is neither a folder nor a CSV", _EXPECTED)


def _read_folder(path: Path, use_case: UseCase) -> list[SourceRow]:
    found = _table_in(path) or _archive_in(path) or path / DIRECTORY
    if found.is_file():
        return _read_file(found, use_case)
    if has_class_folders(path, use_case):
        return read_class_folders(path, use_case)
    if not any(child.is_file() for child in path.rglob("*")):
        return []
    return read_dicom_folder(path, use_case)


def _table_in(path: Path) -> Path | None:
    """Return the table of a folder by its name: ours, the covid collection's, or NIH's latest."""
    named = [file for file in (path / "manifest.csv", path / "metadata.csv") if file.is_file()]
    return next(iter([*named, *sorted(path.glob(TABLES), reverse=True)]), None)


def _archive_in(path: Path) -> Path | None:
    archives = sorted(path.glob("*.npz"))
    return archives[0] if len(archives) == 1 else None


def _read_table(path: Path, use_case: UseCase, with_files: bool) -> list[SourceRow]:
    with open_table(path) as table:
        if is_nih(table):
            return read_nih(table, use_case, with_files)
        if is_covid_chestxray(table):
            return read_covid_chestxray(table, use_case)
        return read_manifest_csv(table, use_case)
