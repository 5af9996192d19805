"""The gate where the truth is known: the short form of `benchmarks/gate_simulation.py`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.gate_simulation import CHAMPION, most, pair, passed, policy
from radloop.evaluation.cases import Outputs
from radloop.governance.comparison import compare
from radloop.statistics.bounds import perfect_area
from radloop.statistics.discrimination import auroc, sensitivity
from radloop.statistics.intervals import wilson

RULE = {"kind": "data_verdict", "name": "any"}


def test_the_simulated_models_are_what_they_are_said_to_be() -> None:
    for (cases, outputs), lost in zip(pair(np.random.default_rng(1), 40_000, 0.05), (0.05, 0.0), strict=True):
        said, truth = cases.probabilities[:, 0], cases.truths[:, 0]
        assert auroc(said, truth) == pytest.approx(CHAMPION["auroc"] - lost, abs=0.004)
        assert sensitivity(said, truth, outputs.thresholds[0]) == pytest.approx(CHAMPION["sensitivity"] - lost, abs=0.006)


def test_pairing_is_narrower_than_two_intervals() -> None:
    (ours, new), (theirs, old) = pair(np.random.default_rng(2), 200, 0.0)
    alone = [compare(cases, cases, at, at, policy(500, 0, RULE))["champion"] for cases, at in ((ours, new), (theirs, old))]
    found = compare(ours, theirs, new, old, policy(500, 0, RULE))["difference"]["auroc"]
    apart = math.hypot(*(each["auroc"]["high"] - each["auroc"]["low"] for each in alone))
    assert found["high"] - found["low"] < 0.75 * apart


@pytest.mark.parametrize("positives", [20, 200])
def test_the_same_answers_keep_the_doubt_that_few_patients_leave(positives: int) -> None:
    # Nobody is called otherwise: of 20 positive patients Wilson leaves 16% open, of 200 less than 2%.
    ours, _ = pair(np.random.default_rng(3), 2 * positives, 0.0)[0]
    ours = ours.within(np.unique(ours.units, return_index=True)[1])
    said, truth = np.linspace(1, 0, 2 * positives)[:, None], np.repeat([1.0, 0.0], positives)[:, None]
    same = type(ours)(ours.frame, said, truth, ours.intended)
    at = Outputs("binary", ("disease",), (0.5,))
    found = compare(same, same, at, at, policy(200, 0, RULE))["difference"]
    assert found["sensitivity"]["low"] == pytest.approx(-wilson(0, positives).high, abs=1e-12)
    assert found["auroc"]["low"] == pytest.approx(perfect_area(positives, 0.95) - 1, abs=1e-12)


def test_a_candidate_worse_by_the_margin_rarely_passes_and_an_equal_one_mostly() -> None:
    worse, equal = (passed(loss, repetitions=100, draws=300, patients=200) for loss in (0.05, 0.0))
    for metric in worse:
        assert worse[metric] <= most(100) == 11  # 5% are 5
    assert equal["auroc"] >= 75
