"""Levels and sentences of checks."""

from __future__ import annotations

import pytest
from validation.frames import use_case

from radloop.errors import ConfigError
from radloop.validation.check import LEVELS, Check, levels_of


def test_levels_have_defaults_and_the_yaml_overrides_them() -> None:
    levels = levels_of(use_case(validation={"levels": {"plausible_ages": "warn", "drift_sex": "stop"}}))
    assert (levels["plausible_ages"], levels["drift_sex"], levels["known_splits"]) == ("warn", "stop", "stop")
    assert levels.keys() == LEVELS.keys()


def test_leaks_stop_under_refuse_and_warn_under_drop_unless_the_yaml_says() -> None:
    assert levels_of(use_case())["leaks"] == "stop"
    assert levels_of(use_case(leakage={"policy": "drop"}))["leaks"] == "warn"
    assert levels_of(use_case(leakage={"policy": "drop"}, validation={"levels": {"leaks": "stop"}}))["leaks"] == "stop"


def test_a_mistyped_code_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="plausible_age'") as caught:
        levels_of(use_case(validation={"levels": {"plausible_age": "warn"}}))
    assert caught.value.code == "unknown_check"
    assert caught.value.hint == "did you mean 'plausible_ages'?"


@pytest.mark.parametrize(
    ("rows", "failing", "observed", "sentence"),
    [
        (("a", "b"), 2, None, "ages are plausible: 2 do not, a, b"),
        (("a", "b"), 9, None, "ages are plausible: 9 do not, a, b, ..."),
        ((), None, "12", "ages are plausible: no, seen 12"),
        (("a",), 1, "1 leak", "ages are plausible: no, seen 1 leak: a"),
        ((), None, None, "ages are plausible: no"),
    ],
)
def test_a_sentence_names_rows(rows: tuple[str, ...], failing: int | None, observed: str | None, sentence: str) -> None:
    check = Check("plausible_ages", "ages are plausible", "stop", False, rows, failing, observed)
    assert check.sentence() == sentence
    assert check.as_dict()["rows"] == list(rows)
