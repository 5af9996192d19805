"""The cohort is balanced, and its beginning does not depend on its length."""

from __future__ import annotations

from collections import Counter

import pytest

from radloop.data.phantoms.cohort import SMALLEST, Label, Phantom, draw_cohort
from radloop.data.phantoms.exposure import Site

SPLITS = ("train", "tune", "calibrate", "test")


@pytest.fixture(scope="module")
def cohort() -> list[Phantom]:
    # Four blocks of twenty patients with 27 images each: one round of every balance.
    return draw_cohort(108, 2026)


def test_a_smaller_cohort_is_the_beginning_of_a_larger_one(cohort: list[Phantom]) -> None:
    assert draw_cohort(61, 2026) == cohort[:61]
    assert draw_cohort(108, 2027) != cohort
    assert [phantom.index for phantom in cohort] == list(range(108))


def test_patients_are_cut_60_15_10_15(cohort: list[Phantom]) -> None:
    patients = {phantom.patient: phantom.split for phantom in cohort}
    assert Counter(patients.values()) == {"train": 48, "tune": 12, "calibrate": 8, "test": 12}
    assert all(patients[phantom.patient] == phantom.split for phantom in cohort)


def test_one_patient_in_four_has_several_images(cohort: list[Phantom]) -> None:
    visits = Counter(phantom.patient for phantom in cohort)
    # A block: nine of train once, two twice, one three times; six of the rest once, one twice, one three times.
    assert Counter(visits.values()) == {1: 60, 2: 12, 3: 8}


def test_sexes_and_labels_are_balanced_in_each_split(cohort: list[Phantom]) -> None:
    first = [phantom for phantom in cohort if phantom.visit == 0]
    counts = Counter((phantom.split, phantom.sex, phantom.opaque) for phantom in first)
    for sex in "FM":
        assert [counts[split, sex, True] for split in SPLITS] == [11, 3, 2, 3]
        assert [counts[split, sex, False] for split in SPLITS] == [13, 3, 2, 3]


@pytest.mark.parametrize("seed", range(40))
def test_the_smallest_cohort_has_both_labels_and_sexes_in_every_split(seed: int) -> None:
    smallest = draw_cohort(SMALLEST, seed)
    for split in SPLITS:
        part = [phantom for phantom in smallest if phantom.split == split]
        assert {phantom.sex for phantom in part} == {"F", "M"}
        assert {phantom.label for phantom in part} == {Label.NORMAL, Label.OPACITY}


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="n is 26, the least is 27"):
        draw_cohort(SMALLEST - 1, 2026)


def test_nothing_but_the_label_tells_the_label() -> None:
    large = draw_cohort(4320, 3)
    for opaque in (True, False):
        part = [phantom for phantom in large if phantom.opaque is opaque]
        assert 0.40 < len(part) / 4320 < 0.60
        assert 0.50 < sum(phantom.site is Site.A for phantom in part) / len(part) < 0.60
        assert 0.26 < sum(phantom.view == "AP" for phantom in part) / len(part) < 0.34
        assert 0.17 < sum(phantom.inverted for phantom in part) / len(part) < 0.23
        assert 0.46 < sum(phantom.sex == "F" for phantom in part) / len(part) < 0.54
        for low, high in ((18, 39), (40, 64), (65, 89)):
            assert 0.29 < sum(low <= phantom.age <= high for phantom in part) / len(part) < 0.38
