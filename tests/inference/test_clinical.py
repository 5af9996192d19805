"""Clinical values fill what the file does not say."""

from __future__ import annotations

from typing import Any

import pytest

from radloop.errors import InputError
from radloop.inference.clinical import check, complete, joined, missing, names_of, range_of
from tests.bundles import INPUTS, KINDS, make_facts, make_header

PLAIN, FUSED = make_facts(), make_facts(**KINDS["fusion"])


def test_unknowns_are_filled() -> None:
    header, warnings = complete(make_header(age=None, sex=None), {"age": 54.0, "sex": "M"})
    assert (header.age, header.sex, warnings) == (54.0, "M", ())


def test_the_file_wins_and_a_contradiction_is_a_warning() -> None:
    header, warnings = complete(make_header(age=40.0, sex="F"), {"age": 54.0, "sex": "M"})
    assert (header.age, header.sex) == (40.0, "F")
    assert [text.partition(":")[0] for text in warnings] == ["clinical_conflict"] * 2
    assert not complete(make_header(age=40.0, sex="F"), {"age": 40.4, "sex": "F"})[1]


@pytest.mark.parametrize("clinical", [None, {}, {"age": None}])
def test_nothing_given_changes_nothing(clinical: dict[str, Any] | None) -> None:
    assert complete(make_header(), check(clinical, PLAIN)) == (make_header(), ())


@pytest.mark.parametrize(
    ("clinical", "code", "hint"),
    [
        ({"agee": 3}, "unknown_clinical_value", "age"),
        ({"agee": None}, "unknown_clinical_value", "age"),
        ({"crp": 3}, "unknown_clinical_value", "age, sex"),
        ({"temperature": 38}, "unknown_clinical_value", "age, sex"),
        ({"age": "54"}, "invalid_clinical_value", "years"),
        ({"age": True}, "invalid_clinical_value", "years"),
        ({"age": float("nan")}, "invalid_clinical_value", "years"),
        ({"age": -1}, "invalid_clinical_value", "years"),
        ({"age": 10**400}, "invalid_clinical_value", "years"),
        ({"sex": "female"}, "invalid_clinical_value", '"F"'),
        ({"sex": ["F"]}, "invalid_clinical_value", '"F"'),
    ],
)
def test_errors(clinical: dict[str, Any], code: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        check(clinical, PLAIN)
    assert caught.value.code == code
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("clinical", "words", "hint"),
    [
        ({"temprature": 38}, "unknown clinical value 'temprature'", "did you mean 'temperature'?"),
        ({"temperature": 29.9}, "'temperature' is not a number from 30 to 45", "Cel"),
        ({"temperature": 1e300}, "'temperature' is not a number from 30 to 45", "Cel"),
        ({"temperature": "38"}, "'temperature' is not a number", "Cel"),
        ({"intubated": "maybe"}, "'intubated' is none of its words", '"no", "yes"'),
        ({"intubated": True}, "'intubated' is none of its words", '"no", "yes"'),
    ],
)
def test_a_models_own_values_are_checked(clinical: dict[str, Any], words: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        check(clinical, FUSED)
    assert words in caught.value.message and hint in caught.value.hint


def test_a_number_without_limits_is_still_one() -> None:
    free = make_facts(**KINDS["fusion"] | {"ranges": {}})
    assert check({"temperature": -5}, free) == {"temperature": -5.0}
    for value in (float("inf"), float("nan"), 10**400, 1e13):
        with pytest.raises(InputError, match="is not a number"):
            check({"temperature": value}, free)


def test_known_values_pass_and_nulls_are_left_out() -> None:
    given = {"age": 54, "sex": None, "temperature": 38, "intubated": "yes"}
    assert check(given, FUSED) == {"age": 54.0, "temperature": 38.0, "intubated": "yes"}
    assert names_of(FUSED) == ("age", "sex", "temperature", "intubated")
    limits = range_of(INPUTS[2], FUSED)
    assert (limits.unit, limits.low, limits.high) == ("Cel", 30.0, 45.0)


def test_the_network_gets_the_files_age_and_sex() -> None:
    values = {"age": 54.0, "temperature": 38.0}
    header, _ = complete(make_header(age=40.0, sex=None), values)
    assert joined(header, values) == {"age": 40.0, "sex": None, "temperature": 38.0}


def test_what_the_model_misses_is_named() -> None:
    (warning,) = missing(FUSED, {"age": 40.0, "sex": None, "temperature": 38.0})
    assert warning.startswith("unknown_clinical: not known: sex, intubated;")
    assert missing(FUSED, {"age": 40.0, "sex": "F", "temperature": 38.0, "intubated": "no"}) == ()
    assert missing(PLAIN, {}) == ()
