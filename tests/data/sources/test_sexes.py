"""Sex values: F, M, O, or unknown."""

from __future__ import annotations

import pytest

from radloop.data.sources.sexes import read_sex
from radloop.use_case import Sex, Source

DEFAULT = Source().sexes
CODES: dict[str, Sex] = {"0": "F", "1": "M"}


@pytest.mark.parametrize(
    ("text", "sex"),
    [("F", "F"), ("f", "F"), ("FEMALE", "F"), ("Woman", "F"), (" m ", "M"), ("Male", "M"), ("O", "O"), ("other", "O")],
)
@pytest.mark.parametrize("words", [DEFAULT, CODES])
def test_words_in_any_case(text: str, sex: Sex, words: dict[str, Sex]) -> None:
    assert read_sex(text, words) == sex


@pytest.mark.parametrize("text", [None, "", "?", "U", "unknown", "0", "1", "1.0", "W"])
def test_the_rest_is_unknown(text: str | None) -> None:
    assert read_sex(text, DEFAULT) is None


def test_codes_mean_what_the_use_case_says() -> None:
    assert [read_sex(text, CODES) for text in ("0", "1", "0.0", "1.0", "2")] == ["F", "M", "F", "M", None]
    assert read_sex("1", {"1": "F"}) == "F"
    assert read_sex("w", {"W": "F"}) == "F"
