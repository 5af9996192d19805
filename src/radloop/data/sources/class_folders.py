"""A source whose folders are the labels: `LABEL/file`, or `SPLIT/LABEL/file`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from radloop.data.sources.labels import known_words
from radloop.data.sources.row import SourceRow, checked
from radloop.errors import InputError
from radloop.use_case import UseCase

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".mp4", ".avi", ""}


def has_class_folders(path: Path, use_case: UseCase) -> bool:
    """Tell whether a folder, or one below it, is named as a label."""
    words = _spellings(use_case)
    return any(child.name.casefold() in words and child.is_dir() for pattern in ("*", "*/*") for child in path.glob(pattern))


def read_class_folders(path: Path, use_case: UseCase) -> list[SourceRow]:
    """Read the images below folders named as labels, in any case; a folder above them may name the split.

    Without a `source.patient_pattern` every image is a patient of its own.

    Raises:
        InputError: a folder is outside the classes, or the patient pattern is not a regular expression with a group.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
    words, patient = _spellings(use_case), _patient_finder(use_case.source.patient_pattern)
    rows = [_row(path, file, use_case, words, patient) for file in files if file.parent != path and not file.name.startswith(".")]
    return checked(rows, use_case)


def _row(
    root: Path, file: Path, use_case: UseCase, words: Mapping[str, str], patient: Callable[[PurePosixPath], str]
) -> SourceRow:
    below = PurePosixPath(file.relative_to(root))
    parents = below.parts[:-1]
    label = next((words[word.casefold()] for word in reversed(parents) if word.casefold() in words), parents[-1])
    return SourceRow(
        path=file,
        name=below.as_posix(),
        label=label,
        patient=patient(below),
        split=next((word for word in parents if word in use_case.source.splits), None),
    )


def _spellings(use_case: UseCase) -> dict[str, str]:
    """Return the use case's spelling of each word in lower case: folders differ in case."""
    return {word.casefold(): word for word in known_words(use_case)}


def _patient_finder(pattern: str | None) -> Callable[[PurePosixPath], str]:
    if pattern is None:
        return PurePosixPath.as_posix
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise _bad_pattern() from error
    if not compiled.groups:
        raise _bad_pattern()

    def find(name: PurePosixPath) -> str:
        match = compiled.search(name.stem)
        return (match.group(1) if match else None) or name.stem

    return find


def _bad_pattern() -> InputError:
    return InputError(
        "patient_pattern", "source.patient_pattern is no regular expression with a group", "example: ^(person\\d+)_"
    )
