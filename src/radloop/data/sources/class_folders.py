"""A source whose folders are the labels: `LABEL/file`, or `SPLIT/LABEL/file`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from radloop.data.sources.labels import known_words
from radloop.data.sources.row import SourceRow, checked
from radloop.errors import InputError
from radloop.use_case import UseCase

PICTURES = {".png", ".jpg", ".jpeg"}
IMAGE_SUFFIXES = PICTURES | {".dcm", ".dicom", ".mp4", ".avi", ""}


def has_class_folders(path: Path, use_case: UseCase) -> bool:
    """Tell whether a folder, or one below it, is named as a label."""
    words = _spellings(use_case)
    return any(child.name.casefold() in words and child.is_dir() for pattern in ("*", "*/*") for child in path.glob(pattern))


def read_class_folders(path: Path, use_case: UseCase) -> list[SourceRow]:
    """Read the images below folders named as labels, in any case; a folder above them may name the split.

    Without a `source.patient_pattern` every image is a patient of its own.

    Raises:
        InputError: a folder is outside the classes, or the patient pattern is not a regular expression with a group, or
            finds a patient in no name.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
    files = [file for file in files if file.parent != path and not file.name.startswith(".")]
    words, patient = _spellings(use_case), _patient_finder(use_case, [file.stem for file in files])
    return checked([_row(path, file, use_case, words, patient) for file in files], use_case)


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


def _patient_finder(use_case: UseCase, names: Sequence[str]) -> Callable[[PurePosixPath], str]:
    """Return what finds the patient in a name; a name without one is a patient of its own."""
    pattern, remedy = use_case.source.patient_pattern, f"mend source.patient_pattern in {use_case.name}.yaml"
    if pattern is None:
        return PurePosixPath.as_posix
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise _bad_pattern(use_case) from error
    if not compiled.groups:
        raise _bad_pattern(use_case)
    if names and not any(compiled.search(name) for name in names):
        raise InputError("patient_pattern", f"source.patient_pattern finds a patient in none of {len(names)} names", remedy)

    def find(name: PurePosixPath) -> str:
        match = compiled.search(name.stem)
        return (match.group(1) if match else None) or name.stem

    return find


def _bad_pattern(use_case: UseCase) -> InputError:
    return InputError(
        "patient_pattern",
        "source.patient_pattern is no regular expression with a group",
        f"mend it in {use_case.name}.yaml; example: '^(person\\d+)_'",
    )
