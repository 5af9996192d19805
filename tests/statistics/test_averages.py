"""Means over images whose patients are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radloop.statistics.averages import averages
from radloop.statistics.intervals import resample, wilson

NAN = math.nan


def test_the_unknown_do_not_count() -> None:
    measure = averages({"dice": [0.5, 1.0, NAN, 0.0], "location": [1, NAN, NAN, NAN]}, ["p", "p", "q", "r"])
    found = measure(np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 3.0], [1.0, 1.0, 0.0]]))
    # Drawn (1, 1, 1): 1.5 of 3. Drawn (2, 0, 1): 3 of 5. Drawn (0, 3, 0): only the unknown.
    np.testing.assert_array_equal(found[None, "dice"], [0.5, 0.6, NAN])
    np.testing.assert_array_equal(found[None, "location"], [1.0, 1.0, NAN])


def test_a_share_of_independent_patients_has_about_wilsons_interval() -> None:
    hits = np.repeat([1.0, 0.0], [70, 30])
    found = resample(averages({"location": hits}, np.arange(100)), 100, cases=100, draws=4000, seed=3)[None, "location"]
    expected = wilson(70, 100)
    assert found.value == 0.7
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=0.02), pytest.approx(expected.high, abs=0.02))


def test_images_of_one_patient_are_drawn_together() -> None:
    values = np.repeat([1.0, 0.0], 50)
    alone = resample(averages({"dice": values}, np.arange(100)), 100, cases=100, draws=500, seed=1)[None, "dice"]
    together = resample(averages({"dice": values}, np.repeat(np.arange(10), 10)), 10, cases=100, draws=500, seed=1)[None, "dice"]
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one number an image"):
        averages({"dice": [0.5]}, ["p", "q"])
