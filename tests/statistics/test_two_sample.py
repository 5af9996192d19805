"""Two-sample tests against numbers worked by hand, SciPy's, and their own promise."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from radloop.statistics.two_sample import counts, kolmogorov, mmd, more, sequential_p


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_sequence_of_nulls_stops_at_enough_of_them() -> None:
    nulls = iter([0, 1, 0, 1, 1, 0])

    def draw(count: int) -> np.ndarray:
        return np.array([next(nulls) for _ in range(count)], dtype=float)

    # Besag and Clifford: the third exceedance is the fifth draw, h / l = 3 / 5.
    assert sequential_p(1.0, draw, most=6, enough=3) == (0.6, 5)
    # None of 199 as large: (0 + 1) / (199 + 1).
    assert sequential_p(1.0, np.zeros, most=199) == (0.005, 199)


def test_mmd_is_the_formula_and_its_p_value_the_share_of_relabellings() -> None:
    first, second = np.array([[0.0], [1.0], [2.0]]), np.array([[8.0], [9.0]])
    # Pooled squared distances: 1 4 64 81, 1 49 64, 36 49, 1; their median is (36 + 49) / 2 = 42.5.
    kernel = np.exp(-((np.concatenate([first, second]) - np.concatenate([first, second]).T) ** 2) / 42.5)

    def statistic(chosen: tuple[int, ...]) -> float:
        side = np.array([1 / 2 if place in chosen else -1 / 3 for place in range(5)])
        return float(side @ kernel @ side)

    # Of the ten ways to choose two of five, only the one that was seen is as large.
    every = [statistic(chosen) for chosen in combinations(range(5), 2)]
    found = mmd(first, second, rng=rng(), most=4000)
    assert found.statistic == pytest.approx(statistic((3, 4))) == pytest.approx(max(every))
    assert found.p == pytest.approx(0.1, abs=0.04)


def test_kolmogorov_is_scipy_s_statistic_and_names_the_column() -> None:
    first, second = rng(1).integers(0, 6, (40, 2)).astype(float), rng(2).integers(0, 6, (25, 2)).astype(float)
    second[:, 1] += 2
    found = kolmogorov(first, second, rng=rng(3))
    each = [stats.ks_2samp(first[:, column], second[:, column]).statistic for column in range(2)]
    assert found.statistic == pytest.approx(max(each)) and found.column == int(np.argmax(each)) == 1
    assert found.p == pytest.approx(stats.ks_2samp(first[:, 1], second[:, 1]).pvalue, abs=0.02)


def test_counts_are_pearson_s_and_its_p_value_fisher_s_where_there_are_two() -> None:
    found = counts([8, 2], [1, 5], rng=rng(), most=20_000)
    _, exact = stats.fisher_exact([[8, 2], [1, 5]])
    assert exact == pytest.approx((84 + 189 + 7) / 8008)  # C(9,3) C(7,7), C(9,8) C(7,2) and C(9,9) C(7,1) of C(16,10)
    assert found.p == pytest.approx(exact, abs=0.02)
    # 6 of 16: expected 3.375 and 2.625; (1 - 3.375)^2 / 3.375 + (5 - 2.625)^2 / 2.625.
    assert found.statistic == pytest.approx(2.375**2 / 3.375 + 2.375**2 / 2.625)
    assert counts([5, 5, 0], [5, 5, 0], rng=rng()).p == 1.0


def test_more_is_fisher_s_one_sided_test() -> None:
    # 3 of 4 against 0 of 4: C(4,3) C(4,0) / C(8,3) = 4 / 56.
    found = more((0, 4), (3, 4))
    assert (found.p, found.statistic) == (pytest.approx(4 / 56), 0.75)
    assert more((3, 4), (0, 4)).p == 1.0
    assert more((0, 5), (0, 5)).p == 1.0


@pytest.mark.parametrize("test", [mmd, kolmogorov])
def test_one_population_is_called_two_no_more_often_than_promised(test: object) -> None:
    """400 pairs from one heavy-tailed population with ties: at 5%, 20 are to be expected; 36 has a chance of 0.05%."""
    found = 0
    for seed in range(400):
        draw = np.round(rng(seed).standard_t(2, (50, 3)), 1)
        found += test(draw[:30], draw[30:], rng=rng(seed + 1000), most=99).p <= 0.05  # type: ignore[operator]
    assert 5 <= found < 36


def test_another_population_is_found_with_fifty() -> None:
    first, second = rng(1).normal(size=(100, 64)), rng(2).normal(0.4, 1, size=(50, 64))
    assert mmd(first, second, rng=rng()).p < 0.001


@pytest.mark.parametrize(
    ("test", "arguments"),
    [
        (mmd, ([[1.0]], [[1.0], [2.0]])),
        (mmd, ([[1.0], [float("nan")]], [[1.0], [2.0]])),
        (kolmogorov, ([[1.0, 2.0]], [[1.0]])),
        (counts, ([1, 2], [1, 2, 3])),
        (counts, ([0, 0], [1, 2])),
    ],
)
def test_what_cannot_be_compared(test: object, arguments: tuple[object, object]) -> None:
    with pytest.raises(ValueError, match=r"give|empty"):
        test(*arguments, rng=rng())  # type: ignore[operator]
    with pytest.raises(ValueError, match="between 0"):
        more((1, 0), (1, 2))
