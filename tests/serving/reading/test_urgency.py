"""Which case is read first."""

from __future__ import annotations

import math
from typing import Any

import pytest

from radloop.serving.reading.urgency import by_urgency, urgency


def answer(*findings: tuple[float, float | None, bool | None], abstained: str | None = None) -> dict[str, Any]:
    members = ("probability", "threshold", "positive")
    return {"findings": [dict(zip(members, one, strict=True)) for one in findings], "abstained": abstained}


def test_positive_then_unsure_then_negative() -> None:
    cases = [
        answer((0.1, 0.5, False)),  # far below
        None,  # refused
        answer((0.6, 0.5, True)),
        answer((0.4, 0.5, False)),  # just below
        answer((0.3, 0.1, True)),  # odds 3/7 against 1/9: 3.86 times
        answer((0.9, 0.5, True), abstained="set: two labels"),
        answer((0.9, None, None)),  # no threshold is known
    ]
    # odds of 0.6 against those of 0.5: 1.5 times, so the third comes after the fifth
    assert by_urgency(cases) == [4, 2, 1, 5, 6, 3, 0]


def test_by_hand() -> None:
    kind, size = urgency(answer((0.3, 0.1, True), (0.2, 0.1, True)))
    assert kind == 0 and size == pytest.approx(-math.log((0.3 / 0.7) / (0.1 / 0.9)))


def test_certainty_is_finite() -> None:
    assert math.isfinite(urgency(answer((1.0, 0.5, True)))[1])
    assert math.isfinite(urgency(answer((0.0, 0.5, False)))[1])
