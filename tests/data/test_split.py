"""Splits by patient."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from radloop.data.sources.row import SourceRow
from radloop.data.split import assign_splits
from radloop.use_case import SplitSpec

SPEC = SplitSpec()


def rows(n: int, split: str | None = None, images: int = 1, start: int = 0) -> list[SourceRow]:
    made = []
    for number in range(start, start + n):
        for image in range(images):
            label, sex = ("sick", "well")[number % 2], ("F", "M")[number // 2 % 2]
            made.append(SourceRow(Path("x"), f"{number}-{image}", label, f"p{number}", split, sex))
    return made


def test_without_splits_patients_are_cut_60_15_10_15() -> None:
    made = rows(400, images=2)
    splits = assign_splits(made, SPEC)
    assert Counter(splits) == {"train": 480, "tune": 120, "calibrate": 80, "test": 120}


def test_every_stratum_gets_its_share() -> None:
    made = rows(400)
    splits = assign_splits(made, SPEC)
    for label in ("sick", "well"):
        for sex in ("F", "M"):
            part = Counter(split for row, split in zip(made, splits, strict=True) if (row.label, row.sex) == (label, sex))
            assert part == {"train": 60, "tune": 15, "calibrate": 10, "test": 15}


def test_a_patient_is_never_in_two_splits() -> None:
    made = rows(101, images=3)
    places: dict[str, set[str]] = {}
    for row, split in zip(made, assign_splits(made, SPEC), strict=True):
        places.setdefault(row.patient, set()).add(split)
    assert all(len(found) == 1 for found in places.values())


def test_a_missing_split_is_cut_from_train_only() -> None:
    # The Shenzhen case: calibrate is 10/70 of 398 train patients.
    made = rows(398, "train") + rows(99, "tune", start=1000) + rows(165, "test", start=2000)
    splits = assign_splits(made, SPEC)
    assert Counter(splits) == {"train": 341, "calibrate": 57, "tune": 99, "test": 165}
    assert all(split == row.split for row, split in zip(made, splits, strict=True) if row.split != "train")


def test_a_tune_too_small_to_choose_on_joins_train() -> None:
    # Kermany's val holds 8 and 8.
    made = rows(600, "train") + rows(16, "tune", start=1000) + rows(100, "test", start=2000)
    splits = Counter(assign_splits(made, SPEC))
    assert splits["test"] == 100
    assert splits["tune"] == round(616 * 15 / 85)


def test_the_same_seed_cuts_the_same_whatever_the_order_and_another_seed_differs() -> None:
    made = rows(200)
    first = dict(zip((row.patient for row in made), assign_splits(made, SPEC), strict=True))
    turned = list(reversed(made))
    assert dict(zip((row.patient for row in turned), assign_splits(turned, SPEC), strict=True)) == first
    assert dict(zip((row.patient for row in made), assign_splits(made, SplitSpec(seed=1)), strict=True)) != first


def test_a_known_patient_keeps_the_split() -> None:
    made = rows(100)
    known = {"p0": "test", "p1": "calibrate"}
    splits = dict(zip((row.patient for row in made), assign_splits(made, SPEC, known), strict=True))
    assert (splits["p0"], splits["p1"]) == ("test", "calibrate")
    assert Counter(splits.values())["test"] == 15


def test_a_patient_whom_the_source_puts_in_two_splits_stays_there_to_be_found() -> None:
    made = [*rows(40, "train"), *rows(40, "test", start=100), SourceRow(Path("x"), "again", "sick", "p0", "test", "F")]
    splits = assign_splits(made, SPEC)
    assert (splits[0], splits[-1]) == ("train", "test")
