"""The policy's promise, on populations that are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from radloop.monitoring.drift import Sample, look
from radloop.monitoring.reference import Reference
from radloop.use_case import SIGNALS, Monitoring
from tests.monitoring.conftest import OWN, Population

POLICY = Monitoring()
Images = Mapping[str, NDArray[np.generic]]


def reference_of(images: Images) -> Reference:
    counts = {"sex": Counter(map(str, images["sex"])), "age_band": Counter(), "site": Counter()}
    return Reference(
        np.asarray(images["embeddings"], float),
        np.asarray(images["probabilities"], float),
        np.asarray(images["quality"], float),
        counts,
        (1, 100),
    )


def sample_of(images: Images, refused: int = 0) -> Sample:
    words = {"sex": list(map(str, images["sex"])), "age_band": [], "site": []}
    n = len(images["embeddings"])
    return Sample(
        np.asarray(images["embeddings"], float),
        np.asarray(images["probabilities"], float),
        np.asarray(images["quality"], float),
        words,
        (refused, n),
    )


def test_200_null_weeks_stay_within_the_budget() -> None:
    """Reference and week are drawn anew each time. Two are allowed; seven or more have a chance of 0.5% at the most that is promised."""
    alarms = 0
    for week in range(200):
        draws = np.random.default_rng(week)
        reference, sample = reference_of(OWN.draw(100, draws)), sample_of(OWN.draw(50, draws), refused=int(draws.random() < 0.5))
        alarms += any(item.alarm for item in look(reference, sample, ("tuberculosis",), POLICY, week))
    assert alarms <= 6


@pytest.mark.parametrize(
    ("there", "signal"),
    [
        (Population(embedding=0.6), "embedding"),
        (Population(grey=0.15), "quality"),
        (Population(score=5.0), "scores"),
        (Population(female=0.05), "sex"),
    ],
)
def test_nine_of_ten_changes_are_found_in_one_window_and_named(there: Population, signal: str) -> None:
    found = Counter[str]()
    for week in range(20):
        draws = np.random.default_rng(week)
        judged = look(reference_of(OWN.draw(100, draws)), sample_of(there.draw(50, draws)), ("tuberculosis",), POLICY, week)
        found.update(item.signal for item in judged if item.alarm)
    assert found[signal] >= 18 and sum(found.values()) - found[signal] <= 2


def test_each_signal_has_its_share_of_the_budget_and_the_same_look_the_same_numbers() -> None:
    draws = np.random.default_rng(1)
    reference, sample = reference_of(OWN.draw(100, draws)), sample_of(OWN.draw(50, draws))
    first = look(reference, sample, ("tuberculosis",), POLICY, 5)
    assert [item.signal for item in first] == list(SIGNALS) and {item.limit for item in first} == {POLICY.false_alarms / 7}
    assert look(reference, sample, ("tuberculosis",), POLICY, 5) == first
    two = Monitoring(signals=("quality", "sex"), false_alarms=0.02)
    assert [(item.signal, item.limit) for item in look(reference, sample, ("x",), two, 5)] == [("quality", 0.01), ("sex", 0.01)]


def test_what_cannot_be_judged_is_unknown_and_says_why() -> None:
    draws = np.random.default_rng(1)
    old = Reference(np.zeros((5, 16)), np.zeros((5, 1)), None, {}, None)
    judged = {item.signal: item for item in look(old, sample_of(OWN.draw(50, draws)), ("x",), POLICY, 5)}
    assert all(item.p is None and not item.alarm for item in judged.values())
    assert judged["embedding"].says == "the reference has 5, at least 15 are needed"
    assert "package again" in judged["quality"].says and "package again" in judged["refusals"].says
