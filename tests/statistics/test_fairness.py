"""Demographic parity and equalised odds by hand, and beside fairlearn."""

from __future__ import annotations

import math

import fairlearn.metrics as theirs
import numpy as np
import pytest
from sklearn.metrics import recall_score

from radloop.statistics import fairness
from radloop.statistics.fairness import GroupRates, group_rates

# F: of two positive cases one is called, of two negative none. M: of one positive one, of three negative two.
DECISIONS = [1, 0, 0, 0, 1, 1, 1, 0]
TRUTHS = [1, 1, 0, 0, 1, 0, 0, 0]
GROUPS = ["F", "F", "F", "F", "M", "M", "M", "M"]


def test_rates_by_hand() -> None:
    assert group_rates(DECISIONS, TRUTHS, GROUPS) == {"F": GroupRates(0.25, 0.5, 0.0), "M": GroupRates(0.75, 1.0, 2 / 3)}


def test_differences_and_ratios_by_hand() -> None:
    assert fairness.demographic_parity_difference(DECISIONS, GROUPS) == 0.5
    assert fairness.demographic_parity_ratio(DECISIONS, GROUPS) == pytest.approx(1 / 3)
    assert fairness.equalised_odds_difference(DECISIONS, TRUTHS, GROUPS) == pytest.approx(2 / 3)  # of false positive rates
    assert fairness.equalised_odds_ratio(DECISIONS, TRUTHS, GROUPS) == 0  # of false positive rates: 0 to 2/3


@pytest.mark.parametrize("seed", range(8))
def test_random_cases_equal_fairlearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, groups = 400, np.array(["18-39", "40-64", "65-120", "other"])[: 2 + seed % 3]
    group, truths = rng.choice(groups, n), rng.integers(0, 2, n)
    decisions = (rng.random(n) < 0.2 + 0.5 * truths + 0.1 * (group == groups[0])).astype(int)
    each = {"sensitive_features": group}
    ours = {
        "parity difference": fairness.demographic_parity_difference(decisions, group),
        "parity ratio": fairness.demographic_parity_ratio(decisions, group),
        "odds difference": fairness.equalised_odds_difference(decisions, truths, group),
        "odds ratio": fairness.equalised_odds_ratio(decisions, truths, group),
    }
    expected = {
        "parity difference": theirs.demographic_parity_difference(truths, decisions, **each),
        "parity ratio": theirs.demographic_parity_ratio(truths, decisions, **each),
        "odds difference": theirs.equalized_odds_difference(truths, decisions, **each),
        "odds ratio": theirs.equalized_odds_ratio(truths, decisions, **each),
    }
    assert ours == pytest.approx(expected, abs=1e-9)
    frame = theirs.MetricFrame(
        metrics={"selection": theirs.selection_rate, "sensitivity": recall_score, "false_positive": theirs.false_positive_rate},
        y_true=truths,
        y_pred=decisions,
        **each,
    ).by_group
    for word, rates in group_rates(decisions, truths, group).items():
        for name in ("selection", "sensitivity", "false_positive"):
            assert getattr(rates, name) == pytest.approx(frame.loc[word, name], abs=1e-9)


def test_one_group_is_compared_with_nobody() -> None:
    assert math.isnan(fairness.demographic_parity_difference([1, 0], ["F", "F"]))
    assert math.isnan(fairness.demographic_parity_ratio([1, 0], ["F", "F"]))
    assert math.isnan(fairness.equalised_odds_difference([1, 0], [1, 0], ["F", "F"]))
    assert math.isnan(fairness.demographic_parity_difference([], []))


def test_a_group_without_positive_cases_leaves_the_odds_unknown() -> None:
    decisions, truths, groups = [1, 0, 1, 0], [1, 0, 0, 0], ["F", "F", "M", "M"]
    assert math.isnan(group_rates(decisions, truths, groups)["M"].sensitivity)
    assert math.isnan(fairness.equalised_odds_difference(decisions, truths, groups))
    assert math.isnan(fairness.equalised_odds_ratio(decisions, truths, groups))
    assert fairness.demographic_parity_difference(decisions, groups) == 0


def test_nobody_selected_has_a_difference_but_no_ratio() -> None:
    assert fairness.demographic_parity_difference([0, 0], ["F", "M"]) == 0
    assert math.isnan(fairness.demographic_parity_ratio([0, 0], ["F", "M"]))
    # No false positive anywhere: the ratio of those rates is unknown, though sensitivities are 1 and 1.
    assert math.isnan(fairness.equalised_odds_ratio([1, 0, 1, 0], [1, 0, 1, 0], ["F", "F", "M", "M"]))


@pytest.mark.parametrize(
    ("decisions", "groups", "words"),
    [
        ([1, 0], ["F", None], "a group is unknown"),
        ([1, 0], ["F", ""], "a group is unknown"),
        ([1, 2], ["F", "M"], "decisions"),
        ([1], ["F", "M"], "decisions"),
    ],
)
def test_what_cannot_be_meant_is_refused(decisions: list[int], groups: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fairness.demographic_parity_difference(decisions, groups)
