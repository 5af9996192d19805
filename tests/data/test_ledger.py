"""What earlier data versions held."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from radloop.data import ledger
from radloop.data.leakage import find_leaks
from radloop.errors import IntegrityError
from radloop.use_case import Leakage


def frame_of(*rows: tuple[str, str, str], **columns: object) -> pd.DataFrame:
    """Rows of (id, patient, split)."""
    made = pd.DataFrame(rows, columns=["id", "patient", "split"]).assign(group=None, excluded=None, kind="image")
    return made.assign(pixels=[f"{int(name):064x}" for name in made["id"]], dhash="ab" * 32, **columns)


V1 = frame_of(("1", "a", "train"), ("2", "a", "train"), ("3", "b", "test"))


def test_without_a_ledger_nothing_is_known(tmp_path: Path) -> None:
    assert ledger.known_splits(tmp_path / "none") == {}
    assert ledger.earlier_rows(tmp_path / "none", V1) is None
    assert ledger.forget(tmp_path / "none", "a") == 0
    assert not (tmp_path / "none").exists()


def test_a_patient_who_left_is_still_known(tmp_path: Path) -> None:
    assert ledger.record(tmp_path, V1, "v1") == 3
    assert ledger.record(tmp_path, V1[:2], "v2") == 0
    assert ledger.known_splits(tmp_path) == {"a": "train", "b": "test"}


def test_recording_a_version_again_does_nothing(tmp_path: Path) -> None:
    ledger.record(tmp_path, V1, "v1")
    assert ledger.record(tmp_path, frame_of(("9", "z", "test")), "v1") == 0
    assert "z" not in ledger.known_splits(tmp_path)


def test_only_new_and_moved_rows_take_room(tmp_path: Path) -> None:
    many = frame_of(*((str(number), f"p{number}", "train") for number in range(5000)))
    ledger.record(tmp_path, many, "v1")
    size = (tmp_path / ledger.FILE_NAME).stat().st_size
    for number in range(20):
        ledger.record(tmp_path, many[number:], f"v{number + 2}")
    assert (tmp_path / ledger.FILE_NAME).stat().st_size < 1.05 * size
    assert ledger.record(tmp_path, many.assign(split=["test", *["train"] * 4999]), "moved") == 1


def test_earlier_rows_are_those_that_left_or_moved(tmp_path: Path) -> None:
    ledger.record(tmp_path, V1.assign(group=["g", None, None]), "v1")
    present = frame_of(("1", "a", "train"), ("3", "c", "train"), ("4", "d", "tune"), group=["g", None, None])
    ledger.record(tmp_path, present, "v2")
    gone = ledger.earlier_rows(tmp_path, present)
    assert gone is not None
    assert gone.to_dict("records") == [
        {"id": "2", "patient": "a", "group": None, "split": "train", "pixels": f"{2:064x}", "dhash": "ab" * 32, "version": "v1"},
        {"id": "3", "patient": "b", "group": None, "split": "test", "pixels": f"{3:064x}", "dhash": "ab" * 32, "version": "v1"},
    ]
    (leak,) = find_leaks(present, {}, Leakage(), gone)
    assert (leak.kind, leak.rows, leak.splits, leak.versions) == ("identical", ("3", "3"), ("train", "test"), (None, "v1"))


def test_what_was_never_used_is_no_earlier_row_and_what_the_policy_dropped_counts_as_present(tmp_path: Path) -> None:
    ledger.record(tmp_path, V1.assign(excluded=[None, "quarantine:contrast", None]), "v1")
    gone = ledger.earlier_rows(tmp_path, V1[:1].assign(excluded="leak"))
    assert gone is not None
    assert list(gone["id"]) == ["3"]


def test_one_in_two_splits_belongs_to_the_nearest_to_judging_of_the_used(tmp_path: Path) -> None:
    rows = frame_of(("1", "a", "train"), ("2", "a", "calibrate"), ("3", "a", "tune"), ("4", "b", "tune"), ("5", "b", "test"))
    ledger.record(tmp_path, rows.assign(excluded=[None, None, None, None, "leak"]), "v1")
    assert ledger.known_splits(tmp_path) == {"a": "calibrate", "b": "tune"}


def test_groups_are_known_too_and_clips_are_not_rows(tmp_path: Path) -> None:
    rows = V1.assign(group=["g", "g", None], kind=["image", "image", "clip"])
    assert ledger.record(tmp_path, rows, "v1") == 2
    assert ledger.known_groups(tmp_path) == {"g": "train"}


def test_a_forgotten_patient_is_nowhere_in_the_file(tmp_path: Path) -> None:
    frame = frame_of(("1", "patient-one", "train"), ("2", "patient-two", "test"))
    ledger.record(tmp_path, frame, "v1")
    assert b"patient-one" in (tmp_path / ledger.FILE_NAME).read_bytes()
    assert ledger.forget(tmp_path, "patient-one") == 1
    assert all(b"patient-one" not in path.read_bytes() for path in tmp_path.iterdir())
    assert ledger.known_splits(tmp_path) == {"patient-two": "test"}
    assert ledger.record(tmp_path, frame, "v1") == 0  # the version was recorded: it brings nobody back


def test_a_crash_while_recording_leaves_no_half_version(tmp_path: Path) -> None:
    ledger.record(tmp_path, V1, "v1")
    broken = frame_of(("7", "x", "train"), ("8", "y", "train")).assign(pixels=[f"{7:064x}", "no digits"])
    with pytest.raises(ValueError, match="hexadecimal"):
        ledger.record(tmp_path, broken, "v2")
    assert "x" not in ledger.known_splits(tmp_path)
    assert ledger.record(tmp_path, frame_of(("7", "x", "train")), "v2") == 1


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ledger.FILE_NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(IntegrityError) as caught:
        ledger.known_splits(tmp_path)
    assert caught.value.code == "tampered_ledger"


def test_the_file_is_plain_sqlite(tmp_path: Path) -> None:
    ledger.record(tmp_path, V1, "v1")
    with sqlite3.connect(tmp_path / ledger.FILE_NAME) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
