"""What a model may be asked about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from radloop.errors import InadmissibleImage
from radloop.images.quality import Quality
from radloop.inference.admissibility import admit
from radloop.use_case import ImageSpec, IntendedUse
from tests.bundles import SIZE, make_facts, make_header

GOOD = Quality(black=0.1, saturated=0.0, contrast=0.8, sharpness=0.01, mean=0.5)
FRONTAL = make_facts(image=ImageSpec(modalities=("CR", "DX"), body_parts=("CHEST",), views=("PA", "AP"), size=SIZE))
BLANK = Quality(black=1.0, saturated=0.0, contrast=0.0, sharpness=0.0, mean=0.0)


@pytest.mark.parametrize(
    ("changes", "quality", "code"),
    [
        ({"modality": "CT"}, GOOD, "foreign_modality"),
        ({"body_part": "HAND"}, GOOD, "foreign_body_part"),
        ({"rows": 63}, GOOD, "too_small"),
        ({"columns": 63}, GOOD, "too_small"),
        ({"rows": 1537}, GOOD, "odd_shape"),
        ({"view": "LL"}, GOOD, "foreign_view"),
        ({}, BLANK, "blank_image"),
        ({}, replace(GOOD, black=0.951), "under_exposed"),
        ({}, replace(GOOD, saturated=0.51), "over_exposed"),
        ({"age": 17.99}, GOOD, "outside_intended_use"),
        ({"age": 101.0}, GOOD, "outside_intended_use"),
        ({"modality": "CT", "age": 3.0}, BLANK, "foreign_modality"),
    ],
)
def test_refusals(changes: dict[str, Any], quality: Quality, code: str) -> None:
    with pytest.raises(InadmissibleImage) as caught:
        admit(make_header(**changes), quality, FRONTAL)
    assert caught.value.code == code
    assert caught.value.hint


def test_what_lies_at_the_limits_is_admitted() -> None:
    edge = replace(GOOD, black=0.95, saturated=0.5)
    admit(make_header(rows=1536), edge, FRONTAL, 0.1)
    admit(make_header(view=None), edge, FRONTAL)
    admit(make_header(view="LL"), edge, make_facts())  # no view is named


def test_a_coloured_image_is_refused() -> None:
    with pytest.raises(InadmissibleImage) as caught:
        admit(make_header(), GOOD, FRONTAL, 0.11)
    assert (caught.value.code, caught.value.message[:27]) == ("colour_image", "11% of the image is coloure")


@pytest.mark.parametrize("age", [18.0, 100.0, 100.9])
def test_both_ends_of_the_age_range_are_inside(age: float) -> None:
    assert codes(age=age) == ["display_window"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"age": None}, ["unknown_age", "display_window"]),
        ({"age": float("nan")}, ["unknown_age", "display_window"]),
        ({"body_part": None}, ["unknown_origin", "display_window"]),
        ({"modality": None, "body_part": None, "format": "png"}, ["unknown_origin"]),
    ],
)
def test_what_is_unknown_is_admitted_with_a_warning(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(**changes) == expected


def test_without_an_age_range_an_unknown_age_is_no_matter() -> None:
    facts = make_facts(intended_use=IntendedUse(statement="Everybody."))
    assert not [text for text in admit(make_header(age=None), GOOD, facts) if text.startswith("unknown_age")]
    admit(make_header(age=3.0), GOOD, facts)


def test_a_synthetic_model_says_so() -> None:
    warnings = admit(make_header(), GOOD, make_facts(synthetic=True))
    assert warnings[0].startswith("synthetic_model: ")


def codes(**changes: Any) -> list[str]:
    return [text.partition(":")[0] for text in admit(make_header(**changes), GOOD, make_facts())]
