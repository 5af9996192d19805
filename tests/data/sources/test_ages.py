"""Ages: what is a value, and what is unknown with which reason."""

from __future__ import annotations

import pytest

from radloop.data.sources.ages import read_age, read_age_string


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("45", 45.0),
        ("62", 62.0),
        (" 45.5 ", 45.5),
        ("45,5", 45.5),
        ("70.0", 70.0),
        ("0", 0.0),
        ("120", 120.0),
        ("045Y", 45.0),
        ("018M", 1.5),
        ("026W", 26 * 7 / 365.25),
        ("45Y", 45.0),
        ("45 years old", 45.0),
        ("18 months", 1.5),
        ("6 mo", 0.5),
        ("2 wks", 14 / 365.25),
    ],
)
def test_values(text: str, years: float) -> None:
    value, note = read_age(text)
    assert value == pytest.approx(years, abs=1e-12)
    assert note is None


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("50+", "a bound"),
        ("67+", "a bound"),
        (">89", "a bound"),
        ("over 80", "a bound"),
        ("early 40s", "a decade"),
        ("mid 50s", "a decade"),
        ("40-50", "a range"),
        ("40 to 50", "a range"),
        ("~60", "an estimate"),
        ("about 60", "an estimate"),
        ("60?", "an estimate"),
        ("adult", "not a number"),
        ("?", "not a number"),
        ("todo", "not a number"),
        ("28M", "an unclear unit"),
        ("28F", "an unclear unit"),
        ("-99", "impossible"),
        ("999", "impossible"),
        ("148", "impossible"),
        ("411Y", "impossible"),
        ("121", "impossible"),
        ("1e9", "impossible"),
    ],
)
def test_unknown_with_a_reason(text: str, note: str) -> None:
    assert read_age(text) == (None, note)


@pytest.mark.parametrize("text", [None, "", "  ", "NaN", "n/a", "unknown", "None", "-"])
def test_blanks_have_no_reason(text: str | None) -> None:
    assert read_age(text) == (None, None)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("040Y", (40.0, None)),
        ("018M", (1.5, None)),
        ("7Y", (7.0, None)),
        ("62", (None, "no unit")),
        ("411Y", (None, "impossible")),
        ("50+", (None, "a bound")),
        ("Smith", (None, "not a number")),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_age_strings_of_dicom_need_their_unit(text: str | None, answer: tuple[float | None, str | None]) -> None:
    assert read_age_string(text) == answer
