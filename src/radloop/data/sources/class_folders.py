"""A source whose folders are the labels: `LABEL/file`, or `SPLIT/LABEL/file`."""

from __future__ import annotations

import re
from pathlib import Path

from radloop.data.sources.row import SourceRow
from radloop.errors import InputError
from radloop.use_case import UseCase

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".dcm", ".dicom", ""}


def read_class_folders(path: Path, use_case: UseCase) -> list[SourceRow]:
    """Read the images below folders named as labels; a folder above them may name the split.

    Raises:
        InputError: the patient pattern of the YAML is not a regular expression with a group.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in IMAGE_SUFFIXES)
    return [_row(path, file, use_case) for file in files if file.parent != path and not file.name.startswith(".")]


def _row(root: Path, file: Path, use_case: UseCase) -> SourceRow:
    parents = file.relative_to(root).parts[:-1]
    label = next((word for word in reversed(parents) if word in _words(use_case)), parents[-1])
    split = next((word for word in parents if word in use_case.source.splits), None)
    return SourceRow(
        path=file,
        name=file.relative_to(root).as_posix(),
        label=_unfolded(label, use_case),
        patient=_patient(file.stem, use_case.source.patient_pattern),
        split=split,
    )


def _words(use_case: UseCase) -> set[str]:
    known = set(use_case.source.labels) | set(use_case.labels.words)
    return known | {word.lower() for word in known} | {word.upper() for word in known}


def _unfolded(label: str, use_case: UseCase) -> str:
    """Return the label in the spelling that the use case knows: folders differ in case."""
    known = set(use_case.source.labels) | set(use_case.labels.words)
    return next((word for word in known if word == label), next((word for word in known if word.lower() == label.lower()), label))


def _patient(stem: str, pattern: str | None) -> str:
    if pattern is None:
        return stem
    try:
        match = re.search(pattern, stem)
        return match.group(1) if match else stem
    except (re.error, IndexError) as error:
        raise InputError(
            "patient_pattern", "source.patient_pattern is no regular expression with a group", "example: ^(person\\d+)_"
        ) from error
