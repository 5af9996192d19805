"""ChestX-ray14's own layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from radloop.data.sources import read_source, read_table_only
from radloop.errors import InputError
from radloop.use_case import UseCase

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],\n"
)
ROWS = (
    "00000001_000.png,Mass|Nodule,0,1,058Y,M,PA,2682,2749,\n"
    "00000001_001.png,No Finding,1,1,059Y,M,PA,2894,2729,\n"
    "00000002_000.png,Edema,0,2,411Y,F,AP,2500,2048,\n"
)
LABELS = {"kind": "multilabel", "findings": ["Mass", "Nodule", "Edema"], "none": "No Finding"}
SPLITS = {"train_val": "train", "test": "test"}
MakeUseCase = Callable[..., UseCase]


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    (tmp_path / "Data_Entry_2017.csv").write_text(HEADER + ROWS)
    for name in ("images_001/images/00000001_000.png", "images_002/images/00000001_001.png", "images/00000002_000.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n")
    (tmp_path / "test_list.txt").write_text("00000002_000.png\n")
    return tmp_path


def test_table_lists_and_images(layout: Path, make_use_case: MakeUseCase) -> None:
    rows = read_source(layout, make_use_case(labels=LABELS, source={"splits": SPLITS}))
    assert [(row.name, row.patient, row.split, row.sex, row.age, row.age_note, row.view) for row in rows] == [
        ("images/00000002_000.png", "2", "test", "F", None, "impossible", "AP"),
        ("images_001/images/00000001_000.png", "1", "train", "M", 58.0, None, "PA"),
        ("images_002/images/00000001_001.png", "1", "train", "M", 59.0, None, "PA"),
    ]
    assert [tuple(row.findings.values()) for row in rows] == [(0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (0.0, 0.0, 0.0)]
    assert all(row.path.is_file() for row in rows)


def test_the_newer_table_goes_first_and_needs_no_lists(layout: Path, make_use_case: MakeUseCase) -> None:
    (layout / "Data_Entry_2017_v2020.csv").write_text(HEADER + ROWS.replace("058Y", "57"))
    (layout / "train_val_list.txt").unlink()
    (layout / "test_list.txt").unlink()
    rows = read_source(layout, make_use_case(labels=LABELS))
    assert [(row.age, row.split) for row in rows] == [(None, None), (57.0, None), (59.0, None)]


def test_a_yes_or_no_question_on_the_same_table(layout: Path, make_use_case: MakeUseCase) -> None:
    labels = {"Mass": "opacity", "Nodule": "normal", "Edema": "normal", "No Finding": "normal"}
    rows = read_source(layout, make_use_case(source={"labels": labels, "splits": SPLITS}))
    assert [row.label for row in rows] == ["normal", "opacity", "normal"]


def test_missing_images_are_counted_and_not_needed_for_the_table_alone(layout: Path, make_use_case: MakeUseCase) -> None:
    use_case = make_use_case(labels=LABELS, source={"splits": SPLITS, "max_unreadable": 0})
    (layout / "images" / "00000002_000.png").unlink()
    with pytest.raises(InputError) as caught:
        read_source(layout, use_case)
    assert caught.value.message == "1 of 3 images are not there, first Data_Entry_2017.csv:4"
    assert [row.name for row in read_table_only(layout, use_case)] == [
        "images/00000001_000.png",
        "images/00000001_001.png",
        "images/00000002_000.png",
    ]


def test_unknown_findings_and_split_words(layout: Path, make_use_case: MakeUseCase) -> None:
    with pytest.raises(InputError, match="label 'Nodule' is outside the classes, in 1 rows, first row 1"):
        read_source(layout, make_use_case(labels=LABELS | {"findings": ["Mass", "Edema"]}))
    with pytest.raises(InputError, match="split 'train_val' is not mapped, in 2 rows"):
        read_source(layout, make_use_case(labels=LABELS, source={"splits": {"test": "test"}}))


def test_an_image_index_is_no_way_out(layout: Path, make_use_case: MakeUseCase) -> None:
    (layout / "Data_Entry_2017.csv").write_text(HEADER + ROWS.replace("00000001_000.png", "../../secret.png"))
    with pytest.raises(InputError, match=r"Data_Entry_2017.csv:2: the path leads out"):
        read_source(layout, make_use_case(labels=LABELS))
