"""One temperature for several classes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radloop.statistics.calibration import TEMPERATURES, fit_temperature
from radloop.statistics.softmax_temperature import fit_softmax_temperature


def test_probabilities_become_the_shares_that_are_seen() -> None:
    # Class 0 is right in 4 of 6 cases, the others in 1 each: wanted are odds of 4 to 1, logits give odds of 2 to 1.
    logits = np.tile([np.log(2.0), 0.0, 0.0], (6, 1))
    found = fit_softmax_temperature(logits, [0, 0, 0, 0, 1, 2])
    assert found.value == pytest.approx(0.5, abs=1e-12)
    assert (found.fitted, found.at_bound) == (True, False)
    # mean of -log of 1/2, 1/4 before; of 4/6, 1/6 after
    assert found.nll_before == pytest.approx((4 * np.log(2) + 2 * np.log(4)) / 6)
    assert found.nll_after == pytest.approx((4 * np.log(6 / 4) + 2 * np.log(6)) / 6)


def test_two_classes_agree_with_the_binary_fit() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    z = 3 * (labels - 0.5) + random.normal(size=200) * 3
    found = fit_softmax_temperature(np.stack([np.zeros(200), z], axis=1), labels)
    assert found.value == pytest.approx(fit_temperature(z, labels).value, rel=1e-9)


def test_a_shift_of_a_case_changes_nothing() -> None:
    random = np.random.default_rng(1)
    logits, classes = random.normal(size=(50, 4)), random.integers(0, 4, 50)
    shifted = logits + 1e4 * random.normal(size=(50, 1))
    assert fit_softmax_temperature(shifted, classes).value == pytest.approx(
        fit_softmax_temperature(logits, classes).value, rel=1e-6
    )


def test_reversed_scores_stop_at_a_bound() -> None:
    found = fit_softmax_temperature(-5 * np.eye(3), [0, 1, 2])
    assert (found.value, found.fitted, found.at_bound, found.separable) == (TEMPERATURES[1], True, True, False)


def test_separable_scores_are_fitted_to_targets() -> None:
    # One case of each of three classes: 2/4 for its own. softmax(5 / T, 0, 0) gives e / (e + 2) = 1/2 at 5 / T = ln 2.
    found = fit_softmax_temperature(5 * np.eye(3), [0, 1, 2])
    assert found.value == pytest.approx(5 / math.log(2), rel=1e-12)
    assert (found.fitted, found.at_bound, found.separable) == (True, False, True)
    two = fit_softmax_temperature([[0.0, 1.0], [0.0, -1.0], [0.0, 2.0]], [1, 0, 1])
    assert two.value == pytest.approx(fit_temperature([1.0, -1.0, 2.0], [1, 0, 1]).value, rel=1e-9)


@pytest.mark.parametrize(
    ("logits", "classes"), [(np.eye(3), [1, 1, 1]), (np.full((3, 3), 7.0), [0, 1, 2]), (np.zeros((0, 3)), [])]
)
def test_what_cannot_be_told_is_one(logits: np.ndarray, classes: list[int]) -> None:
    found = fit_softmax_temperature(logits, np.asarray(classes, np.int64))
    assert (found.value, found.fitted) == (1.0, False)


@pytest.mark.parametrize(
    ("logits", "classes", "words"),
    [
        (np.zeros(3), [0, 1, 2], "shape"),
        (np.zeros((3, 1)), [0, 0, 0], "shape"),
        ([[0.0, np.nan]], [0], "NaN"),
        (np.zeros((2, 2)), [0], "classes"),
        (np.zeros((2, 2)), [0, 2], "from 0 to 2"),
        (np.zeros((2, 2)), [-1, 0], "from -1"),
        (np.zeros((2, 2)), [0.0, 1.0], "whole numbers"),
    ],
)
def test_what_cannot_be_meant_is_refused(logits: object, classes: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit_softmax_temperature(logits, classes)  # type: ignore[arg-type]
