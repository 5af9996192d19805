"""What the tests of alterations share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from readers import Reader
from readers import make_reader as make

from radloop.use_case import Policy


@pytest.fixture
def policy() -> Policy:
    """A policy of few draws."""
    rule = {"kind": "data_verdict", "name": "data"}
    return Policy.model_validate({"written": "2026-01-01", "draws": 200, "seed": 3, "rules": [rule]}, strict=False)


@pytest.fixture
def make_reader(tmp_path: Path) -> Callable[..., Reader]:
    """Return `readers.make_reader` for a temporary folder."""
    return partial(make, tmp_path)
