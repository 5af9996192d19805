"""The covid-chestxray-dataset layout."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from radloop.data.sources import read_source
from radloop.errors import InputError
from radloop.use_case import UseCase

ROW = {
    "patientid": "2",
    "offset": "0",
    "sex": "M",
    "age": "65",
    "finding": "Pneumonia/Viral/COVID-19",
    "temperature": "38,5",
    "view": "PA",
    "modality": "X-ray",
    "folder": "images",
    "filename": "a.jpeg",
}
SOURCE = {"labels": {"COVID-19": "opacity", "Pneumonia": "normal", "No Finding": "normal"}}
MakeUseCase = Callable[..., UseCase]
WriteTable = Callable[..., Path]


def test_rows(tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable, caplog: pytest.LogCaptureFixture) -> None:
    rows = [
        ROW,
        ROW
        | {
            "filename": "b.png",
            "patientid": "3",
            "finding": "Pneumonia/Bacterial",
            "age": "50+",
            "view": "?",
            "temperature": "?",
        },
        ROW | {"filename": "c.png", "finding": "No Finding", "sex": ""},
        ROW | {"filename": "d.png", "finding": "todo"},
        ROW | {"filename": "e.png", "finding": "Unknown"},
        ROW | {"filename": "f.png", "modality": "CT", "view": "Axial"},
        ROW | {"filename": "g.nii.gz", "modality": "CT", "folder": "volumes"},
        ROW | {"filename": "h.png", "finding": "COVID-19, ARDS"},
    ]
    write_table(tmp_path / "metadata.csv", rows)
    use_case = make_use_case(source=SOURCE, clinical={"temperature": {"column": "temperature", "unit": "Cel"}})
    with caplog.at_level(logging.WARNING, "radloop.data"):
        found = read_source(tmp_path, use_case)
    assert [(row.name, row.label, row.patient, row.sex, row.age, row.age_note, row.view) for row in found] == [
        ("images/a.jpeg", "opacity", "2", "M", 65.0, None, "PA"),
        ("images/b.png", "normal", "3", "M", None, "a bound", None),
        ("images/c.png", "normal", "2", None, 65.0, None, "PA"),
        ("images/h.png", "opacity", "2", "M", 65.0, None, "PA"),
    ]
    assert (found[0].clinical, found[1].notes) == ({"temperature": 38.5}, {"temperature": "not a number"})
    assert caplog.messages == ["2 rows of another modality are left out", "2 rows without a finding are left out"]


def test_ct_is_read_where_it_is_admitted(tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable) -> None:
    ct = ROW | {"filename": "f.png", "modality": "CT"}
    write_table(tmp_path / "metadata.csv", [ROW, ct, ct | {"filename": "g.nii.gz", "folder": "volumes"}])
    image = {"modalities": ["CT"], "body_parts": ["CHEST"], "size": 64}
    assert [row.name for row in read_source(tmp_path, make_use_case(source=SOURCE, image=image))] == ["images/f.png"]


def test_the_special_part_is_the_class_and_all_parts_are_findings(
    tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable
) -> None:
    write_table(tmp_path / "metadata.csv", [ROW])
    classes = make_use_case(labels={"kind": "multiclass", "classes": ["Pneumonia", "Viral"]})
    assert read_source(tmp_path, classes)[0].label == "Viral"
    findings = make_use_case(labels={"kind": "multilabel", "findings": ["Pneumonia", "Viral", "Edema"], "none": "No Finding"})
    assert read_source(tmp_path, findings)[0].findings == {"Pneumonia": 1.0, "Viral": 1.0, "Edema": 0.0}


def test_the_first_tables_of_the_collection(tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable) -> None:
    old = {"Patientid": "2", "finding": "COVID-19", "view": "PA", "filename": "a.jpeg"}
    write_table(tmp_path / "metadata.csv", [old, old | {"view": "CT", "filename": "b.jpeg"}])
    (row,) = read_source(tmp_path, make_use_case(source=SOURCE))
    assert (row.name, row.label, row.sex, row.age) == ("images/a.jpeg", "opacity", None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"finding": "Tuberculosis"}, "label 'Tuberculosis' is outside the classes"),
        ({"folder": "../x"}, "metadata.csv:2: the path leads out"),
        ({"patientid": ""}, "metadata.csv:2: no patient"),
        ({"modality": "CT"}, "the source holds no images"),
    ],
)
def test_wrong_rows(
    tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable, change: dict[str, str], words: str
) -> None:
    write_table(tmp_path / "metadata.csv", [ROW | change])
    with pytest.raises(InputError, match=words):
        read_source(tmp_path, make_use_case(source=SOURCE))


def test_a_copy_with_paths_and_splits_of_its_own(tmp_path: Path, make_use_case: MakeUseCase, write_table: WriteTable) -> None:
    row = {name: value for name, value in ROW.items() if name != "patientid"} | {"patient_id": "7", "path": "small/a.jpg"}
    write_table(tmp_path / "manifest.csv", [row | {"part": "val"}, row | {"path": "small/b.jpg", "finding": "todo", "part": "x"}])
    columns = {"path": "path", "split": "part"}
    use_case = make_use_case(source=SOURCE | {"columns": columns, "splits": {"val": "tune"}})
    (found,) = read_source(tmp_path, use_case)
    assert (found.name, found.patient, found.split, found.label) == ("small/a.jpg", "7", "tune", "opacity")
    assert found.path == tmp_path.resolve() / "small" / "a.jpg"
    # Without these columns the collection's own words count.
    (plain,) = read_source(tmp_path, make_use_case(source=SOURCE | {"columns": {"path": "elsewhere"}}))
    assert (plain.name, plain.split) == ("images/a.jpeg", None)
