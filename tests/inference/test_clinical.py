"""Clinical values fill what the file does not say."""

from __future__ import annotations

from typing import Any

import pytest

from radloop.errors import InputError
from radloop.inference.clinical import complete
from tests.bundles import make_header


def test_unknowns_are_filled() -> None:
    header, warnings = complete(make_header(age=None, sex=None), {"age": 54, "sex": "M"})
    assert (header.age, header.sex, warnings) == (54.0, "M", ())


def test_the_file_wins_and_a_contradiction_is_a_warning() -> None:
    header, warnings = complete(make_header(age=40.0, sex="F"), {"age": 54, "sex": "M"})
    assert (header.age, header.sex) == (40.0, "F")
    assert [text.partition(":")[0] for text in warnings] == ["clinical_conflict"] * 2
    assert not complete(make_header(age=40.0, sex="F"), {"age": 40.4, "sex": "F"})[1]


@pytest.mark.parametrize("clinical", [None, {}, {"age": None}])
def test_nothing_given_changes_nothing(clinical: dict[str, Any] | None) -> None:
    assert complete(make_header(), clinical) == (make_header(), ())


@pytest.mark.parametrize(
    ("clinical", "code", "hint"),
    [
        ({"agee": 3}, "unknown_clinical_value", "age"),
        ({"agee": None}, "unknown_clinical_value", "age"),
        ({"crp": 3}, "unknown_clinical_value", "age, sex"),
        ({"age": "54"}, "invalid_clinical_value", "years"),
        ({"age": True}, "invalid_clinical_value", "years"),
        ({"age": float("nan")}, "invalid_clinical_value", "years"),
        ({"age": -1}, "invalid_clinical_value", "years"),
        ({"sex": "female"}, "invalid_clinical_value", '"F"'),
        ({"sex": ["F"]}, "invalid_clinical_value", '"F"'),
    ],
)
def test_errors(clinical: dict[str, Any], code: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        complete(make_header(), clinical)
    assert caught.value.code == code
    assert hint in caught.value.hint
