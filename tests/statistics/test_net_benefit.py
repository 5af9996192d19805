"""Decision curves by hand, and what must hold of any."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radloop.statistics.net_benefit import THRESHOLDS, decision_curve

SAID, LABELS = [0.1, 0.3, 0.5, 0.9], [0, 1, 0, 1]


def cohort(seed: int, patients: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return calibrated probabilities, labels and patients with two images each."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), 2)
    said = 1 / (1 + np.exp(-(rng.normal(size=patients)[owner] + rng.normal(size=owner.size) - 1)))
    return said, (rng.random(owner.size) < said).astype(int), owner


def test_by_hand() -> None:
    curve = decision_curve(SAID, LABELS, [1, 2, 3, 4], thresholds=[0.2, 0.5, 0.6], draws=50)
    # At 0.2 two true and one false positive of four: 2/4 - 1/4 * 1/4. At 0.5, which calls 0.5 positive: 1/4 - 1/4. At 0.6: 1/4.
    assert [each.value for each in curve.model] == pytest.approx([0.5 - 0.0625, 0.0, 0.25])
    # Everyone: 2/4 - 2/4 * odds of 1/4, 1, 3/2.
    assert [each.value for each in curve.treat_all] == pytest.approx([0.375, 0.0, -0.25])
    assert curve.treat_none == 0
    # Over the better of everyone and no one: everyone's 0.375 at 0.2, and no one's 0 from 0.5 on.
    assert [each.value for each in curve.gain] == pytest.approx([0.0625, 0.0, 0.25])


def test_thresholds_keep_their_order() -> None:
    rising, falling = (decision_curve(SAID, LABELS, [1, 2, 3, 4], thresholds=t, draws=50) for t in ([0.2, 0.6], [0.6, 0.2]))
    assert rising.model == falling.model[::-1]
    assert falling.thresholds == (0.6, 0.2)


def test_every_threshold_equals_the_plain_formula() -> None:
    said, labels, owner = cohort(1, 80)
    curve = decision_curve(said, labels, owner, draws=20)
    for threshold, each in zip(THRESHOLDS, curve.model, strict=True):
        called = said >= threshold
        plain = np.mean(called & (labels == 1)) - np.mean(called & (labels == 0)) * threshold / (1 - threshold)
        assert each.value == pytest.approx(plain, abs=1e-12)


def test_a_model_that_calls_everyone_is_treat_all() -> None:
    _, labels, owner = cohort(2, 60)
    curve = decision_curve(np.ones(120), labels, owner, thresholds=[0.1, 0.4], draws=200)
    assert curve.model == curve.treat_all
    assert [each.value for each in curve.gain] == pytest.approx([min(each.value, 0) for each in curve.treat_all])


def test_bands_hold_the_value_and_widen_where_patients_are_few() -> None:
    few, many = (decision_curve(*cohort(3, patients), thresholds=[0.3], draws=300) for patients in (50, 800))
    for curve in (few, many):
        assert curve.model[0].low < curve.model[0].value < curve.model[0].high
        assert curve.model[0].value > max(curve.treat_all[0].value, 0)  # calibrated, so better than both
    assert few.model[0].high - few.model[0].low > 3 * (many.model[0].high - many.model[0].low)


def test_the_band_of_treat_all_is_that_of_the_prevalence() -> None:
    labels = np.repeat([1, 0], [60, 140])
    curve = decision_curve(np.full(200, 0.5), labels, np.arange(200), thresholds=[0.2], draws=4000)
    # prevalence - (1 - prevalence) / 4 = 1.25 * prevalence - 0.25, and 0.3 +- 1.96 * sqrt(0.3 * 0.7 / 200) is 0.237 to 0.364.
    assert (curve.treat_all[0].low, curve.treat_all[0].high) == pytest.approx((0.046, 0.204), abs=0.012)


def test_without_cases_nothing_is_known() -> None:
    curve = decision_curve([], [], [], thresholds=[0.5], draws=10)
    assert all(math.isnan(number) for number in (curve.model[0].value, curve.model[0].low, curve.treat_all[0].value))


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1, math.nan])
def test_a_strange_threshold_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        decision_curve(SAID, LABELS, [1, 2, 3, 4], thresholds=[threshold])
