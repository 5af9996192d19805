"""What a source says of one image, before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from radloop.data.sources.blocks import block_finder
from radloop.data.sources.labels import ContradictionError, UnknownWordError, label_reader
from radloop.data.sources.sexes import read_sex
from radloop.errors import InputError
from radloop.images.mask import Region
from radloop.use_case import UseCase


@dataclass(frozen=True)
class SourceRow:
    """One image (or one video, or one multi-frame file) of a source; None is unknown.

    Attributes:
        path: the file.
        name: its path relative to the source, the order of the rows.
        label: the source's word until `checked` maps it; None where `findings` say it.
        patient: the source's own identifier: it never leaves this process.
        group: the source's own identifier of what must not cross a split.
        split: the source's word until `checked` maps it.
        sex: the source's word until `checked` maps it to F, M or O.
        age: years.
        age_note: why an age that the source gives is unknown or a bound.
        member: the key of the array and the index in it, where the file is a MedMNIST `.npz`.
        findings: 1, 0 or None (unknown) for each finding of a multi-label use case.
        region: where the finding is; None where the source does not say.
        clinical: a number or a word for each clinical value of the use case; None is unknown.
        readers: what each reader said, in the use case's words; None is not read.
        notes: clinical values that were not understood: name to reason, never the value.
    """

    path: Path = field(repr=False)
    name: str = field(repr=False)
    label: str | None
    patient: str = field(repr=False)
    group: str | None = field(default=None, repr=False)
    split: str | None = None
    sex: str | None = None
    age: float | None = None
    age_note: str | None = None
    site: str | None = None
    view: str | None = None
    device: str | None = None
    extent: float | None = None
    member: tuple[str, int] | None = None
    region: Region | None = field(default=None, repr=False)
    findings: Mapping[str, float | None] = field(default_factory=dict)
    clinical: Mapping[str, float | str | None] = field(default_factory=dict)
    readers: Mapping[str, str | None] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


def checked(rows: Iterable[SourceRow], use_case: UseCase, separator: str | None = None) -> list[SourceRow]:
    """Map every row's label, split and sex to the use case's, and find its block.

    Args:
        rows: in the source's order; messages number them from 1.
        use_case: whose words, groups and splits.
        separator: what stands between several words of one label, where the source has several.

    Raises:
        InputError: a label is outside the classes, or a split is not mapped; the message counts its rows
            and names the first.
    """
    found = list(rows)
    label = label_reader(use_case, separator)
    strange: dict[str, list[int]] = {}
    unmapped: dict[str, list[int]] = {}
    mapped: list[SourceRow] = []
    for number, row in enumerate(found, start=1):
        if _split_unknown(row.split, use_case):
            unmapped.setdefault(str(row.split), []).append(number)
            continue
        try:
            word, findings = (None, row.findings) if row.label is None else label(row.label)
        except UnknownWordError as error:
            strange.setdefault(error.word, []).append(number)
            continue
        except ContradictionError:
            raise _contradiction(number) from None
        mapped.append(_mapped(row, word, findings, use_case))
    _refuse_strange(strange, unmapped, use_case)
    return _grouped(mapped, use_case)


def _refuse_strange(strange: dict[str, list[int]], unmapped: dict[str, list[int]], use_case: UseCase) -> None:
    if strange:
        word, numbers = next(iter(strange.items()))
        more = f" (and {len(strange) - 1} other words)" if len(strange) > 1 else ""
        raise InputError(
            "unknown_label",
            f"label '{word}' is outside the classes, in {len(numbers)} rows, first row {numbers[0]}{more}",
            f"map it to one of {list(use_case.labels.words)} under source.labels in {use_case.name}.yaml, or mend labels there",
        )
    if unmapped:
        word, numbers = next(iter(unmapped.items()))
        raise InputError(
            "unknown_split",
            f"split '{word}' is not mapped, in {len(numbers)} rows, first row {numbers[0]}",
            f"map it under source.splits in {use_case.name}.yaml; mapped: {sorted(use_case.source.splits)}",
        )


def _contradiction(number: int) -> InputError:
    return InputError(
        "contradictory_label",
        f"row {number}: its label has words that exclude each other",
        "keep one class, or the findings without the word for none of them",
    )


def _split_unknown(split: str | None, use_case: UseCase) -> bool:
    return bool(use_case.source.splits) and split is not None and split not in use_case.source.splits


def _grouped(rows: list[SourceRow], use_case: UseCase) -> list[SourceRow]:
    """Return the rows with their blocks, where the use case has such and a row has no group of its own."""
    if use_case.source.blocks is None:
        return rows
    block = block_finder(use_case.source.blocks)
    groups = [row.group or block(row.name) for row in rows]
    strange = [number for number, group in enumerate(groups, start=1) if group is None]
    if strange:
        raise InputError(
            "block_not_found",
            f"source.blocks.pattern finds no number in {len(strange)} of {len(rows)} rows, first row {strange[0]}",
            "make its last group match the number in every file's path: a slice without its block could cross the splits",
        )
    return [replace(row, group=group) for row, group in zip(rows, groups, strict=True)]


def _mapped(row: SourceRow, label: str | None, findings: Mapping[str, float | None], use_case: UseCase) -> SourceRow:
    source = use_case.source
    return replace(
        row,
        label=label,
        findings=findings,
        patient=f"{row.split}/{row.patient}" if source.patient_per_split and row.split is not None else row.patient,
        split=source.splits.get(row.split) if row.split is not None else None,
        sex=read_sex(row.sex, source.sexes),
    )
