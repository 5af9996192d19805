"""Probabilities, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.inference.calibration import decisions, entropy_bits, probabilities, probability, uncertainty


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


LOGS = np.log([1.0, 2.0, 5.0])


def test_classes_share_one_temperature_and_sum_to_one() -> None:
    assert probabilities(LOGS, "multiclass", (1.0,)).tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=1e-15)
    # T = 1/2 squares the odds: 1, 4, 25
    assert probabilities([LOGS, LOGS + 900], "multiclass", (0.5,))[1].tolist() == pytest.approx([1 / 30, 4 / 30, 25 / 30])


def test_findings_have_a_temperature_each() -> None:
    found = probabilities([[np.log(3.0), 2 * np.log(3.0), -np.log(3.0)]], "multilabel", (1.0, 2.0, 1.0))
    assert found.shape == (1, 3)
    assert found[0].tolist() == pytest.approx([0.75, 0.75, 0.25], abs=1e-15)


def test_one_output_is_the_probability_bit_for_bit() -> None:
    logits = np.linspace(-9, 9, 41)
    for kind in ("binary", "segmentation"):
        assert np.array_equal(probabilities(logits[:, None], kind, (1.7,))[:, 0], probability(logits, 1.7))


def test_decisions() -> None:
    assert decisions([0.2, 0.5, 0.3], "multiclass", (None,) * 3) == (False, True, False)
    assert decisions([0.4, 0.2, 0.4], "multiclass", (None,) * 3) == (True, False, False)
    assert decisions([0.2, 0.5, 0.9], "multilabel", (0.2, 0.6, None)) == (True, False, None)
    assert decisions([0.42], "binary", (0.42,)) == (True,)


def test_uncertainty_runs_from_sure_to_a_guess() -> None:
    assert uncertainty([0.25] * 4, "multiclass") == 1.0
    assert uncertainty([0.0, 1.0, 0.0, 0.0], "multiclass") == 0.0
    assert uncertainty([0.5, 0.5, 0.0, 0.0], "multiclass") == 0.5
    assert uncertainty([0.0, 0.25, 1.0], "multilabel") == pytest.approx(0.811278124459133, abs=1e-15)
    assert uncertainty([0.25], "binary") == entropy_bits(0.25)
