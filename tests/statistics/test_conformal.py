"""Conformal limits by hand, and the coverage that they promise."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.statistics.conformal import limits, sets


def two(ones: np.ndarray) -> np.ndarray:
    return np.stack([1 - ones, ones], axis=1)


def test_by_hand() -> None:
    # Of nine cases of a label nine tenths of ten are the ninth: the least probable of them. Of eight none is enough.
    ones = np.asarray([0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4, 0.35, 0.3, *[0.2] * 8])
    given = np.asarray([1] * 9 + [0] * 8)
    found = limits(two(ones), given, 0.9)
    assert found.tolist() == [0.0, 0.3]
    assert limits(two(ones), given, 0.5).tolist() == [pytest.approx(0.8), 0.5]  # the fifth of nine, the fifth of eight
    assert sets(two(np.asarray([0.29, 0.3])), found).tolist() == [[True, False], [True, True]]


def test_the_unknown_do_not_count() -> None:
    ones = np.linspace(0.1, 0.9, 9)
    assert limits(two(ones), np.asarray([1] * 9), 0.9).tolist() == [0.0, pytest.approx(0.1)]
    assert limits(two(ones), np.asarray([-1] * 9), 0.9).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_new_cases_of_each_label_are_covered(coverage: float) -> None:
    """400 times 40 cases to fit on and 200 to look at: the mean coverage is the agreed one or a little more, (m + 1) being whole."""
    rng = np.random.default_rng(5)
    covered: list[list[float]] = [[], []]
    for _ in range(400):
        truth = np.repeat([0, 1], 120)
        ones = 1 / (1 + np.exp(-(2.0 * truth - 1 + rng.normal(size=240))))
        fit = np.arange(240) % 120 < 20
        inside = sets(two(ones), limits(two(ones)[fit], truth[fit], coverage))
        for label in (0, 1):
            covered[label].append(float(inside[~fit & (truth == label), label].mean()))
    for shares in covered:
        assert coverage - 0.01 <= np.mean(shares) <= coverage + 1 / 21 + 0.01


@pytest.mark.parametrize("coverage", [0.0, 1.0, 1.5])
def test_a_strange_coverage_is_refused(coverage: float) -> None:
    with pytest.raises(ValueError, match="coverage"):
        limits([[0.5, 0.5]], [0], coverage)
