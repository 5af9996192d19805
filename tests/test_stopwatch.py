"""Seconds are those inside, and errors do not hide them."""

from __future__ import annotations

import pytest

from radloop import stopwatch
from radloop.stopwatch import Stopwatch


def test_only_what_is_inside_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, moments = Stopwatch(), iter([10.0, 12.5, 20.0, 21.0])
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: next(moments))
    with clock:
        pass
    with pytest.raises(KeyError), clock:
        raise KeyError
    assert clock.seconds == 3.5
