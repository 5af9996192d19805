"""Labels: several words, or one column for each finding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from radloop.data.sources import read_source
from radloop.data.sources.labels import ContradictionError, label_reader
from radloop.errors import InputError
from radloop.use_case import UseCase

LABELS = {"kind": "multilabel", "findings": ["mass", "nodule", "edema"], "none": "nothing"}
WORDS = {"columns": {"label": "found"}, "label_separator": "|", "labels": {"Mass": "mass", "No Finding": "nothing"}}

WriteTable = Callable[..., Path]
MakeUseCase = Callable[..., UseCase]


def read(folder: Path, texts: list[str], use_case: UseCase, write_table: WriteTable) -> list[Any]:
    write_table(folder / "manifest.csv", [{"path": f"{n}.png", "found": text} for n, text in enumerate(texts)])
    return read_source(folder, use_case)


def test_words_with_a_separator(tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable) -> None:
    rows = read(tmp_path, ["Mass|nodule", "No Finding", "edema | Mass"], make_use_case(labels=LABELS, source=WORDS), write_table)
    assert [row.label for row in rows] == [None, None, None]
    assert [row.findings for row in rows] == [
        {"mass": 1.0, "nodule": 1.0, "edema": 0.0},
        {"mass": 0.0, "nodule": 0.0, "edema": 0.0},
        {"mass": 1.0, "nodule": 0.0, "edema": 1.0},
    ]


@pytest.mark.parametrize(("text", "code"), [("Mass|Hernia", "unknown_label"), ("Mass|No Finding", "contradictory_label")])
def test_wrong_words(tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable, text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, ["Mass", text], make_use_case(labels=LABELS, source=WORDS), write_table)
    assert caught.value.code == code
    assert "row 2" in caught.value.message


def test_one_column_for_each_finding(tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable) -> None:
    use_case = make_use_case(labels=LABELS, source={"labels": {"Mass": "mass"}})
    rows = [("1", "0", ""), ("1.0", "-1", "0.0"), ("0", "nan", "1")]
    write_table(
        tmp_path / "manifest.csv",
        [{"path": f"{n}.png", "Mass": a, "nodule": b, "edema": c} for n, (a, b, c) in enumerate(rows)],
    )
    assert [tuple(row.findings.values()) for row in read_source(tmp_path, use_case)] == [
        (1.0, 0.0, None),
        (1.0, None, 0.0),
        (0.0, None, 1.0),
    ]


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        ({"mass": "1", "nodule": "2", "edema": "0"}, "finding_value", "manifest.csv:2: a finding's cell is neither"),
        ({"mass": "1", "nodules": "1", "edema": "0"}, "column_missing", "no column 'nodule' for the finding nodule"),
    ],
)
def test_wrong_columns(
    tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable, row: dict[str, str], code: str, words: str
) -> None:
    write_table(tmp_path / "manifest.csv", [{"path": "a.png", **row}])
    with pytest.raises(InputError) as caught:
        read_source(tmp_path, make_use_case(labels=LABELS))
    assert caught.value.code == code
    assert words in caught.value.message


def test_one_positive_word_of_several_decides_a_yes_or_no_question(make_use_case: MakeUseCase) -> None:
    # Only collections that are known by their header have several words in such a use case.
    meaning = label_reader(make_use_case(source={"labels": {"Mass": "opacity", "Cyst": "normal", "None": "normal"}}), "|")
    assert [meaning(text)[0] for text in ("Cyst|Mass", "None", "Cyst")] == ["opacity", "normal", "normal"]


def test_two_classes_of_one_image_contradict(make_use_case: MakeUseCase) -> None:
    labels = {"kind": "multiclass", "classes": ["a", "b", "c"]}
    policy = {"written": "2026-01-01", "rules": [{"kind": "data_verdict", "name": "data"}]}
    meaning = label_reader(make_use_case(labels=labels, source={"labels": {"A": "a"}}, policy=policy), "|")
    assert [meaning(text)[0] for text in ("A|a", "c")] == ["a", "c"]
    with pytest.raises(ContradictionError):
        meaning("a|b")
    mined = make_use_case(labels=LABELS, source=WORDS)
    with pytest.raises(ContradictionError):
        label_reader(mined, "|")("mass|nothing")
