"""The coverage of prediction sets by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.coverage import judge_coverage
from radloop.inference.conformal import ConformalFacts
from radloop.use_case import Policy

POLICY = Policy.model_validate({"written": "2026-01-01", "draws": 200, "rules": ({"kind": "data_verdict", "name": "x"},)})
NAN = float("nan")


def cases(probabilities: list[list[float]], truths: list[list[float]], sexes: str) -> Cases:
    n = len(probabilities)
    sex = [None if word == "?" else word for word in sexes]
    frame = pd.DataFrame({"patient": [f"P{number}" for number in range(n)], "sex": pd.Series(sex, dtype=object)})
    return Cases(frame, np.asarray(probabilities), np.asarray(truths), np.ones(n, np.bool_))


def test_of_a_question_over_all_by_label_and_by_sex() -> None:
    # In the set: from 0.3 on the finding, up to 0.6 its absence.
    facts = ConformalFacts(coverage=0.9, present=(0.3,), absent=(0.4,), n=70)
    given = cases([[0.9], [0.5], [0.1], [0.2], [0.5], [0.8]], [[1], [1], [1], [0], [0], [0]], "FFMM?M")
    found = judge_coverage(given, Outputs("binary", ("mass",), (0.5,)), "none", facts, POLICY)
    assert (found.agreed, found.overall.images) == (0.9, 6)
    assert found.overall.covered.value == pytest.approx(4 / 6)
    assert found.overall.decided.value == pytest.approx(4 / 6)  # 0.5 leaves both open
    assert found.overall.right.value == pytest.approx(2 / 4)  # 0.9 and 0.2 are right, 0.1 and 0.8 are not
    assert (found.abstain, found.as_dict()["abstain"]) == (False, False)
    assert found.labels["mass"].covered.value == pytest.approx(2 / 3)
    assert found.labels["none"].covered.value == pytest.approx(2 / 3)
    shares = {word: (share.images, share.covered.value) for word, share in found.groups.items()}
    assert shares == {"F": (2, 1.0), "M": (3, pytest.approx(1 / 3)), "unknown": (1, 1.0)}
    assert found.overall.covered.low < 4 / 6 < found.overall.covered.high


def test_of_classes_and_of_findings() -> None:
    classes = ConformalFacts(coverage=0.9, present=(0.5, 0.2, 0.2), absent=(), n=70)
    given = cases([[0.6, 0.3, 0.1], [0.4, 0.5, 0.1], [0.1, 0.1, 0.8]], [[1, 0, 0], [1, 0, 0], [0, 0, 1]], "FFF")
    found = judge_coverage(given, Outputs("multiclass", ("a", "b", "c"), (None,) * 3), "", classes, POLICY)
    assert found.overall.covered.value == pytest.approx(2 / 3)
    assert found.overall.decided.value == pytest.approx(2 / 3)  # a and b; b; c
    assert found.overall.right.value == pytest.approx(1 / 2)
    assert {label: share.images for label, share in found.labels.items()} == {"a": 2, "b": 0, "c": 1}
    pairs = ConformalFacts(coverage=0.9, present=(0.5, 0.5), absent=(0.5, 0.2), n=70)
    given = cases([[0.6, 0.3], [0.6, 0.9]], [[1, NAN], [0, 0]], "FM")
    found = judge_coverage(given, Outputs("multilabel", ("x", "y"), (0.5, None)), "none", pairs, POLICY)
    assert found.overall.covered.value == pytest.approx(0.5)  # the first image whole; the second neither
    assert found.labels["x"].covered.value == pytest.approx(0.5)
    assert (found.labels["y"].images, found.labels["y"].covered.value) == (1, 0.0)
