"""Measures of several outputs judged together: classes of which one is true, findings of which any number is.

Each output is judged against all else with the metrics of one, and all of them at once by their mean. Every measure goes
to `intervals.resample`, so that all numbers come from the same draws of patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import (
    FloatArray,
    IntArray,
    checked_labels,
    checked_probabilities,
    checked_threshold,
    divided,
    owners,
)
from radloop.statistics.intervals import METRICS, Measure
from radloop.statistics.resamples import Cases, evaluate, presorted

Name = tuple[str | None, str]
"""A label and a metric; None is over all labels."""


def one(
    probabilities: npt.ArrayLike,
    truth: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    threshold: npt.ArrayLike | None,
    metrics: Sequence[str] = METRICS,
) -> Measure[Name]:
    """Return the measure of a yes-or-no question: the numbers of `intervals.bootstrap`.

    Args:
        probabilities: of the positive label, shape [n].
        truth: shape [n]: 1, 0, or NaN where it is unknown; such a case is left out.
        patients: who each case belongs to, shape [n].
        threshold: a probability at or above it is positive; one for all cases or one a case [n]; None leaves the rates undefined.
        metrics: names out of `METRICS`.
    """
    values = checked_probabilities(probabilities)
    cases = _against(values, np.asarray(truth, dtype=np.float64), *owners(patients, values.size), threshold)
    return lambda weights: {(None, name): found for name, found in evaluate(cases, weights, metrics).items()}


def classes(
    probabilities: npt.ArrayLike,
    truth: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    labels: Sequence[str],
    metrics: Sequence[str] = METRICS,
) -> Measure[Name]:
    """Return the measure of K classes of which the most probable is the answer, the first of equals.

    Each class is judged against all others. Over all classes, `accuracy` is the share of right answers, `ece` is that of
    the answer's own probability (Guo et al., ICML 2017, eq. 3), `brier` is Brier's original sum over classes (0 to 2,
    Monthly Weather Review 78:1, 1950), `balanced_accuracy` the mean sensitivity, and each other metric its mean over the
    classes (AUROC: one against the rest; Provost and Domingos, NYU CeDER 00-04, 2000, unweighted). A class
    that a draw lacks leaves the mean undefined there.

    Args:
        probabilities: shape [n, K].
        truth: 1 for an image's class, 0 for the others, shape [n, K]; a row with NaN is left out.
        patients: who each case belongs to, shape [n].
        labels: the classes, K words.
        metrics: names out of `METRICS`.

    Raises:
        ValueError: a row has not exactly one class, or the arrays do not fit together or hold what cannot be meant.
    """
    said, seen = _table(probabilities, truth, labels)
    owner, count = owners(patients, len(said))
    known = ~np.isnan(seen).any(axis=1)
    said, seen, owner = said[known], seen[known], owner[known]
    if np.any(seen.sum(axis=1) != 1):
        raise ValueError("an image has no class or several: each needs exactly one")
    answer = np.argmax(said, axis=1) if len(said) else np.zeros(0, np.int64)
    right = np.take_along_axis(seen, answer[:, None], axis=1)[:, 0]
    top = presorted(said.max(axis=1, initial=0.0), right, owner, count, np.ones(len(said), np.bool_))
    each = {
        label: presorted(checked_probabilities(said[:, k]), checked_labels(seen[:, k], len(said)), owner, count, answer == k)
        for k, label in enumerate(labels)
    }
    return lambda weights: _classes(each, top, weights, metrics)


def findings(
    probabilities: npt.ArrayLike,
    truth: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    labels: Sequence[str],
    thresholds: Sequence[npt.ArrayLike | None],
    judged: Sequence[bool],
    metrics: Sequence[str] = METRICS,
) -> Measure[Name]:
    """Return the measure of K findings of which an image has any number.

    Over all findings each metric is its mean over those that are judged; one that lacks the metric leaves the
    mean undefined. A finding without a threshold has no rates.

    Args:
        probabilities: shape [n, K].
        truth: 1, 0, or NaN where a finding is unknown in an image, shape [n, K].
        patients: who each case belongs to, shape [n].
        labels: the findings, K words.
        thresholds: one a finding, for all cases or for each of them [n]; None where there is none.
        judged: which findings count, K; the others are NaN, see `evaluable`.
        metrics: names out of `METRICS`.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    said, seen = _table(probabilities, truth, labels)
    owner, count = owners(patients, len(said))
    each = {
        label: _against(checked_probabilities(said[:, k]), seen[:, k], owner, count, thresholds[k])
        for k, label in enumerate(labels)
        if judged[k]
    }
    return lambda weights: _findings(each, labels, weights, metrics)


def evaluable(truth: npt.ArrayLike, patients: npt.ArrayLike, *, positives: int = 10, of_patients: int = 5) -> list[bool]:
    """Tell which findings have enough positive cases, of enough patients, to be judged at all.

    Args:
        truth: 1, 0 or NaN, shape [n, K].
        patients: who each case belongs to, shape [n].
        positives: the fewest positive cases.
        of_patients: the fewest patients that they come from.
    """
    seen = np.asarray(truth, dtype=np.float64)
    owner, _ = owners(patients, len(seen))
    found = [owner[column == 1] for column in seen.T]
    return [len(hits) >= positives and len(np.unique(hits)) >= of_patients for hits in found]


def confusion_matrix(answers: npt.ArrayLike, truth: npt.ArrayLike, k: int) -> IntArray:
    """Return how often each class got each answer, shape [K, K]: the truth in rows, answers in columns.

    Args:
        answers: 0 to K - 1, shape [n].
        truth: 0 to K - 1, shape [n].
        k: K.
    """
    cells = np.asarray(truth, dtype=np.int64) * k + np.asarray(answers, dtype=np.int64)
    return np.bincount(cells, minlength=k * k).reshape(k, k).astype(np.int64)


def _table(probabilities: npt.ArrayLike, truth: npt.ArrayLike, labels: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    said, seen = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if said.ndim != 2 or said.shape != seen.shape or said.shape[1] != len(labels):
        raise ValueError(f"probabilities {said.shape}, truth {seen.shape} and {len(labels)} labels: give [n, K], [n, K] and K")
    return said, seen


def _against(said: FloatArray, seen: FloatArray, owner: IntArray, count: int, threshold: npt.ArrayLike | None) -> Cases:
    """Sort the known cases of one output."""
    known = ~np.isnan(seen)
    values, truth = said[known], checked_labels(seen[known], int(known.sum()))
    called = None
    if threshold is not None:
        called = values >= np.broadcast_to(checked_threshold(threshold), known.shape)[known]
    return presorted(values, truth, owner[known], count, called)


def _classes(each: Mapping[str, Cases], top: Cases, weights: FloatArray, metrics: Sequence[str]) -> dict[Name, FloatArray]:
    asked = dict.fromkeys([*metrics, "sensitivity"])
    found = {label: evaluate(cases, weights, list(asked)) for label, cases in each.items()}
    overall = {name: _mean([numbers[name] for numbers in found.values()]) for name in asked}
    overall |= evaluate(top, weights, ["accuracy", "ece"])
    overall["balanced_accuracy"] = overall["sensitivity"]
    if "brier" in asked:
        overall["brier"] = overall["brier"] * len(each)
    return {(None, name): overall[name] for name in metrics} | {
        (label, name): numbers[name] for label, numbers in found.items() for name in metrics
    }


def _findings(
    each: Mapping[str, Cases], labels: Sequence[str], weights: FloatArray, metrics: Sequence[str]
) -> dict[Name, FloatArray]:
    found = {label: evaluate(cases, weights, metrics) for label, cases in each.items()}
    nothing = np.full(weights.shape[1], np.nan)
    overall = {name: _mean([numbers[name] for numbers in found.values()]) if found else nothing for name in metrics}
    return {(None, name): overall[name] for name in metrics} | {
        (label, name): found[label][name] if label in found else nothing for label in labels for name in metrics
    }


def _mean(columns: Sequence[FloatArray]) -> FloatArray:
    """Return the mean over outputs of each draw; NaN where one of them is."""
    return divided(np.sum(np.stack(columns), axis=0), len(columns))
