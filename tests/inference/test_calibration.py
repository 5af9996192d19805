"""Probabilities, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.inference.calibration import entropy_bits, probability


@pytest.mark.parametrize(
    ("logit", "temperature", "expected"),
    [(0.0, 2.0, 0.5), (np.log(3.0), 1.0, 0.75), (2 * np.log(3.0), 2.0, 0.75), (-np.log(3.0), 1.0, 0.25)],
)
def test_temperature(logit: float, temperature: float, expected: float) -> None:
    assert float(probability(logit, temperature)) == pytest.approx(expected, abs=1e-15)


def test_extremes_do_not_overflow() -> None:
    found = probability([-1e4, -40.0, 40.0, 1e4], 1.0)
    assert found.dtype == np.float64
    assert found.tolist() == pytest.approx([0.0, np.exp(-40.0), 1.0, 1.0], abs=1e-16)


@pytest.mark.parametrize(("share", "bits"), [(0.5, 1.0), (0.25, 0.811278124459133), (0.0, 0.0), (1.0, 0.0)])
def test_entropy(share: float, bits: float) -> None:
    assert entropy_bits(share) == pytest.approx(bits, abs=1e-15)
