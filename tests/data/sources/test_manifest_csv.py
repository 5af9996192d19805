"""Tables: what is read, and what is refused with which words."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from radloop.data.sources import read_source, read_table_only
from radloop.errors import InputError
from radloop.use_case import UseCase

SOURCE: dict[str, Any] = {
    "columns": {"path": "file", "label": "finding", "patient": "pid", "split": "fold", "sex": "gender", "age": "years"},
    "labels": {"NORMAL": "normal", "PNEUMONIA": "opacity"},
    "splits": {"train": "train", "val": "tune", "test": "test"},
}
ROW = {"file": "a.png", "finding": "NORMAL", "pid": "1", "fold": "val", "gender": "male", "years": "045Y"}

WriteTable = Callable[..., Path]


@pytest.fixture
def use_case(make_use_case: Callable[..., UseCase]) -> UseCase:
    return make_use_case(source=SOURCE)


def test_words_are_mapped_and_blanks_are_unknown(tmp_path: Path, use_case: UseCase, write_table: WriteTable) -> None:
    second = ROW | {"file": "sub/b.png", "finding": "PNEUMONIA", "pid": "", "gender": "?", "years": "late 40s", "fold": ""}
    path = write_table(tmp_path / "s" / "manifest.csv", [second, ROW])
    rows = read_source(tmp_path / "s", use_case)
    assert [(row.name, row.label, row.split, row.sex, row.age, row.age_note, row.patient) for row in rows] == [
        ("a.png", "normal", "tune", "M", 45.0, None, "1"),
        ("sub/b.png", "opacity", None, None, None, "a decade", "sub/b.png"),
    ]
    assert rows[1].path == tmp_path.resolve() / "s" / "sub" / "b.png"
    assert read_source(path, use_case) == rows == read_table_only(path, use_case) == read_table_only(tmp_path / "s", use_case)


READERS = {
    "columns": {"path": "file", "label": "finding"},
    "labels": SOURCE["labels"],
    "readers": {"R1": "senior", "R2": "junior_2"},
}


def test_readers_answers_are_mapped_as_the_label_is(
    tmp_path: Path, make_use_case: Callable[..., UseCase], write_table: WriteTable
) -> None:
    rows = [{"file": "a.png", "finding": "NORMAL", "R1": "PNEUMONIA", "R2": ""}]
    path = write_table(tmp_path / "s" / "manifest.csv", rows)
    assert read_source(path, make_use_case(source=READERS))[0].readers == {"senior": "opacity", "junior_2": None}
    strange = write_table(tmp_path / "t" / "manifest.csv", [rows[0] | {"R2": "Dr. Smith says no"}])
    with pytest.raises(InputError, match=r"manifest\.csv:2: what reader junior_2 said is outside the classes") as caught:
        read_source(strange, make_use_case(source=READERS))
    assert "Smith" not in caught.value.message
    less = write_table(tmp_path / "u" / "manifest.csv", [{"file": "a.png", "finding": "NORMAL", "R1": "NORMAL"}])
    with pytest.raises(InputError, match="no column 'R2' for the reader junior_2"):
        read_source(less, make_use_case(source=READERS))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": READERS | {"readers": {"R1": "Dr. Smith"}}}, "'Dr. Smith' is no reader's name"),
        ({"source": READERS | {"readers": {"R1": "a", "R2": "a"}}}, "two columns have one reader's name"),
        ({"source": {"readers": {"R1": "a"}}, "labels": {"kind": "multilabel", "findings": ["x", "y"], "none": "z"}}, "one word"),
    ],
)
def test_readers_that_cannot_be(make_use_case: Callable[..., UseCase], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_use_case(**changes)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_any_csv_is_read_by_its_path(tmp_path: Path, use_case: UseCase, write_table: WriteTable, delimiter: str) -> None:
    plain = write_table(tmp_path / "s" / "export, final.csv", [ROW | {"years": "45,5"}], delimiter)
    assert read_source(plain, use_case)[0].age == 45.5
    packed = tmp_path / "s" / "table.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + plain.read_bytes()))
    assert read_source(packed, use_case) == read_source(plain, use_case)


def test_group_device_site_view_extent_and_clinical_values(
    tmp_path: Path, make_use_case: Callable[..., UseCase], write_table: WriteTable
) -> None:
    names = ("path", "label", "group", "site", "view", "device", "extent")
    use_case = make_use_case(
        source={"columns": {name: name for name in names}},
        clinical={
            "temperature": {"column": "temp", "unit": "Cel", "low": 25, "high": 45},
            "icu": {"column": "icu", "words": {"Y": "yes"}},
        },
    )
    row = dict.fromkeys(names, "") | {"path": "a.png", "label": "normal"}
    write_table(
        tmp_path / "manifest.csv",
        [
            row | {"group": "g", "site": "A", "view": "PA", "device": "ACME", "extent": "0.25", "temp": "38,5", "icu": "Y"},
            row | {"path": "b.png", "extent": "much", "temp": "38+", "icu": "?"},
        ],
    )
    first, second = read_source(tmp_path, use_case)
    assert (first.group, first.site, first.view, first.device, first.extent) == ("g", "A", "PA", "ACME", 0.25)
    assert (first.clinical, first.notes) == ({"temperature": 38.5, "icu": "yes"}, {})
    assert (second.group, second.extent) == (None, None)
    assert second.clinical == {"temperature": None, "icu": None}
    assert second.notes == {"temperature": "a bound", "icu": "not one of the words"}


def test_patients_numbered_anew_in_every_split_are_different_people(
    tmp_path: Path, make_use_case: Callable[..., UseCase], write_table: WriteTable
) -> None:
    write_table(tmp_path / "manifest.csv", [ROW, ROW | {"file": "b.png", "fold": "test"}])
    rows = read_source(tmp_path, make_use_case(source=SOURCE | {"patient_per_split": True}))
    assert [row.patient for row in rows] == ["val/1", "test/1"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"finding": "COVID"}, "unknown_label", "label 'COVID' is outside the classes, in 1 rows, first row 1"),
        ({"fold": "dev"}, "unknown_split", "split 'dev' is not mapped, in 1 rows, first row 1"),
        ({"finding": ""}, "row_incomplete", "manifest.csv:2: no label"),
        ({"file": ""}, "row_incomplete", "manifest.csv:2: no path"),
        ({"file": "../../etc/passwd"}, "path_outside", "manifest.csv:2: the path leads out of the folder"),
        ({"file": "/etc/passwd"}, "path_outside", "manifest.csv:2: the path leads out of the folder"),
        ({"file": "sub/../.."}, "path_outside", "manifest.csv:2: the path leads out of the folder"),
    ],
)
def test_wrong_rows_are_refused_by_line(
    tmp_path: Path, use_case: UseCase, write_table: WriteTable, change: dict[str, str], code: str, words: str
) -> None:
    write_table(tmp_path / "s" / "manifest.csv", [ROW | change])
    with pytest.raises(InputError) as caught:
        read_source(tmp_path / "s", use_case)
    assert caught.value.code == code
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_strange_words_are_counted(tmp_path: Path, use_case: UseCase, write_table: WriteTable) -> None:
    write_table(tmp_path / "manifest.csv", [ROW, ROW | {"finding": "x"}, ROW | {"finding": "y"}, ROW | {"finding": "x"}])
    with pytest.raises(InputError, match=r"label 'x' is outside the classes, in 2 rows, first row 2 \(and 1 other words\)"):
        read_source(tmp_path, use_case)


def test_a_missing_column_names_the_nearest(tmp_path: Path, use_case: UseCase, write_table: WriteTable) -> None:
    row = {("findings" if name == "finding" else name): value for name, value in ROW.items()}
    write_table(tmp_path / "manifest.csv", [row])
    with pytest.raises(InputError) as caught:
        read_source(tmp_path, use_case)
    assert caught.value.code == "column_missing"
    assert "no column 'finding' for the label" in caught.value.message
    assert "did you mean 'findings'?" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"file,finding,pid,fold,gender,years\na.png,NORMAL,1,val,m\xe4nnlich,45\n", "source_unreadable"),
        ("file,finding,pid,fold,gender,years\n".encode("utf-16"), "source_unreadable"),
        (b"file,finding,pid,fold,gender,years\na.png,NORMAL,1,val,M,45,5\n", "row_too_long"),
        (b"file,finding,pid,fold,gender,years,finding\na.png,NORMAL,1,val,M,45,x\n", "column_twice"),
        (b"", "column_missing"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, use_case: UseCase, content: bytes, code: str) -> None:
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_source(tmp_path, use_case)
    assert caught.value.code == code


def test_a_damaged_archive_is_refused(tmp_path: Path, use_case: UseCase) -> None:
    packed = gzip.compress(("file,finding,pid,fold,gender,years\n" + "a.png,NORMAL,1,val,M,45\n" * 50).encode())
    for content in (packed[:-12], b"file,finding"):
        (tmp_path / "t.csv.gz").write_bytes(content)
        with pytest.raises(InputError, match="not a UTF-8 CSV"):
            read_source(tmp_path / "t.csv.gz", use_case)


def test_a_hundred_thousand_rows_are_read_in_seconds(tmp_path: Path, use_case: UseCase, write_table: WriteTable) -> None:
    rows = [ROW | {"file": f"images/{number:06d}.png", "pid": str(number // 3)} for number in range(100_000)]
    path = write_table(tmp_path / "manifest.csv", rows)
    begun = time.process_time()
    found = read_table_only(path, use_case)
    assert time.process_time() - begun < 20
    assert (len(found), len({row.patient for row in found})) == (100_000, 33_334)


def test_a_blank_label_is_what_the_use_case_says(
    tmp_path: Path, make_use_case: Callable[..., UseCase], write_table: WriteTable
) -> None:
    write_table(tmp_path / "manifest.csv", [{"path": "a.png", "label": ""}, {"path": "b.png", "label": "virus"}])
    labels = {"virus": "opacity"}
    with pytest.raises(InputError, match=r"manifest.csv:2: no label"):
        read_source(tmp_path, make_use_case(source={"labels": labels}))
    rows = read_source(tmp_path, make_use_case(source={"labels": labels | {"": "normal"}}))
    assert [row.label for row in rows] == ["normal", "opacity"]


LOCATED = {"columns": {"mask": "outline", "boxes": "box"}, "boxes_as": "shares_cx_cy_w_h"}


def test_masks_and_boxes(tmp_path: Path, make_use_case: Callable[..., UseCase], write_table: WriteTable) -> None:
    row = {"path": "a.png", "label": "opacity", "outline": "masks/a.png", "box": ""}
    others = [row | {"path": "b.png", "outline": "", "box": ".5,.5,.1,.2;1 1 1 1"}, row | {"path": "c.png", "outline": ""}]
    write_table(tmp_path / "manifest.csv", [row, *others])
    first, second, third = (found.region for found in read_source(tmp_path, make_use_case(source=LOCATED, location={})))
    assert first is not None
    assert (first.outline, first.boxes) == (tmp_path.resolve() / "masks" / "a.png", ())
    assert second is not None
    assert (second.outline, second.boxes, second.shares) == (None, ((0.5, 0.5, 0.1, 0.2), (1, 1, 1, 1)), True)
    assert third is None


@pytest.mark.parametrize(("cells", "code"), [({"box": "1 2 3"}, "bad_boxes"), ({"outline": "../a.png"}, "path_outside")])
def test_bad_masks_are_refused_by_row(
    tmp_path: Path, make_use_case: Callable[..., UseCase], write_table: WriteTable, cells: dict[str, str], code: str
) -> None:
    row = {"path": "a.png", "label": "opacity", "outline": "", "box": ""}
    write_table(tmp_path / "manifest.csv", [row, row | {"path": "b.png"} | cells])
    with pytest.raises(InputError, match=r"manifest.csv:3: ") as caught:
        read_source(tmp_path, make_use_case(source=LOCATED, location={}))
    assert caught.value.code == code
