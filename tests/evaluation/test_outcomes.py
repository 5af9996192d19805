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
from radloop.evaluation.outcomes import flips, outcomes
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
    assert found["same"].value == Interval(1.0, 1.0, 1.0)
    assert (found["same"].drop, found["same"].flips) == (Interval(0.0, 0.0, 0.0), 0.0)
    assert (found["blind"].value, found["blind"].drop) == (Interval(0.5, 0.5, 0.5), Interval(0.5, 0.5, 0.5))
    assert found["blind"].flips == 0.5  # all are called positive now
    assert found["turned"].drop == Interval(1.0, 1.0, 1.0)
    assert found["blind"].as_dict("auroc") == {
        "auroc": {"value": 0.5, "low": 0.5, "high": 0.5},
        "auroc_drop": {"value": 0.5, "low": 0.5, "high": 0.5},
        "flips": 0.5,
    }


def test_an_answer_among_classes_changes_once() -> None:
    before = said([0.8, 0.1, 0.1], [0.2, 0.5, 0.3])
    after = said([0.4, 0.3, 0.3], [0.2, 0.3, 0.5])
    assert flips(before, after, CLASSES) == 0.5


def test_a_finding_without_a_threshold_decides_nothing() -> None:
    before, after = said([0.9, 0.9], [0.1, 0.1], [0.1, 0.9]), said([0.4, 0.1], [0.2, 0.9], [0.5, 0.9])
    assert flips(before, after, FINDINGS) == pytest.approx(2 / 3)
    assert math.isnan(flips(before, after, replace(FINDINGS, thresholds=(None, None))))
