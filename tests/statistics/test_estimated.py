"""Performance without labels, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radloop.statistics.estimated import Expected, expected


def test_each_case_counts_with_its_probability() -> None:
    found = expected([0.9, 0.6, 0.3, 0.1], [True, True, False, False])
    assert (found.found, found.missed) == (pytest.approx(1.5), pytest.approx(0.4))
    assert (found.alarms, found.passed) == (pytest.approx(0.5), pytest.approx(1.6))
    metrics = found.metrics()
    assert metrics["sensitivity"] == pytest.approx(1.5 / 1.9) and metrics["specificity"] == pytest.approx(1.6 / 2.1)
    assert metrics["ppv"] == pytest.approx(0.75) and metrics["npv"] == pytest.approx(0.8)
    assert metrics["prevalence"] == pytest.approx(1.9 / 4)
    parts = expected([0.9], [True]) + expected([0.6, 0.3, 0.1], [True, False, False])
    assert parts.metrics() == pytest.approx(metrics)


def test_nothing_is_unknown() -> None:
    assert math.isnan(Expected().metrics()["sensitivity"])


def test_it_is_the_truth_where_calibration_holds() -> None:
    draws = np.random.default_rng(1)
    chances = draws.beta(0.5, 0.5, 50_000)
    truth, called = draws.random(50_000) < chances, chances >= 0.3
    found = expected(chances, called).metrics()
    assert found["sensitivity"] == pytest.approx((truth & called).sum() / truth.sum(), abs=0.01)
    assert found["specificity"] == pytest.approx((~truth & ~called).sum() / (~truth).sum(), abs=0.01)
