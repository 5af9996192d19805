"""The planted effect has the size that its docstring states."""

from __future__ import annotations

from math import erf

import numpy as np

from radloop.data.phantoms.cohort import draw_cohort
from radloop.data.phantoms.temperature import DEVIATION, MISSING_PERCENT, NORMAL, SHIFT, temperature


def phi(z: float) -> float:
    return (1 + erf(z / 2**0.5)) / 2


def auroc(negative: np.ndarray, positive: np.ndarray) -> float:
    values = np.sort(negative)
    below = np.searchsorted(values, positive, side="left")
    ties = np.searchsorted(values, positive, side="right") - below
    return float((below + ties / 2).mean() / len(values))


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    cohort = draw_cohort(n, seed)
    words = [temperature(seed, phantom.index, opaque=phantom.opaque) for phantom in cohort]
    return np.array([phantom.opaque for phantom in cohort]), np.array([float(word or "nan") for word in words])


def test_means_spread_and_missing_share() -> None:
    opaque, degrees = drawn(8000, 3)
    known = ~np.isnan(degrees)
    for shown in (False, True):
        part = degrees[known & (opaque == shown)]
        # The standard error of a mean of 3000 is 0.4 / 55 = 0.007.
        assert abs(part.mean() - (NORMAL + SHIFT * shown) / 10) < 0.03
        assert abs(part.std() - DEVIATION / 10) < 0.02
        assert abs(known[opaque == shown].mean() - (1 - MISSING_PERCENT / 100)) < 0.025


def test_alone_it_tells_an_opacity_as_well_as_was_planted() -> None:
    opaque, degrees = drawn(8000, 4)
    known = ~np.isnan(degrees)
    assert round(phi(SHIFT / DEVIATION / 2**0.5), 3) == 0.856
    assert abs(auroc(degrees[known & ~opaque], degrees[known & opaque]) - 0.856) < 0.015
    middle = np.where(known, degrees, (NORMAL + SHIFT / 2) / 10)
    expected = 0.64 * phi(1.5 / 2**0.5) + 0.32 * phi(0.75) + 0.04 * 0.5
    assert round(expected, 3) == 0.815
    assert abs(auroc(middle[~opaque], middle[opaque]) - expected) < 0.015


def test_it_is_the_same_everywhere_and_shifted_as_a_whole() -> None:
    assert [temperature(2026, index, opaque=index != 2) for index in range(6)] == ["38.2", "36.9", "", "37.9", "37.7", "37.6"]
    pairs = [(temperature(9, index, opaque=False), temperature(9, index, opaque=True)) for index in range(200)]
    assert all((cold == "") == (warm == "") for cold, warm in pairs)
    assert {round(float(warm) - float(cold), 1) for cold, warm in pairs if cold} == {0.6}
