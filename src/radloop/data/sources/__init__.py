"""Sources: a manifest CSV with images, class folders, or a bare folder of DICOM files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from radloop.data.sources.class_folders import read_class_folders
from radloop.data.sources.dicom_folder import read_dicom_folder
from radloop.data.sources.manifest_csv import read_manifest_csv
from radloop.data.sources.row import SourceRow, checked
from radloop.errors import InputError
from radloop.use_case import UseCase

__all__ = ["SourceRow", "read_source"]


def read_source(path: Path, use_case: UseCase) -> list[SourceRow]:
    """List a source's images with what it says of them, in the order of their paths.

    The kind is what the folder holds: `manifest.csv` (or the CSV itself), sub-folders named as the
    labels (below folders named as splits, if it has them), or DICOM files.

    Raises:
        InputError: missing, empty, not understood, or with a label outside the use case's.
    """
    if not path.exists():
        raise InputError("source_missing", f"source does not exist: {path}", "give the folder or manifest.csv with --source")
    reader = _reader(path, use_case)
    rows = checked(reader(path, use_case), use_case)
    if not rows:
        raise InputError("source_empty", f"source holds no images: {path}", _EXPECTED)
    return sorted(rows, key=lambda row: row.name)


_EXPECTED = "a source is a folder with manifest.csv, folders named as the labels, or DICOM files"


def _reader(path: Path, use_case: UseCase) -> Callable[[Path, UseCase], list[SourceRow]]:
    if path.is_file():
        if path.suffix.lower() == ".csv":
            return read_manifest_csv
        raise InputError("source_kind", f"source is neither a folder nor a CSV: {path}", _EXPECTED)
    if (path / "manifest.csv").is_file():
        return read_manifest_csv
    words = set(use_case.source.labels) | set(use_case.labels.words)
    words |= {word.lower() for word in words} | {word.upper() for word in words}
    if any(child.is_dir() and child.name in words for pattern in ("*", "*/*") for child in path.glob(pattern)):
        return read_class_folders
    if not any(child.is_file() for child in path.rglob("*")):
        raise InputError("source_empty", f"source holds no images: {path}", _EXPECTED)
    return read_dicom_folder
