"""Patients differ, keep their anatomy, and vary with sex and age."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from radloop.data.phantoms.anatomy import draw_anatomy


def mean(sex: str, age: int, part: str) -> float:
    return float(np.mean([asdict(draw_anatomy(1, patient, sex, age))[part] for patient in range(60)]))


def test_a_patient_keeps_the_anatomy() -> None:
    assert draw_anatomy(3, 5, "F", 40) == draw_anatomy(3, 5, "F", 40)
    assert draw_anatomy(3, 5, "F", 40) != draw_anatomy(3, 6, "F", 40)


def test_men_are_larger_and_have_no_breasts() -> None:
    assert mean("M", 40, "width") > mean("F", 40, "width") + 3
    assert mean("M", 40, "breast") == 0
    assert mean("F", 40, "breast") > 60


def test_bone_fades_and_calcium_gathers_with_age() -> None:
    assert mean("F", 85, "rib_contrast") < mean("F", 25, "rib_contrast") - 10
    assert mean("F", 85, "calcified") > mean("F", 25, "calcified") + 30


def test_patients_differ() -> None:
    drawn = [asdict(draw_anatomy(1, patient, "F", 50)) for patient in range(60)]
    for part in set(drawn[0]):
        assert len({anatomy[part] for anatomy in drawn}) >= 3, part
