"""What is fitted on `calibrate`: temperatures and thresholds, one an output."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radloop.errors import Refusal
from radloop.inference.bundle import CalibrationFacts, OperatingPointFacts
from radloop.statistics import thresholds
from radloop.statistics.calibration import Temperature, apply_temperature, fit_temperature
from radloop.statistics.softmax_temperature import fit_softmax_temperature
from radloop.use_case import ClassLabels, FindingLabels, FixedThreshold, OperatingPoint, RegionLabels, TargetSensitivity, UseCase

MIN_POSITIVES = 5
"""One of several findings with fewer known positives gets no threshold: it would be a few images' own."""
_REGION_THRESHOLD = 0.5

Fitted = tuple[CalibrationFacts, tuple[OperatingPointFacts, ...]]


def fit(logits: NDArray[np.float64], truths: NDArray[np.float32], use_case: UseCase) -> Fitted:
    """Fit how logits become probabilities and decisions.

    Args:
        logits: of the bundle itself on `calibrate`, [n, K], n of 1 or more.
        truths: 1, 0, or NaN where unknown, [n, K].
        use_case: its labels and the policy of its threshold.

    Raises:
        Refusal: `calibrate_one_class`: it cannot tell a temperature or a threshold.
    """
    labels, n = use_case.labels, len(logits)
    if isinstance(labels, ClassLabels):
        return _classes(logits, truths), ()
    if isinstance(labels, RegionLabels):
        point = OperatingPointFacts(label=labels.target, threshold=_REGION_THRESHOLD, n=n)
        return CalibrationFacts(temperatures=(1.0,), n=n), (point,)
    alone = not isinstance(labels, FindingLabels)
    columns = zip(use_case.outputs, logits.T, truths.T, strict=True)
    fits = [_output(label, z, truth, use_case.operating_point, alone=alone) for label, z, truth in columns]
    calibration = CalibrationFacts(
        temperatures=tuple(temperature for temperature, _, _ in fits),
        n=n,
        warnings=tuple(warning for _, _, warnings in fits for warning in warnings),
    )
    return calibration, tuple(point for _, point, _ in fits)


def _classes(logits: NDArray[np.float64], truths: NDArray[np.float32]) -> CalibrationFacts:
    known = ~np.isnan(truths).any(axis=1)
    classes = truths[known].argmax(axis=1)
    if len(set(classes.tolist())) < 2:
        raise _one_class()
    found = fit_softmax_temperature(logits[known], classes)
    return CalibrationFacts(temperatures=(float(found.value),), n=len(logits), warnings=_warnings("all classes", found))


def _output(
    label: str, logits: NDArray[np.float64], truths: NDArray[np.float32], policy: OperatingPoint, *, alone: bool
) -> tuple[float, OperatingPointFacts, tuple[str, ...]]:
    """Return temperature, threshold and warnings of one output; one of several may go without."""
    known = ~np.isnan(truths)
    scores, seen = logits[known], truths[known].astype(np.int64)
    positives, n = int(seen.sum()), len(seen)
    if alone and not 0 < positives < n:
        raise _one_class()
    undecided = OperatingPointFacts(label=label, threshold=None, policy=policy, n=n)
    if not alone and not MIN_POSITIVES <= positives < n:
        warning = f"no_threshold: {label}: calibrate knows {positives} positive and {n - positives} negative images"
        return 1.0, undecided, (warning,)
    found = fit_temperature(scores, seen)
    if not alone and not found.fitted:
        return 1.0, undecided, _warnings(label, found)
    threshold = _threshold(apply_temperature(scores, found.value), seen, policy)
    point = OperatingPointFacts(label=label, threshold=threshold, policy=policy, n=n)
    return float(found.value), point, _warnings(label, found)


def _threshold(probabilities: NDArray[np.float64], truths: NDArray[np.int64], policy: OperatingPoint) -> float:
    if isinstance(policy, FixedThreshold):
        return policy.value
    asked = thresholds.TargetSensitivity(policy.value) if isinstance(policy, TargetSensitivity) else thresholds.Youden()
    return float(thresholds.fit_threshold(probabilities, truths, asked).value)


def _warnings(label: str, found: Temperature) -> tuple[str, ...]:
    if not found.fitted:
        return (f"temperature_not_fitted: {label}: the logits tell nothing apart; the temperature is 1",)
    if found.at_bound:
        return (f"temperature_at_bound: {label}: the likelihood still rises beyond the temperature {found.value:g}",)
    return ()


def _one_class() -> Refusal:
    return Refusal(
        "calibrate_one_class",
        "calibrate holds one class only: no threshold can be fitted",
        "ingest a source with both labels in calibrate",
    )
