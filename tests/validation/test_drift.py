"""The population stability index, by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from radloop.validation.drift import QUALITY_EDGES, distribution, stability_index


def test_words_are_counted_and_unknown_is_a_word() -> None:
    assert distribution(pd.Series(["F", "M", None, "F", float("nan")])) == {"F": 2, "M": 1, "unknown": 2}


def test_a_number_on_an_edge_belongs_to_the_upper_bin() -> None:
    values = pd.Series([0.05, 0.1, 0.15, 0.2, float("nan")])
    assert distribution(values, (0.1, 0.2)) == {"..0.1": 1, "0.1..0.2": 2, "0.2..": 1, "unknown": 1}


def test_the_index_of_two_halves_that_became_a_quarter_and_three() -> None:
    # shares (0.5, 0.5) to (0.25, 0.75): -0.25 ln 0.5 + 0.25 ln 1.5 = 0.25 ln 3 = 0.27465
    assert stability_index({"F": 10, "M": 10}, {"F": 5, "M": 15}) == pytest.approx(0.25 * math.log(3))


def test_the_index_counts_shares_and_is_the_same_both_ways() -> None:
    before, after = {"F": 30, "M": 10}, {"F": 2, "M": 6}
    assert stability_index(before, {"F": 300, "M": 100}) == 0.0
    assert stability_index(before, after) == pytest.approx(stability_index(after, before))


def test_a_new_word_counts_as_one_in_ten_thousand_before() -> None:
    # A: 1 to 0.5 gives -0.5 ln 0.5; B: 0.0001 to 0.5 gives 0.4999 ln 5000
    expected = 0.5 * math.log(2) + 0.4999 * math.log(5000)
    assert stability_index({"A": 8}, {"A": 4, "B": 4}) == pytest.approx(expected)


def test_nothing_cannot_be_compared() -> None:
    assert math.isnan(stability_index({"F": 3}, {"unknown": 0}))
    assert math.isnan(stability_index({}, {}))


def test_words_that_neither_side_has_count_nothing() -> None:
    assert stability_index({"F": 4, "unknown": 0}, {"F": 9, "unknown": 0}) == 0.0


@pytest.mark.parametrize("name", list(QUALITY_EDGES))
def test_edges_ascend(name: str) -> None:
    assert list(QUALITY_EDGES[name]) == sorted(set(QUALITY_EDGES[name]))
