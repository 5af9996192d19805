"""The challenger's pointer, and whose a request is."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from pydantic import ValidationError

from radloop.errors import IntegrityError
from radloop.inference.challenger import CHALLENGER, Challenger, read_challenger, remove_challenger, replace_challenger
from radloop.inference.pointer import Pointer, pointer_path, read_pointer, replace_pointer

FACTS = {"use_case": "tb-cxr", "bundle": f"sha256:{'a' * 64}", "version": 2, "since": "2026-11-22T09:00:00+00:00"}


def test_a_canary_has_a_share_and_a_shadow_has_none() -> None:
    assert Challenger(mode="shadow", **FACTS).share is None
    assert Challenger(mode="canary", share=0.25, **FACTS).share == 0.25
    for wrong in (
        {"mode": "shadow", "share": 0.1},
        {"mode": "canary"},
        {"mode": "canary", "share": 0.0},
        {"mode": "canary", "share": 1.0},
    ):
        with pytest.raises(ValidationError):
            Challenger.model_validate(FACTS | wrong)


def test_a_canary_takes_its_share_of_the_requests_and_always_the_same_ones() -> None:
    names = [uuid.UUID(int=number).hex for number in range(4000)]
    tenth, half = (Challenger(mode="canary", share=share, **FACTS) for share in (0.1, 0.5))
    taken = {name for name in names if tenth.takes(name)}
    # 4,000 draws of 0.1 have a standard deviation of 19.
    assert 340 < len(taken) < 460
    assert taken == {name for name in names if tenth.takes(name)}
    assert taken < {name for name in names if half.takes(name)}  # a larger share loses none that it had
    assert not any(Challenger(mode="shadow", **FACTS).takes(name) for name in names)


def test_it_stands_beside_the_champions_pointer_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    assert read_challenger(tmp_path, "tb-cxr") is None
    made = Challenger(mode="canary", share=0.1, **FACTS)
    champion = Pointer(use_case="tb-cxr", bundle=f"sha256:{'b' * 64}", version=1)
    replace_pointer(tmp_path, champion)
    replace_challenger(tmp_path, made)
    assert (read_challenger(tmp_path, "tb-cxr"), read_pointer(tmp_path, "tb-cxr")) == (made, champion)
    path = pointer_path(tmp_path, "tb-cxr", CHALLENGER)
    path.write_bytes(path.read_bytes().replace(b'"version":2', b'"version":0'))
    with pytest.raises(IntegrityError, match="tb-cxr/challenger does not name a bundle"):
        read_challenger(tmp_path, "tb-cxr")
    remove_challenger(tmp_path, "tb-cxr")
    assert (read_challenger(tmp_path, "tb-cxr"), read_pointer(tmp_path, "tb-cxr")) == (None, champion)
