"""Quarantine: every rule alone, off, at its limit, and all of them in their order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from radloop.images.header import Header
from radloop.images.quality import Quality
from radloop.images.quarantine import quarantine
from radloop.use_case import Quarantine

GOOD = Quality(black=0.1, saturated=0.01, contrast=0.8, sharpness=0.01, mean=0.5, border=0.05, marker=0.0)
HEADER = Header(format="png", rows=256, columns=256, bits=8)
RULES = Quarantine(max_black=0.9, max_saturated=0.9, min_contrast=0.1, min_sharpness=0.001, max_border=0.5)


def test_a_good_image_passes() -> None:
    assert quarantine(GOOD, False, HEADER, RULES) is None


@pytest.mark.parametrize(
    ("name", "limit", "beyond", "off"),
    [
        ("black", 0.9, 0.91, "max_black"),
        ("saturated", 0.9, 0.91, "max_saturated"),
        ("contrast", 0.1, 0.09, "min_contrast"),
        ("sharpness", 0.001, 0.0009, "min_sharpness"),
        ("border", 0.5, 0.51, "max_border"),
    ],
)
def test_a_rule_breaks_beyond_its_limit_and_can_be_switched_off(name: str, limit: float, beyond: float, off: str) -> None:
    at: dict[str, Any] = {name: limit}
    past: dict[str, Any] = {name: beyond}
    assert quarantine(replace(GOOD, **at), False, HEADER, RULES) is None
    assert quarantine(replace(GOOD, **past), False, HEADER, RULES) == f"quarantine:{name}"
    assert quarantine(replace(GOOD, **past), False, HEADER, RULES.model_copy(update={off: None})) is None


@pytest.mark.parametrize(
    ("text", "says", "expected"),
    [
        (False, None, None),
        (False, False, None),
        (False, True, "quarantine:text"),
        (True, None, "quarantine:text"),
        (True, False, "quarantine:text"),
    ],
)
def test_text_counts_from_the_pixels_and_from_the_header(text: bool, says: bool | None, expected: str | None) -> None:
    header = replace(HEADER, burned_in=says)
    assert quarantine(GOOD, text, header, RULES) == expected
    assert quarantine(GOOD, text, header, RULES.model_copy(update={"burned_in_text": False})) is None


def test_broken_rules_are_named_in_one_order() -> None:
    awful = Quality(black=1.0, saturated=1.0, contrast=0.0, sharpness=0.0, mean=0.0, border=1.0, marker=0.0)
    assert quarantine(awful, True, HEADER, RULES) == "quarantine:black,saturated,contrast,sharpness,border,text"
