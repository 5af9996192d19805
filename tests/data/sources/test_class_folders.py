"""Class folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from radloop.data.sources import read_source
from radloop.errors import InputError
from radloop.use_case import UseCase

SOURCE = {
    "labels": {"NORMAL": "normal", "PNEUMONIA": "opacity"},
    "splits": {"train": "train", "val": "tune", "test": "test"},
    "patient_pattern": r"^(person\d+)_",
}
MakeUseCase = Callable[..., UseCase]


def save(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (64, 64)).save(root / name)
    return root


def test_folders_give_labels_splits_and_patients(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    names = ("train/NORMAL/IM-1.png", "test/pneumonia/person12_bacteria_3.png", "val/PNEUMONIA/person12_virus_1.png")
    save(tmp_path, *names)
    (tmp_path / "train" / "NORMAL" / "notes.txt").write_text("x")
    (tmp_path / "README.md").write_text("x")
    rows = read_source(tmp_path, make_use_case(source=SOURCE))
    assert [(row.label, row.split, row.patient) for row in rows] == [
        ("opacity", "test", "person12"),
        ("normal", "train", "IM-1"),
        ("opacity", "tune", "person12"),
    ]
    rows = read_source(tmp_path, make_use_case(source=SOURCE | {"patient_per_split": True}))
    assert [row.patient for row in rows] == ["test/person12", "train/IM-1", "val/person12"]


def test_without_a_pattern_equal_file_names_are_different_people(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    rows = read_source(save(tmp_path, "normal/1.png", "opacity/1.png"), make_use_case())
    assert [row.patient for row in rows] == ["normal/1.png", "opacity/1.png"]


def test_a_folder_that_is_no_class_is_refused(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    with pytest.raises(InputError, match="label 'COVID' is outside the classes"):
        read_source(save(tmp_path, "NORMAL/a.png", "COVID/person1_b.png"), make_use_case(source=SOURCE))


@pytest.mark.parametrize("pattern", ["(", "person"])
def test_a_patient_pattern_needs_a_group(tmp_path: Path, make_use_case: MakeUseCase, pattern: str) -> None:
    with pytest.raises(InputError) as caught:
        read_source(save(tmp_path, "normal/a.png"), make_use_case(source={"patient_pattern": pattern}))
    assert caught.value.code == "patient_pattern"
    assert ".yaml" in caught.value.hint


def test_a_patient_pattern_that_finds_nobody_is_refused(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    with pytest.raises(InputError, match="finds a patient in none of 2 names"):
        read_source(save(tmp_path, "normal/a.png", "opacity/b.png"), make_use_case(source=SOURCE))


def test_the_folder_of_a_class_is_not_its_source(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    with pytest.raises(InputError) as caught:
        read_source(save(tmp_path, "normal/a.png") / "normal", make_use_case())
    assert (caught.value.code, "give the folder above" in caught.value.hint) == ("source_empty", True)
