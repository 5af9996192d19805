"""What alterations do, worked by hand: what is left, what is lost, and which decisions change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from readers import MIDDLE, Reader

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.outcomes import Outcome, flips, outcomes
from radloop.statistics.intervals import Interval
from radloop.use_case import Policy

CLASSES = Outputs("multiclass", ("a", "b", "c"), (None, None, None))
FINDINGS = Outputs("multilabel", ("a", "b"), (0.5, None))


def said(*rows: list[float]) -> Cases:
    """Return cases with these probabilities."""
    frame = pd.DataFrame({"patient": [f"P{number}" for number in range(len(rows))]})
    return Cases(frame, np.array(rows), np.zeros((len(rows), len(rows[0]))), np.ones(len(rows), np.bool_))


def test_what_is_lost_is_paired(make_reader: Callable[..., Reader], policy: Policy) -> None:
    sample = make_reader(MIDDLE).sample(policy)
    worse = replace(sample.cases, probabilities=np.full((40, 1), 0.9))
    turned = replace(sample.cases, probabilities=1 - sample.cases.probabilities)
    found = outcomes(sample, {"same": sample.cases, "blind": worse, "turned": turned})
    assert (found["same"].value.value, found["same"].drop.value, found["same"].flips) == (1, 0, 0)
    assert (found["blind"].value.value, found["blind"].drop.value) == (0.5, 0.5)
    assert found["blind"].flips == 0.5  # all are called positive now
    assert found["turned"].drop.value == 1
    assert found["blind"].drop.low <= 0.5 <= found["blind"].drop.high


def test_an_outcome_is_named_by_its_metric() -> None:
    outcome = Outcome(Interval(0.5, 0.4, 0.6), Interval(0.3, 0.2, math.nan), math.nan)
    assert outcome.as_dict("dice") == {
        "dice": {"value": 0.5, "low": 0.4, "high": 0.6},
        "dice_drop": {"value": 0.3, "low": 0.2, "high": None},
        "flips": None,
    }


def test_an_answer_among_classes_changes_once() -> None:
    before = said([0.8, 0.1, 0.1], [0.2, 0.5, 0.3])
    after = said([0.4, 0.3, 0.3], [0.2, 0.3, 0.5])
    assert flips(before, after, CLASSES) == 0.5


def test_a_finding_without_a_threshold_decides_nothing() -> None:
    before, after = said([0.9, 0.9], [0.1, 0.1], [0.1, 0.9]), said([0.4, 0.1], [0.2, 0.9], [0.5, 0.9])
    assert flips(before, after, FINDINGS) == pytest.approx(2 / 3)
    assert math.isnan(flips(before, after, replace(FINDINGS, thresholds=(None, None))))
