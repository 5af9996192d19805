"""Temperatures and thresholds, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from radloop.errors import Refusal
from radloop.packaging.fitting import MIN_POSITIVES, fit, fit_conformal, fit_groups
from radloop.statistics.calibration import TEMPERATURES, fit_temperature
from radloop.use_case import Conformal, CostPolicy, FixedThreshold, Mitigation, TargetSensitivity, Youden
from tests.packaging.cases import CASES

NAN = np.nan


def column(values: list[float]) -> np.ndarray:
    return np.asarray(values, np.float64)[:, None]


def test_a_yes_or_no_question_has_one_of_each() -> None:
    # odds of 3 to 1 on either side, right 3 times of 4: the temperature that says 0.75 is 1
    z = np.log(3.0)
    logits, truths = column([z, z, z, z, -z, -z, -z, -z]), column([1, 1, 1, 0, 0, 0, 0, 1])
    calibration, (point,) = fit(logits, truths.astype(np.float32), CASES["binary"])
    assert calibration.temperatures == pytest.approx((1.0,), abs=1e-9)
    assert (calibration.n, calibration.warnings) == (8, ())
    assert (point.label, point.n, point.policy) == ("opacity", 8, Youden())
    assert point.threshold == pytest.approx(0.5)  # halfway between 0.25 and 0.75


def test_a_fixed_threshold_is_not_fitted() -> None:
    asked = CASES["binary"].model_copy(update={"operating_point": FixedThreshold(value=0.3)})
    z = np.log(3.0)
    logits, truths = column([z, z, z, z, -z, -z, -z, -z]), column([1, 1, 1, 0, 0, 0, 0, 1])
    calibration, (point,) = fit(logits, truths.astype(np.float32), asked)
    assert calibration.temperatures == pytest.approx((1.0,), abs=1e-9)
    assert (point.threshold, point.policy) == (0.3, FixedThreshold(value=0.3))


@pytest.mark.parametrize("truths", [[0, 0, 0], [1, 1, 1]])
def test_a_yes_or_no_question_with_one_answer_is_refused(truths: list[float]) -> None:
    with pytest.raises(Refusal) as caught:
        fit(column([0.1, 0.2, 0.3]), column(truths).astype(np.float32), CASES["binary"])
    assert caught.value.code == "calibrate_one_class"


def test_a_temperature_at_its_bound_is_said() -> None:
    calibration, _ = fit(column([1, 1, -1, -1]), column([0, 0, 1, 1]).astype(np.float32), CASES["binary"])
    assert calibration.temperatures == (TEMPERATURES[1],)
    assert calibration.warnings == ("temperature_at_bound: opacity: the likelihood still rises beyond the temperature 20",)


def test_a_calibrate_that_is_told_apart_is_said() -> None:
    calibration, _ = fit(column([-1, -1, 1, 1]), column([0, 0, 1, 1]).astype(np.float32), CASES["binary"])
    assert calibration.temperatures[0] == pytest.approx(1 / math.log(3))  # two cases of each: 3/4
    assert calibration.warnings[0].startswith("temperature_separable: opacity: ")


def test_logits_that_tell_nothing_keep_their_temperature() -> None:
    calibration, _ = fit(column([0, 0, 0]), column([0, 1, 0]).astype(np.float32), CASES["binary"])
    assert calibration.temperatures == (1.0,)
    assert calibration.warnings[0].startswith("temperature_not_fitted: opacity: ")


def test_classes_share_one_temperature() -> None:
    # softmax of (log 2, 0, 0) is (1/2, 1/4, 1/4), and class 0 is right every other time
    logits = np.tile([np.log(2.0), 0.0, 0.0], (4, 1))
    truths = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
    calibration, points = fit(logits, truths, CASES["multiclass"])
    assert calibration.temperatures == pytest.approx((1.0,), abs=1e-9)
    assert points == ()
    truths[3] = NAN  # an image without a label is left out, and counted
    calibration, _ = fit(logits, truths, CASES["multiclass"])
    assert calibration.temperatures[0] < 1.0 and calibration.n == 4


def test_one_class_only_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        fit(np.zeros((3, 3)), np.eye(3, dtype=np.float32)[[1, 1, 1]], CASES["multiclass"])
    assert caught.value.code == "calibrate_one_class"


def findings(positives: tuple[int, int, int], n: int = 12) -> np.ndarray:
    """Return truths [n, 3] whose columns begin with so many positives."""
    return np.stack([(np.arange(n) < count).astype(np.float32) for count in positives], axis=1)


def test_findings_are_fitted_one_by_one_over_what_is_known() -> None:
    random = np.random.default_rng(0)
    truths = findings((6, 5, 4))
    truths[[0, 11], 0] = NAN
    logits = random.normal(size=(12, 3)) + np.nan_to_num(truths)
    case = CASES["multilabel"].model_copy(update={"operating_point": TargetSensitivity(value=0.8)})
    calibration, points = fit(logits, truths, case)
    known = ~np.isnan(truths[:, 0])
    alone = fit_temperature(logits[known, 0], truths[known, 0])
    assert calibration.temperatures[0] == alone.value
    assert [point.n for point in points] == [10, 12, 12]
    assert [point.label for point in points] == ["mass", "nodule", "hernia"]
    probabilities = 1 / (1 + np.exp(-logits[known, 0] / alone.value))
    caught = probabilities[truths[known, 0] == 1] >= points[0].threshold
    assert caught.sum() == 4  # the fewest of 5 that reach 0.8


def test_a_finding_that_calibrate_cannot_tell_has_no_threshold() -> None:
    truths = findings((MIN_POSITIVES - 1, 12, MIN_POSITIVES))
    logits = np.random.default_rng(1).normal(size=(12, 3))
    logits[:, 2] = 0.0
    calibration, points = fit(logits, truths, CASES["multilabel"])
    assert calibration.temperatures == (1.0, 1.0, 1.0)
    assert [point.threshold for point in points] == [None, None, None]
    assert calibration.warnings == (
        "no_threshold: mass: calibrate knows 4 positive and 8 negative images",
        "no_threshold: nodule: calibrate knows 12 positive and 0 negative images",
        "temperature_not_fitted: hernia: the logits tell nothing apart; the temperature is 1",
    )


def test_a_region_is_decided_at_one_half_and_nothing_is_fitted() -> None:
    calibration, (point,) = fit(column([3, 4]), column([1, 1]).astype(np.float32), CASES["segmentation"])
    assert (calibration.temperatures, point.threshold, point.policy, point.n) == ((1.0,), 0.5, None, 2)


def test_every_group_has_its_own_threshold_and_a_small_one_the_most_sensitive() -> None:
    case = CASES["binary"].model_copy(update={"mitigation": Mitigation(attribute="sex", thresholds="per_group")})
    shares = np.linspace(0.05, 0.95, 20)
    logits = column([*np.log(shares / (1 - shares)), *np.log(shares / (1 - shares)), 4.0, -4.0])
    # F is positive from 0.5 on, M from 0.3 on; O has one of each.
    truths = column([*(shares > 0.5), *(shares > 0.3), 1, 0]).astype(np.float32)
    frame = pd.DataFrame({"sex": ["F"] * 20 + ["M"] * 20 + ["O", None]})
    fitted = fit(logits, truths, case)
    found = fit_groups(logits, truths, frame, case, fitted)
    assert found is not None
    cuts = {point.word: (point.thresholds[0], point.fitted[0], point.n) for point in found.points}
    chances = 1 / (1 + np.exp(-logits[:20, 0] / fitted[0].temperatures[0]))
    assert cuts["F"] == (pytest.approx((chances[9] + chances[10]) / 2), True, 20)
    assert cuts["M"] == (pytest.approx((chances[5] + chances[6]) / 2), True, 20)
    assert cuts["O"] == (found.unknown[0], False, 1)
    assert found.unknown[0] == min(fitted[1][0].threshold or 1, cuts["M"][0])
    assert fit_groups(logits, truths, frame, CASES["binary"], fitted) is None


def test_the_cost_of_a_miss_moves_the_threshold() -> None:
    z = np.log(3.0)
    logits, truths = column([z, z, z, z, -z, -z, -z, -z]), column([1, 1, 1, 0, 0, 0, 0, 1]).astype(np.float32)
    asked = CASES["binary"].model_copy(update={"operating_point": CostPolicy(miss=100, alarm=1)})
    _, (point,) = fit(logits, truths, asked)
    assert point.threshold == pytest.approx(0.125)  # nobody is missed: half of the lowest probability, 0.25
    assert point.policy == CostPolicy(miss=100, alarm=1)


def test_the_limits_of_prediction_sets_are_of_calibrated_probabilities() -> None:
    z = np.log(3.0)
    logits, truths = column([z, z, z, z, -z, -z, -z, -z]), column([1, 1, 1, 0, 0, 0, 0, 1]).astype(np.float32)
    case = CASES["binary"].model_copy(update={"conformal": Conformal(coverage=0.6)})
    found = fit_conformal(logits, truths, case, fit(logits, truths, case))
    assert found is not None
    # of four cases of a label, three fifths of five are the third: 0.75 of its own word, for either label
    assert (found.present, found.absent, found.n) == ((pytest.approx(0.75),), (pytest.approx(0.75),), 8)
    assert fit_conformal(logits, truths, CASES["segmentation"], fit(logits, truths, CASES["segmentation"])) is None
