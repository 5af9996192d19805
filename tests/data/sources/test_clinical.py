"""Clinical values: typed, within limits, and never quoted."""

from __future__ import annotations

import pytest

from radloop.data.sources.clinical import read_clinical
from radloop.use_case import Clinical

TEMPERATURE = Clinical(column="temperature", unit="Cel", low=25, high=45)
SATURATION = Clinical(column="spo2", unit="%", low=0, high=100)
INTUBATED = Clinical(column="intubated", words={"Y": "yes", "N": "no"})
PLAIN = Clinical(column="crp", unit="mg/L")


@pytest.mark.parametrize(
    ("text", "value", "answer"),
    [
        ("38", TEMPERATURE, 38.0),
        ("39,1", TEMPERATURE, 39.1),
        (" 36.80 ", TEMPERATURE, 36.8),
        ("38.5 Cel", TEMPERATURE, 38.5),
        ("98%", SATURATION, 98.0),
        ("0,345", PLAIN, 0.345),
        (".5", PLAIN, 0.5),
        ("-3", PLAIN, -3.0),
        ("1.2e2", PLAIN, 120.0),
        ("Y", INTUBATED, "yes"),
        ("n", INTUBATED, "no"),
    ],
)
def test_values(text: str, value: Clinical, answer: float | str) -> None:
    assert read_clinical(text, value) == (answer, None)


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        ("38+", TEMPERATURE, "a bound"),
        ("91-92", SATURATION, "a range"),
        ("low 90s", SATURATION, "a decade"),
        ("101.3", TEMPERATURE, "outside its limits"),
        ("-99", TEMPERATURE, "outside its limits"),
        ("340", SATURATION, "outside its limits"),
        ("101.3 F", TEMPERATURE, "an unclear unit"),
        ("1,234", PLAIN, "an ambiguous comma"),
        ("-inf", PLAIN, "a bound"),
        ("1e999", PLAIN, "not a number"),
        ("?", PLAIN, "not a number"),
        ("?", INTUBATED, "not one of the words"),
        ("Not visible", INTUBATED, "not one of the words"),
    ],
)
def test_what_is_not_understood_is_unknown_with_a_reason(text: str, value: Clinical, note: str) -> None:
    assert read_clinical(text, value) == (None, note)


@pytest.mark.parametrize("value", [TEMPERATURE, INTUBATED])
@pytest.mark.parametrize("text", [None, "", " ", "nan", "N/A"])
def test_blanks_are_unknown_without_a_reason(text: str | None, value: Clinical) -> None:
    assert read_clinical(text, value) == (None, None)
