"""A defect changes what it must and nothing else."""

from __future__ import annotations

from collections import defaultdict

import pytest

from radloop.data.phantoms.cohort import SMALLEST, Label, Phantom, draw_cohort
from radloop.data.phantoms.defects import Defect, plant_defects
from radloop.data.phantoms.exposure import Site

SEED = 2026
N = 540


@pytest.fixture(scope="module")
def clean() -> list[Phantom]:
    return draw_cohort(N, SEED)


def changed(clean: list[Phantom], planted: list[Phantom]) -> dict[int, set[str]]:
    """Return the fields that differ of each image that differs."""
    names = Phantom.__dataclass_fields__
    differences = {
        old.index: {name for name in names if getattr(old, name) != getattr(new, name)}
        for old, new in zip(clean, planted, strict=True)
    }
    return {index: fields for index, fields in differences.items() if fields}


def straddling(cohort: list[Phantom]) -> set[int]:
    splits = defaultdict(set)
    for phantom in cohort:
        splits[phantom.patient].add(phantom.split)
    assert all(found in ({"train", "test"}, {next(iter(found))}) for found in splits.values())
    return {patient for patient, found in splits.items() if len(found) == 2}


def test_the_words_are_those_of_the_command_line() -> None:
    assert [str(defect) for defect in Defect] == [
        "corner-marker",
        "subgroup-label-noise",
        "patient-in-two-splits",
        "near-duplicates",
        "site-shift",
    ]


def test_without_a_defect_nothing_changes(clean: list[Phantom]) -> None:
    assert plant_defects(clean, (), SEED) == clean


def test_corner_marker_marks_the_opacities_and_nothing_else(clean: list[Phantom]) -> None:
    planted = plant_defects(clean, [Defect.CORNER_MARKER], SEED)
    assert all(phantom.marked == (phantom.label is Label.OPACITY) for phantom in planted)
    assert set().union(*changed(clean, planted).values()) == {"marked"}


def test_label_noise_turns_30_percent_of_the_women_opacities_in_train(clean: list[Phantom]) -> None:
    planted = plant_defects(clean, [Defect.SUBGROUP_LABEL_NOISE], SEED)
    positives = [phantom for phantom in clean if (phantom.split, phantom.sex, phantom.opaque) == ("train", "F", True)]
    differences = changed(clean, planted)
    assert len(differences) == (30 * len(positives) + 50) // 100
    assert set(differences) <= {phantom.index for phantom in positives}
    assert all(fields == {"label"} and planted[index].label is Label.NORMAL for index, fields in differences.items())


def test_patient_in_two_splits_moves_3_percent_of_the_patients(clean: list[Phantom]) -> None:
    # 540 images are 20 blocks of 20 patients: 3% of 400 is 12.
    planted = plant_defects(clean, [Defect.PATIENT_IN_TWO_SPLITS], SEED)
    assert straddling(clean) == set()
    assert len(straddling(planted)) == 12
    assert list(changed(clean, planted).values()) == [{"split"}] * 12


def test_near_duplicates_copy_train_images_of_others(clean: list[Phantom]) -> None:
    planted = plant_defects(clean, [Defect.NEAR_DUPLICATES], SEED)
    differences = changed(clean, planted)
    tests = sum(phantom.split == "test" for phantom in clean)
    assert len(differences) == (10 * tests + 50) // 100
    for index, fields in differences.items():
        copy = planted[index]
        assert fields <= {"copy_of", "view"}
        assert copy.copy_of is not None
        source = planted[copy.copy_of]
        assert (copy.split, source.split) == ("test", "train")
        assert copy.patient != source.patient
        assert (copy.sex, copy.opaque, copy.view) == (source.sex, source.opaque, source.view)


def test_site_shift_moves_everything_to_c(clean: list[Phantom]) -> None:
    planted = plant_defects(clean, [Defect.SITE_SHIFT], SEED)
    assert {phantom.site for phantom in planted} == {Site.C}
    assert set().union(*changed(clean, planted).values()) == {"site"}


def test_all_defects_combine(clean: list[Phantom]) -> None:
    alone = {defect: changed(clean, plant_defects(clean, [defect], SEED)) for defect in Defect}
    planted = plant_defects(clean, list(Defect), SEED)
    assert planted == plant_defects(clean, list(reversed(Defect)), SEED)
    assert {phantom.index for phantom in planted if phantom.copy_of is not None} == set(alone[Defect.NEAR_DUPLICATES])
    assert len(straddling(planted)) == 12
    assert {phantom.site for phantom in planted} == {Site.C}
    wrong = [phantom for phantom in planted if phantom.opaque and phantom.label is Label.NORMAL]
    assert wrong
    assert {(phantom.split, phantom.sex) for phantom in wrong} == {("train", "F")}
    assert all(phantom.marked == (phantom.label is Label.OPACITY) for phantom in planted)
    assert all(planted[phantom.copy_of].split == "train" for phantom in planted if phantom.copy_of is not None)


@pytest.mark.parametrize("seed", range(20))
def test_the_smallest_cohort_can_hold_every_defect(seed: int) -> None:
    clean = draw_cohort(SMALLEST, seed)
    for defect in Defect:
        assert changed(clean, plant_defects(clean, [defect], seed))
