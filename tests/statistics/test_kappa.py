"""Cohen's kappa by hand, and beside scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from radloop.statistics.kappa import kappa


def of(first: list[int], second: list[int], count: int = 2) -> float:
    """Return kappa of answers of a patient each."""
    measure = kappa(first, second, list(range(len(first))), count=count)
    return float(measure(np.ones((len(first), 1)))["kappa"][0])


def test_by_hand() -> None:
    # Agree on 4 of 6; one says yes 4 times, the other twice: by chance 4/6 * 2/6 + 2/6 * 4/6 = 4/9. (2/3 - 4/9) / (5/9).
    assert of([1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0]) == pytest.approx(0.4)
    assert of([0, 1, 2, 0], [0, 1, 2, 0], 3) == 1
    assert of([0, 1], [1, 0]) == -1


def test_what_was_not_read_is_left_out() -> None:
    assert of([1, 1, 1, 1, 0, 0, -1, 1], [1, 1, 0, 0, 0, 0, 1, -1]) == pytest.approx(0.4)


def test_one_word_only_tells_nothing() -> None:
    assert math.isnan(of([1, 1, 1], [1, 1, 1]))
    assert math.isnan(of([-1, -1], [0, 1]))


def test_weights_are_copies_and_scikit_learn_agrees() -> None:
    rng = np.random.default_rng(1)
    first, second, owner = rng.integers(0, 4, 200), rng.integers(0, 4, 200), np.arange(200) % 60
    weights = rng.integers(0, 4, (60, 5)).astype(float)
    found = kappa(first, second, owner, count=4)(weights)["kappa"]
    expected = [cohen_kappa_score(first, second, sample_weight=weights[owner, k]) for k in range(5)]
    assert found == pytest.approx(expected)


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        kappa([0, 1], [0], [1, 2], count=2)
    with pytest.raises(ValueError, match="none of -1"):
        kappa([0, 2], [0, 1], [1, 2], count=2)
