"""Non-inferiority by hand, on equal draws, and as often wrong as it may be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.gate_simulation import LIMIT, TRUTH, lucky, most, pair, passed
from radloop.statistics.bounds import perfect_area
from radloop.statistics.intervals import Interval, bootstrap, wilson
from radloop.statistics.paired import Judged, is_non_inferior, non_inferiority
from radloop.statistics.resamples import drawn, evaluate, presorted


def test_the_worse_bound_is_judged_against_the_margin() -> None:
    assert is_non_inferior("auroc", Interval(0.0, -0.019, 0.02), 0.02)
    assert not is_non_inferior("auroc", Interval(0.03, -0.02, 0.08), 0.02)
    assert is_non_inferior("brier", Interval(0.0, -0.5, 0.019), 0.02)
    assert not is_non_inferior("ece", Interval(-0.1, -0.3, 0.02), 0.02)


@pytest.mark.parametrize("metric", ["auroc", "brier"])
def test_what_is_not_known_is_a_no(metric: str) -> None:
    assert not is_non_inferior(metric, Interval(0.1, math.nan, math.nan), 0.5)


@pytest.mark.parametrize("margin", [-0.01, math.nan, math.inf])
def test_a_strange_margin_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        is_non_inferior("auroc", Interval(0.0, 0.0, 0.0), margin)


def test_both_models_see_the_same_draws() -> None:
    candidate, champion, labels, owner = pair(np.random.default_rng(1), 90, 0.02)
    found = non_inferiority(candidate, champion, labels, owner, {"auroc": 0.02, "sensitivity": 0.1}, draws=300, seed=4)
    weights = drawn(np.random.default_rng(4), 90, 300)
    for metric, each in found.items():
        numbers = []
        for model in (candidate, champion):
            scores = np.asarray(model.scores)
            cases = presorted(scores, labels, owner, 90, scores >= model.threshold)
            numbers.append([evaluate(cases, counts, [metric])[metric] for counts in (np.ones((90, 1)), weights)])
        value, draws = (mine - theirs for mine, theirs in zip(*numbers, strict=True))
        assert each.difference.value == pytest.approx(value[0], abs=1e-12)
        assert draws.min() <= each.difference.low <= np.quantile(draws, 0.1)  # a one-sided 95% bound
        assert np.quantile(draws, 0.9) <= each.difference.high <= draws.max()


def test_pairing_is_narrower_than_two_intervals() -> None:
    candidate, champion, labels, owner = pair(np.random.default_rng(2), 200, 0.0)
    found = non_inferiority(candidate, champion, labels, owner, {"auroc": 0.05}, draws=500, level=0.975)["auroc"].difference
    alone = [
        bootstrap(each.scores, labels, owner, threshold=0.5, draws=500, metrics=["auroc"])["auroc"]
        for each in (candidate, champion)
    ]
    apart = math.hypot(*(each.high - each.low for each in alone))
    assert found.high - found.low < 0.75 * apart


def test_the_same_model_is_non_inferior_only_where_enough_patients_say_so() -> None:
    # Nobody is called otherwise: of 20 positive patients Wilson leaves 16% open, of 200 less than 2%.
    for positives, expected in ((20, False), (200, True)):
        labels = np.repeat([1, 0], positives)
        model = Judged(np.linspace(1, 0, 2 * positives), 0.5)
        margins = {"sensitivity": 0.05, "auroc": 0.05}
        found = non_inferiority(model, model, labels, np.arange(2 * positives), margins, draws=100, level=0.975)
        assert found["sensitivity"].difference.low == pytest.approx(-wilson(0, positives).high, abs=1e-12)
        assert found["sensitivity"].non_inferior is expected
        assert found["auroc"].difference.low == pytest.approx(perfect_area(positives, 0.95) - 1, abs=1e-12)


def test_the_unknown_are_left_out_and_rates_need_thresholds() -> None:
    candidate, champion, labels, owner = pair(np.random.default_rng(3), 60, 0.0)
    unknown = labels.copy()
    unknown[:5] = math.nan
    found = non_inferiority(Judged(candidate.scores, None), champion, unknown, owner, {"auroc": 0.3, "ppv": 0.9}, draws=200)
    assert found["auroc"].non_inferior
    assert math.isnan(found["ppv"].difference.value)
    assert not found["ppv"].non_inferior


@pytest.mark.parametrize(
    ("change", "words"), [({"margins": {"auc": 0.1}}, "unknown metrics"), ({"level": 0.5}, "one-sided level")]
)
def test_strange_arguments_are_refused(change: dict[str, object], words: str) -> None:
    model = Judged([0.1, 0.9], 0.5)
    with pytest.raises(ValueError, match=words):
        non_inferiority(model, model, [0, 1], [1, 2], **({"margins": {"auroc": 0.1}} | change))  # type: ignore[arg-type]


def test_a_candidate_worse_by_the_margin_rarely_passes_and_an_equal_one_mostly() -> None:
    """The short form of `benchmarks/gate_simulation.py`."""
    worse, equal = (passed(loss, repetitions=150, draws=300, patients=200) for loss in (0.05, 0.0))
    for metric in worse:
        assert worse[metric] <= most(150) == 14  # 5% are 7.5
    assert equal["auroc"] >= 120


def test_luck_with_forty_patients_fails_and_four_thousand_pass() -> None:
    few, many = lucky(40, 20, 500), lucky(4000, 1, 500)
    assert few.value > TRUTH + 0.03
    assert few.low < LIMIT
    assert many.value == pytest.approx(TRUTH, abs=0.02)
    assert many.low >= LIMIT
