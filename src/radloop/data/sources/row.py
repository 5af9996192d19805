"""What a source says of one image, before anything is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from radloop.errors import InputError
from radloop.images.header import parse_age
from radloop.use_case import UseCase

_AGE = re.compile(r"^\s*(\d{1,3}(?:\.\d+)?)\s*$")


@dataclass(frozen=True)
class SourceRow:
    """One image of a source; None is unknown.

    Attributes:
        path: the file.
        name: its path relative to the source, the order of the rows.
        label: the source's word until `checked` maps it.
        patient: the source's own identifier: it never leaves this process.
        split: the source's word until `checked` maps it.
        age: years.
    """

    path: Path
    name: str
    label: str
    patient: str
    split: str | None = None
    sex: str | None = None
    age: float | None = None
    site: str | None = None
    view: str | None = None
    extent: float | None = None


def checked(rows: Iterable[SourceRow], use_case: UseCase) -> list[SourceRow]:
    """Map every row's label and split word to the use case's.

    Raises:
        InputError: a label is outside the classes; the message counts its rows and names the first.
    """
    found = list(rows)
    known = _known_labels(use_case)
    strange: dict[str, list[int]] = {}
    for number, row in enumerate(found, start=1):
        if row.label not in known:
            strange.setdefault(row.label, []).append(number)
    if strange:
        word, numbers = next(iter(strange.items()))
        more = f" (and {len(strange) - 1} other words)" if len(strange) > 1 else ""
        raise InputError(
            "unknown_label",
            f"label '{word}' is outside the classes, in {len(numbers)} rows, first row {numbers[0]}{more}",
            f"map it to one of {list(use_case.labels.words)} under source.labels in {use_case.name}.yaml",
        )
    return [_mapped(row, known[row.label], use_case) for row in found]


def _known_labels(use_case: UseCase) -> dict[str, str]:
    ours = {word: word for word in use_case.labels.words}
    return ours | dict(use_case.source.labels)


def _mapped(row: SourceRow, label: str, use_case: UseCase) -> SourceRow:
    splits = use_case.source.splits
    if splits and row.split is not None and row.split not in splits:
        raise InputError(
            "unknown_split",
            f"split '{row.split}' is not mapped",
            f"map it under source.splits in {use_case.name}.yaml; mapped: {sorted(splits)}",
        )
    split = splits.get(row.split) if row.split is not None else None
    sex = use_case.source.sexes.get(row.sex) if row.sex is not None else None
    return SourceRow(
        path=row.path,
        name=row.name,
        label=label,
        patient=row.patient,
        split=split,
        sex=sex,
        age=row.age,
        site=row.site,
        view=row.view,
        extent=row.extent,
    )


def read_age(text: str | None) -> float | None:
    """Return years from `45`, `45.5` or a DICOM age such as `045Y`; anything else is unknown, never guessed."""
    match = _AGE.match(text or "")
    return float(match.group(1)) if match else parse_age(text)
