"""Splits by patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from radloop.data.sources.row import SourceRow
from radloop.data.split import assign_splits
from radloop.use_case import SplitSpec

SPEC = SplitSpec()


def cut(made: Sequence[SourceRow], spec: SplitSpec = SPEC, known: Mapping[str, str] | None = None) -> list[str]:
    return list(assign_splits(made, spec, known).splits)


def row(patient: str, label: str | None = "sick", name: str = "x", **more: object) -> SourceRow:
    return replace(SourceRow(Path("x"), name, label, patient), **more)


def rows(n: int, split: str | None = None, images: int = 1, start: int = 0) -> list[SourceRow]:
    made = []
    for number in range(start, start + n):
        for image in range(images):
            label, sex = ("sick", "well")[number % 2], ("F", "M")[number // 2 % 2]
            made.append(row(f"p{number}", label, split=split, sex=sex, name=f"{number}-{image}"))
    return made


def test_without_splits_patients_are_cut_60_15_10_15() -> None:
    made = rows(400, images=2)
    splits = cut(made, SPEC)
    assert Counter(splits) == {"train": 480, "tune": 120, "calibrate": 80, "test": 120}


def test_every_stratum_gets_its_share() -> None:
    made = rows(400)
    splits = cut(made, SPEC)
    for label in ("sick", "well"):
        for sex in ("F", "M"):
            part = Counter(split for row, split in zip(made, splits, strict=True) if (row.label, row.sex) == (label, sex))
            assert part == {"train": 60, "tune": 15, "calibrate": 10, "test": 15}


def test_a_patient_is_never_in_two_splits() -> None:
    made = rows(101, images=3)
    places: dict[str, set[str]] = {}
    for row, split in zip(made, cut(made, SPEC), strict=True):
        places.setdefault(row.patient, set()).add(split)
    assert all(len(found) == 1 for found in places.values())


def test_a_missing_split_is_cut_from_train_only() -> None:
    # The Shenzhen case: calibrate is 10/70 of 398 train patients.
    made = rows(398, "train") + rows(99, "tune", start=1000) + rows(165, "test", start=2000)
    splits = cut(made, SPEC)
    assert Counter(splits) == {"train": 341, "calibrate": 57, "tune": 99, "test": 165}
    assert all(split == row.split for row, split in zip(made, splits, strict=True) if row.split != "train")


def test_a_tune_too_small_to_choose_on_joins_train() -> None:
    # Kermany's val holds 8 and 8.
    made = rows(600, "train") + rows(16, "tune", start=1000) + rows(100, "test", start=2000)
    splits = Counter(cut(made, SPEC))
    assert splits["test"] == 100
    assert splits["tune"] == round(616 * 15 / 85)


def test_the_same_seed_cuts_the_same_whatever_the_order_and_another_seed_differs() -> None:
    made = rows(200)
    first = dict(zip((row.patient for row in made), cut(made, SPEC), strict=True))
    turned = list(reversed(made))
    assert dict(zip((row.patient for row in turned), cut(turned, SPEC), strict=True)) == first
    assert dict(zip((row.patient for row in made), cut(made, SplitSpec(seed=1)), strict=True)) != first


def test_a_known_patient_keeps_the_split() -> None:
    made = rows(100)
    known = {"p0": "test", "p1": "calibrate"}
    splits = dict(zip((row.patient for row in made), cut(made, SPEC, known), strict=True))
    assert (splits["p0"], splits["p1"]) == ("test", "calibrate")
    assert Counter(splits.values())["test"] == 15


def test_a_patient_whom_the_source_puts_in_two_splits_stays_there_to_be_found() -> None:
    made = [*rows(40, "train"), *rows(40, "test", start=100), row("p0", split="test", sex="F")]
    splits = cut(made, SPEC)
    assert (splits[0], splits[-1]) == ("train", "test")


def test_what_joins_patients_is_one_unit() -> None:
    # p0 - g0 - p1 - g1 - p2 is one chain; p3 stands alone.
    chain = [row("p0", group="g0"), row("p1", group="g0"), row("p1", group="g1"), row("p2", group="g1"), row("p3")]
    for seed in range(20):
        splits = cut([*chain, *rows(60, start=100)], SplitSpec(seed=seed))
        assert len(set(splits[:4])) == 1


def test_a_known_patient_keeps_the_split_against_the_sources_word_and_is_counted() -> None:
    made = [*rows(40, "train"), *rows(40, "test", start=100), *rows(40, "tune", start=200), *rows(40, "calibrate", start=300)]
    found = assign_splits(made, SPEC, {"p0": "test", "p100": "train", "p1": "train"})
    assert (found.splits[0], found.splits[40], found.splits[1]) == ("test", "train", "train")
    assert found.kept == 2
    assert sum(split != one.split for one, split in zip(made, found.splits, strict=True)) == 2


def test_what_is_cut_from_train_is_not_against_the_sources_word() -> None:
    made = [*rows(40, "train"), *rows(40, "test", start=100)]
    found = assign_splits(made, SPEC, {"p0": "calibrate", "p100": "train"})
    assert (found.splits[0], found.splits[40], found.kept) == ("calibrate", "train", 1)


def test_the_sources_words_stay_where_it_puts_one_unit_in_two_splits() -> None:
    made = [row("p0", split="train"), row("p0", split="test"), row("p0", split=None), *rows(40, "train", start=100)]
    assert cut(made, SPEC, {"p0": "tune"})[:3] == ["train", "test", "tune"]
    assert cut(made)[:3] == ["train", "test", "test"]
    grouped = [row("p0", split="train", group="g"), row("p1", split="test", group="g"), *rows(40, "train", start=100)]
    assert cut(grouped)[:2] == ["train", "test"]


def test_a_known_group_takes_a_new_patient_along() -> None:
    made = [row("new", group="g"), *rows(40, start=100)]
    assert assign_splits(made, SPEC, known_groups={"g": "calibrate"}).splits[0] == "calibrate"


def test_known_patients_whom_a_new_group_joins_stay_apart_and_newcomers_go_to_the_nearest_to_judging() -> None:
    made = [row("a", group="g"), row("b", group="g"), row("new", group="g"), *rows(40, start=100)]
    assert cut(made, SPEC, {"a": "train", "b": "tune"})[:3] == ["train", "tune", "tune"]


def test_the_rarest_finding_decides_the_stratum() -> None:
    # 100 patients with infiltration, every fifth of them also with a hernia: 20 hernias are cut 12 : 3 : 2 : 3.
    made = [row(f"p{n}", None, findings={"infiltration": 1.0, "hernia": float(n % 5 == 0), "mass": None}) for n in range(100)]
    splits = cut(made)
    assert Counter(splits) == {"train": 60, "tune": 15, "calibrate": 10, "test": 15}
    assert Counter(split for n, split in enumerate(splits) if n % 5 == 0) == {"train": 12, "tune": 3, "calibrate": 2, "test": 3}


def test_age_bands_are_strata_and_small_ones_join_their_neighbours() -> None:
    # 40 of 20 to 39 years, 40 of 60 and more, and one in each of two bands between, which make no strata of one.
    ages = [25.0] * 40 + [70.0] * 40 + [5.0, 50.0]
    splits = cut([row(f"p{n}", age=age, sex="F") for n, age in enumerate(ages)])
    for part in (splits[:40], splits[40:80]):
        assert Counter(part) == {"train": 24, "tune": 6, "calibrate": 4, "test": 6}
    assert splits[80:] == ["train", "train"]


def test_many_small_strata_keep_the_proportions() -> None:
    # 200 patients of 100 labels: two each, far too few to cut by label.
    splits = cut([row(f"p{n}", f"label {n % 100}") for n in range(200)])
    assert Counter(splits) == {"train": 120, "tune": 30, "calibrate": 20, "test": 30}


_ROW = st.builds(
    row,
    patient=st.integers(0, 30).map(lambda n: f"p{n}"),
    label=st.sampled_from(["sick", "well"]),
    group=st.one_of(st.none(), st.integers(0, 20).map(lambda n: f"g{n}")),
    sex=st.sampled_from(["F", "M", None]),
    age=st.one_of(st.none(), st.floats(0, 100)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_ROW, min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_splits_do_not_depend_on_the_order_and_cross_no_unit(made: list[SourceRow], chance: object) -> None:
    turned = list(range(len(made)))
    chance.shuffle(turned)  # type: ignore[attr-defined]
    splits = cut(made)
    assert cut([made[number] for number in turned]) == [splits[number] for number in turned]
    for attribute in ("patient", "group"):
        places: dict[str, set[str]] = {}
        for one, split in zip(made, splits, strict=True):
            places.setdefault(getattr(one, attribute) or f"alone {one.patient}", set()).add(split)
        assert all(len(found) == 1 for found in places.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(_ROW, min_size=1, max_size=60), st.lists(_ROW, max_size=40), st.data())
def test_who_is_known_never_moves_whoever_comes_or_goes(
    before: list[SourceRow], more: list[SourceRow], data: st.DataObject
) -> None:
    first = assign_splits(before, SPEC)
    known = {one.patient: split for one, split in zip(before, first.splits, strict=True)}
    stay = data.draw(st.lists(st.sampled_from(before), max_size=len(before)))
    words = st.sampled_from([None, "train", "test"])
    told = {one.patient: data.draw(words) for one in [*stay, *more]}
    # One word a patient and no groups: the source itself puts nobody in two splits.
    after = [replace(one, split=told[one.patient], group=None) for one in [*stay, *more]]
    found = assign_splits(after, SPEC, known)
    for one, split in zip(after, found.splits, strict=True):
        assert split == known.get(one.patient, split)


def test_equal_pictures_are_cut_as_one() -> None:
    made = [SourceRow(Path("x"), str(number), ("sick", "well")[number % 2], f"p{number}") for number in range(200)]
    # Rows 0 to 19 show ten pictures, two patients each.
    alike = [[f"s{number % 10}"] if number < 20 else [] for number in range(200)]
    splits = assign_splits(made, SplitSpec(), alike=alike).splits
    assert all(splits[number] == splits[number + 10] for number in range(10))
    assert set(splits) == {"train", "tune", "calibrate", "test"}
    apart = assign_splits(made, SplitSpec()).splits
    assert any(apart[number] != apart[number + 10] for number in range(10))


def test_a_unit_as_large_as_a_split_trains() -> None:
    # 60 small units and one scan of 120 rows: wherever its draw falls, a split of 0.15 x 180 x 1.25 = 33 rows has no room.
    small = [row(f"p{number}", "sick", name=f"{number}") for number in range(60)]
    for scan in ("a", "b", "c", "d"):
        big = [row(f"{scan}-{number}", "sick", name=f"{scan}{number}", group=f"scan {scan}") for number in range(120)]
        splits = cut(small + big)
        assert set(splits[60:]) == {"train"}
        # 61 units give 9.15, 6.1 and 9.15: 9, 6 and 9.
        assert Counter(splits[:60]) == {"train": 36, "tune": 9, "calibrate": 6, "test": 9}


def test_several_large_units_do_not_fill_one_split() -> None:
    # Ten scans of 30 rows among 90 single ones: 390 rows, and room for 0.15 x 390 x 1.25 = 73 in tune and test, 48 in calibrate.
    big = [
        row(f"s{scan}-{number}", "sick", name=f"s{scan}-{number}", group=f"s{scan}") for scan in range(10) for number in range(30)
    ]
    small = [row(f"p{number}", "sick", name=f"p{number}") for number in range(90)]
    for seed in range(30):
        counts = Counter(cut(big + small, SplitSpec(seed=seed)))
        assert counts["tune"] <= 73
        assert counts["calibrate"] <= 48
        assert counts["test"] <= 73
        assert min(counts[split] for split in ("tune", "calibrate", "test")) >= 10
