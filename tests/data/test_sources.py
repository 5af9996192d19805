"""Sources: what is read, and what is refused with which words."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from installations import small_phantom_config, write_use_case
from PIL import Image

from radloop.configuration import read_use_case
from radloop.data.sources import read_source
from radloop.errors import InputError
from radloop.use_case import UseCase


@pytest.fixture
def use_case(tmp_path: Path) -> UseCase:
    config = small_phantom_config()
    config["source"]["columns"] = {
        "path": "file",
        "label": "finding",
        "patient": "pid",
        "split": "fold",
        "sex": "gender",
        "age": "years",
    }
    config["source"] |= {
        "labels": {"NORMAL": "normal", "PNEUMONIA": "opacity"},
        "splits": {"train": "train", "val": "tune", "test": "test"},
    }
    config["source"]["patient_pattern"] = r"^(person\d+)_"
    return read_use_case(write_use_case(tmp_path / "configs", config))


def write_csv(folder: Path, rows: list[dict[str, str]]) -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder


ROW = {"file": "a.png", "finding": "NORMAL", "pid": "1", "fold": "val", "gender": "male", "years": "045Y"}


def test_manifest_words_are_mapped_and_blanks_are_unknown(tmp_path: Path, use_case: UseCase) -> None:
    folder = write_csv(
        tmp_path / "s", [ROW, ROW | {"file": "b.png", "finding": "PNEUMONIA", "gender": "", "years": "late 40s", "fold": ""}]
    )
    first, second = read_source(folder, use_case)
    assert (first.label, first.split, first.sex, first.age, first.patient) == ("normal", "tune", "M", 45.0, "1")
    assert (second.label, second.split, second.sex, second.age) == ("opacity", None, None, None)
    assert read_source(folder / "manifest.csv", use_case) == [first, second]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"finding": "COVID"}, "unknown_label", "label 'COVID' is outside the classes, in 1 rows, first row 1"),
        ({"fold": "dev"}, "unknown_split", "split 'dev' is not mapped"),
        ({"finding": ""}, "row_incomplete", "manifest.csv:2: no label"),
        ({"file": "../../etc/passwd"}, "path_outside", "manifest.csv:2: the path leads out of the folder"),
    ],
)
def test_wrong_rows_are_refused_by_line(tmp_path: Path, use_case: UseCase, change: dict[str, str], code: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_source(write_csv(tmp_path / "s", [ROW | change]), use_case)
    assert caught.value.code == code
    assert words in caught.value.message


def test_a_missing_column_names_the_nearest(tmp_path: Path, use_case: UseCase) -> None:
    row = {("findings" if name == "finding" else name): value for name, value in ROW.items()}
    with pytest.raises(InputError) as caught:
        read_source(write_csv(tmp_path / "s", [row]), use_case)
    assert caught.value.code == "column_missing"
    assert "no column 'finding' for the label" in caught.value.message
    assert "did you mean 'findings'?" in caught.value.hint


def test_missing_and_empty_sources(tmp_path: Path, use_case: UseCase) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_source(tmp_path / "nowhere", use_case)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        read_source(tmp_path / "empty", use_case)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "manifest.csv").write_text(",".join(ROW) + "\n")
    with pytest.raises(InputError, match="holds no images"):
        read_source(tmp_path / "rows", use_case)


def test_class_folders_give_labels_splits_and_patients(tmp_path: Path, use_case: UseCase) -> None:
    for name in ("train/NORMAL/IM-1.png", "test/pneumonia/person12_bacteria_3.png", "val/PNEUMONIA/person12_virus_1.png"):
        path = tmp_path / "s" / name
        path.parent.mkdir(parents=True)
        Image.new("L", (64, 64)).save(path)
    rows = read_source(tmp_path / "s", use_case)
    assert [(row.label, row.split, row.patient) for row in rows] == [
        ("opacity", "test", "person12"),
        ("normal", "train", "IM-1"),
        ("opacity", "tune", "person12"),
    ]


def test_a_class_folder_that_is_no_class_is_refused(tmp_path: Path, use_case: UseCase) -> None:
    for name in ("NORMAL/a.png", "COVID/b.png"):
        path = tmp_path / "s" / name
        path.parent.mkdir(parents=True)
        Image.new("L", (64, 64)).save(path)
    with pytest.raises(InputError, match="label 'COVID' is outside the classes"):
        read_source(tmp_path / "s", use_case)


def test_a_bare_dicom_folder_is_read_from_its_headers(phantoms: Path, use_case: UseCase) -> None:
    rows = read_source(phantoms / "images", use_case)
    assert len(rows) > 50
    assert {row.label for row in rows} == {"normal", "opacity"}
    assert {row.sex for row in rows} == {"F", "M"}
    assert all(row.patient.startswith("PHANTOM") and row.age is not None and row.split is None for row in rows)
