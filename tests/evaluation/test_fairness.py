"""Fairness: which groups count, what several labels share, and who fares worst, worked by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.fairness import judge_fairness
from radloop.use_case import Policy

BINARY = Outputs("binary", ("opacity",), (0.5,))
CLASSES = Outputs("multiclass", ("a", "b"), (None, None))
FINDINGS = Outputs("multilabel", ("mass", "nodule"), (0.5, 0.5))
NOTHING = {"difference": None, "ratio": None}


def cases(sexes: list[str | None], truth: list[float], said: list[float]) -> Cases:
    """Return one image a patient."""
    n = len(sexes)
    same = {name: [None] * n for name in ("age_band", "site", "view", "device")}
    frame = pd.DataFrame({"patient": [f"P{number}" for number in range(n)], "sex": sexes, **same})
    return Cases(frame, np.array(said)[:, None], np.array(truth)[:, None], np.ones(n, np.bool_))


def one() -> Cases:
    """Return ten women, twelve men, ten of unknown sex and four others.

    Women: 5 of 5 found, 1 of 5 called wrongly. Men: 3 of 6 found, 0 of 6. Unknown: 4 of 5 found, 1 of 5.
    """
    sexes: list[str | None] = ["F"] * 10 + ["M"] * 12 + [None] * 10 + ["O"] * 4
    truth = [1.0] * 5 + [0.0] * 5 + [1.0] * 6 + [0.0] * 6 + [1.0] * 5 + [0.0] * 5 + [1.0] * 4
    called = [1] * 5 + [1, 0, 0, 0, 0] + [1, 1, 1, 0, 0, 0] + [0] * 6 + [1, 1, 1, 1, 0] + [1, 0, 0, 0, 0] + [0] * 4
    return cases(sexes, truth, [0.9 if call else 0.1 for call in called])


def document(given: Cases, outputs: Outputs, policy: Policy, judged: tuple[bool, ...] = (True,)) -> dict[str, Any]:
    """Return the fairness by sex as JSON."""
    found = judge_fairness(given, outputs, judged, policy)
    assert set(found) == {"sex", "age_band", "site", "view", "device"}
    sex: dict[str, Any] = json.loads(json.dumps(found["sex"].as_dict(), allow_nan=False))
    return sex


def test_groups_that_are_large_enough_are_compared(policy: Policy) -> None:
    found = document(one(), BINARY, policy)
    assert found["groups"] == ["F", "M", "unknown"]  # O has four images
    # Called positive: 6 of 10, 3 of 12, 5 of 10.
    assert found["selection_rate"] == {"difference": pytest.approx(0.6 - 0.25), "ratio": pytest.approx(0.25 / 0.6)}
    # Sensitivity 1, 0.5, 0.8; false alarms 0.2, 0, 0.2.
    assert found["equalised_odds"] == {"difference": pytest.approx(0.5), "ratio": 0.0}
    worst = found["worst"]
    assert (worst["metric"], worst["value"], worst["number"]["value"]) == ("sensitivity", "M", 0.5)
    assert 0 <= worst["number"]["low"] < 0.5 < worst["number"]["high"] <= 1


def test_the_worst_group_needs_only_positive_images(policy: Policy) -> None:
    given = one()
    more = cases([*given.frame["sex"], "O"], [*given.truths[:, 0], 1.0], [*given.probabilities[:, 0], 0.9])
    found = document(more, BINARY, policy)
    assert found["groups"] == ["F", "M", "unknown"]
    assert (found["worst"]["value"], found["worst"]["number"]["value"]) == ("O", 0.2)


def test_what_cannot_be_computed_is_null(policy: Policy) -> None:
    nobody = document(one().within(np.zeros(36, np.bool_)), BINARY, policy)
    assert nobody == {"groups": [], "selection_rate": NOTHING, "equalised_odds": NOTHING, "worst": None}
    women = document(one().within(np.arange(36) < 10), BINARY, policy)
    assert (women["groups"], women["selection_rate"], women["worst"]["value"]) == (["F"], NOTHING, "F")
    undecided = document(one(), replace(BINARY, thresholds=(None,)), policy)
    assert undecided == {
        "groups": ["F", "M", "unknown"],
        "selection_rate": NOTHING,
        "equalised_odds": NOTHING,
        "worst": None,
    }


def test_of_findings_it_is_the_mean_over_those_judged(policy: Policy) -> None:
    given = one()
    twice = replace(
        given,
        probabilities=np.hstack([given.probabilities, given.truths * 0.8 + 0.1]),
        truths=np.hstack([given.truths, given.truths]),
    )
    found = document(twice, FINDINGS, policy, (True, True))
    # The second finding is always called rightly: 0.5 of women, men and unknown alike.
    assert found["selection_rate"]["difference"] == pytest.approx((0.35 + 0) / 2)
    assert found["equalised_odds"]["difference"] == pytest.approx((0.5 + 0) / 2)
    assert found["worst"]["number"]["value"] == pytest.approx((0.5 + 1) / 2)
    first = document(twice, FINDINGS, policy, (True, False))
    assert first["selection_rate"] == document(given, BINARY, policy)["selection_rate"]


def test_a_class_is_called_when_it_is_the_most_probable(policy: Policy) -> None:
    given = one()
    both = replace(
        given,
        probabilities=np.hstack([given.probabilities, 1 - given.probabilities]),
        truths=np.hstack([given.truths, 1 - given.truths]),
    )
    found = document(both, CLASSES, policy, (True, True))
    # Of two classes, one's share is what the other lacks.
    assert found["selection_rate"]["difference"] == pytest.approx(0.35)
    assert found["worst"]["value"] == "M"
