"""What is fitted on `calibrate`: temperatures and thresholds, thresholds by group, and the limits of prediction sets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.data.groups import group_words
from radloop.errors import Refusal
from radloop.inference.bundle import CalibrationFacts, OperatingPointFacts
from radloop.inference.calibration import probabilities
from radloop.inference.conformal import ConformalFacts
from radloop.inference.group_thresholds import GroupPoint, GroupThresholds
from radloop.statistics.calibration import Temperature, apply_temperature, fit_temperature
from radloop.statistics.conformal import limits
from radloop.statistics.softmax_temperature import fit_softmax_temperature
from radloop.training.threshold import policy_threshold
from radloop.use_case import (
    ClassLabels,
    FindingLabels,
    OperatingPoint,
    RegionLabels,
    UseCase,
)

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


def fit_groups(
    logits: NDArray[np.float64], truths: NDArray[np.float32], frame: pd.DataFrame, use_case: UseCase, fitted: Fitted
) -> GroupThresholds | None:
    """Fit a threshold for every group and output where the mitigation asks for it; None where it does not.

    A group needs `MIN_POSITIVES` positive and as many negative images; one with fewer takes the most sensitive threshold of all.

    Args:
        logits: of the bundle itself on `calibrate`, [n, K].
        truths: [n, K].
        frame: the manifest's rows of `calibrate` [n].
        use_case: its mitigation, and the policy of its threshold.
        fitted: what is fitted on all groups together.
    """
    asked, (calibration, points) = use_case.mitigation, fitted
    if asked is None or asked.thresholds is None:
        return None
    if asked.attribute not in ("sex", "age_band"):
        raise ValueError(f"{asked.attribute} is not known where an image is answered")
    words = np.asarray(group_words(frame, asked.attribute, use_case.subgroups), dtype=object)
    chances = probabilities(logits, use_case.labels.kind, calibration.temperatures)
    known = sorted({str(word) for word in words if word is not None})
    found = {
        word: [_of_group(chances[words == word, k], truths[words == word, k], point) for k, point in enumerate(points)]
        for word in known
    }
    lowest = tuple(_lowest([point.threshold, *(cuts[k] for cuts in found.values())]) for k, point in enumerate(points))
    return GroupThresholds(
        attribute=asked.attribute,
        age_bands=use_case.subgroups.age_bands,
        points=tuple(
            GroupPoint(
                word=word,
                thresholds=tuple(least if cut is None else cut for cut, least in zip(cuts, lowest, strict=True)),
                fitted=tuple(cut is not None for cut in cuts),
                n=int(np.sum(words == word)),
            )
            for word, cuts in found.items()
        ),
        unknown=lowest,
    )


def fit_conformal(
    logits: NDArray[np.float64], truths: NDArray[np.float32], use_case: UseCase, fitted: Fitted
) -> ConformalFacts | None:
    """Fit the limits of the prediction sets; None for a region, which has no label to exclude.

    Args:
        logits: of the bundle itself on `calibrate`, [n, K].
        truths: [n, K].
        use_case: its labels and the coverage.
        fitted: the temperatures.
    """
    kind, coverage, abstain = use_case.labels.kind, use_case.conformal.coverage, use_case.conformal.abstain
    if kind == "segmentation":
        return None
    chances = probabilities(logits, kind, fitted[0].temperatures)
    if kind == "multiclass":
        given = np.where(np.isnan(truths).any(axis=1), -1, truths.argmax(axis=1))
        found = limits(chances, given, coverage)
        return ConformalFacts(coverage=coverage, present=tuple(found.tolist()), absent=(), n=len(logits), abstain=abstain)
    pairs = [
        limits(np.stack([1 - chance, chance], axis=1), np.where(np.isnan(truth), -1, truth).astype(np.int64), coverage)
        for chance, truth in zip(chances.T, truths.T, strict=True)
    ]
    absent, present = np.stack(pairs, axis=1).tolist()
    return ConformalFacts(coverage=coverage, present=tuple(present), absent=tuple(absent), n=len(logits), abstain=abstain)


def _of_group(chances: NDArray[np.float64], truths: NDArray[np.float32], point: OperatingPointFacts) -> float | None:
    """Return the threshold of one output in one group, None where it has too few cases or the output has none."""
    known = ~np.isnan(truths)
    seen = truths[known].astype(np.int64)
    few = min(int(seen.sum()), len(seen) - int(seen.sum())) < MIN_POSITIVES
    return (
        None if few or point.threshold is None or point.policy is None else policy_threshold(chances[known], seen, point.policy)
    )


def _lowest(cuts: Sequence[float | None]) -> float | None:
    known = [cut for cut in cuts if cut is not None]
    return min(known) if known and cuts[0] is not None else None


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
    threshold = policy_threshold(apply_temperature(scores, found.value), seen, policy)
    point = OperatingPointFacts(label=label, threshold=threshold, policy=policy, n=n)
    return float(found.value), point, _warnings(label, found)


def _warnings(label: str, found: Temperature) -> tuple[str, ...]:
    if not found.fitted:
        return (f"temperature_not_fitted: {label}: the logits tell nothing apart; the temperature is 1",)
    if found.at_bound:
        return (f"temperature_at_bound: {label}: the likelihood still rises beyond the temperature {found.value:g}",)
    if found.separable:
        return (f"temperature_separable: {label}: calibrate is told apart without a mistake; fitted to Platt's targets",)
    return ()


def _one_class() -> Refusal:
    return Refusal(
        "calibrate_one_class",
        "calibrate holds one class only: no threshold can be fitted",
        "ingest a source with both labels in calibrate",
    )
