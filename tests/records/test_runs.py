"""Runs: keys, attempts, stage results, the lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.errors import Refusal
from radloop.records.runs import locked, open_run


def test_an_unfinished_run_is_found_again_and_a_finished_one_is_followed_by_the_next(tmp_path: Path) -> None:
    first = open_run(tmp_path, {"seed": 1})
    first.store("search", {"trial": 2})
    again = open_run(tmp_path, {"seed": 1})
    assert again == first
    assert again.result("search") == {"trial": 2}
    assert again.result("package") is None
    again.finish()
    second = open_run(tmp_path, {"seed": 1})
    assert (second.key, second.attempt, second.result("search")) == (first.key, 2, None)


def test_another_question_is_another_key(tmp_path: Path) -> None:
    assert open_run(tmp_path, {"seed": 1}).key != open_run(tmp_path, {"seed": 2}).key


def test_a_use_case_retrains_once_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path / "tb-cxr"):
        with pytest.raises(Refusal) as caught, locked(tmp_path / "tb-cxr"):
            pass
        assert caught.value.code == "busy"
        with locked(tmp_path / "other"):
            pass
    with locked(tmp_path / "tb-cxr"):
        pass
