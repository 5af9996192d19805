"""Metrics of many resamples of patients at once: cases are sorted once, each draw only weighs patients anew.

Drawing patients with replacement is weighing each by how often they were drawn. With the cases sorted
by score, an area needs one cumulative sum of those weights; everything at a threshold, the Brier score
and the calibration error are sums over patients, so one matrix product. Nothing is sorted per draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radloop.statistics.arrays import BoolArray, FloatArray, IntArray, divided
from radloop.statistics.calibration import bin_of
from radloop.statistics.rates import RATES, Counts

AREAS = ("auroc", "average_precision")
ERRORS = ("brier", "ece")

_BINS = 10
_CELLS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Cases of P patients, with p positives and q negatives, each sorted by score."""

    positives: IntArray
    """The patient of each positive case, by rising score, shape [p]."""
    negatives: IntArray
    """The patient of each negative case, by rising score, shape [q]."""
    below: IntArray
    """How many negative cases score below each positive one, shape [p]."""
    upto: IntArray
    """How many negative cases score at or below each positive one, shape [p]."""
    outscored: IntArray
    """How many positive cases score below each positive one, shape [p]."""
    sums: FloatArray
    """What adds up over patients: tp, fp, tn, fn, squared error, and probability less label in each of ten bins; [15, P]."""
    decided: bool = True
    """False: no case was called anything, and every rate is NaN."""

    @property
    def patients(self) -> int:
        """Return P."""
        return int(self.sums.shape[1])


def presorted(scores: FloatArray, labels: FloatArray, owner: IntArray, patients: int, called: BoolArray | None) -> Cases:
    """Sort cases for `evaluate`, so that neither their order nor their patients' matters to a single bit.

    Args:
        scores: shape [n]; the sums of errors mean something only if these are probabilities.
        labels: shape [n], 0 or 1.
        owner: the patient of each case, 0 to P - 1, shape [n].
        patients: P; some may have no case here, so that several sets of cases can share their draws.
        called: which cases are called positive, shape [n]; None where nobody decided.
    """
    decided = called is not None
    answers = np.zeros(scores.shape, dtype=np.bool_) if called is None else called
    order = np.lexsort((owner, labels, scores))
    scores, labels, owner, answers = scores[order], labels[order], owner[order], answers[order]
    positive = labels == 1
    hits, rest = scores[positive], scores[~positive]
    return Cases(
        positives=owner[positive],
        negatives=owner[~positive],
        below=np.searchsorted(rest, hits, side="left"),
        upto=np.searchsorted(rest, hits, side="right"),
        outscored=np.searchsorted(hits, hits, side="left"),
        sums=_sums(scores, labels, owner, patients, answers),
        decided=decided,
    )


def _sums(scores: FloatArray, labels: FloatArray, owner: IntArray, patients: int, called: BoolArray) -> FloatArray:
    """Return `Cases.sums`."""
    cell = np.where(called, np.where(labels == 1, 0, 1), np.where(labels == 1, 3, 2))
    sums = np.zeros((_CELLS + 1 + _BINS, patients))
    np.add.at(sums, (cell, owner), 1.0)
    sums[_CELLS] = np.bincount(owner, weights=(scores - labels) ** 2, minlength=patients)
    np.add.at(sums, (_CELLS + 1 + bin_of(scores, _BINS), owner), scores - labels)
    return sums


def drawn(rng: np.random.Generator, patients: int, draws: int) -> FloatArray:
    """Return how often each patient is drawn when P are drawn from P, shape [P, draws]; columns sum to P."""
    picks = rng.integers(0, patients, size=(draws, patients))
    cells = picks * draws + np.arange(draws)[:, None]
    return np.bincount(cells.ravel(), minlength=patients * draws).reshape(patients, draws).astype(np.float64)


def evaluate(cases: Cases, weights: FloatArray, metrics: Sequence[str]) -> dict[str, FloatArray]:
    """Return each metric of each draw, shape [draws]; NaN where a draw does not define it.

    Args:
        cases: from `presorted`.
        weights: how often each patient counts, shape [P, draws].
        metrics: names out of `AREAS`, `RATES` and `ERRORS`.
    """
    # Not `@`: BLAS threads that wait for a busy core made this product a hundred times slower, and depend on their number.
    summed = np.einsum("kp,pd->kd", cases.sums, weights)
    counts = Counts(*summed[:_CELLS])
    n = np.sum(summed[:_CELLS], axis=0)
    values = {
        name: rate(counts) if cases.decided else np.full(n.shape, np.nan) for name, rate in RATES.items() if name in metrics
    }
    values["brier"] = divided(summed[_CELLS], n)
    values["ece"] = divided(np.sum(np.abs(summed[_CELLS + 1 :]), axis=0), n)
    if any(name in metrics for name in AREAS):
        values |= _areas(cases, weights, precision="average_precision" in metrics)
    return {name: values[name] for name in metrics}


def _areas(cases: Cases, weights: FloatArray, *, precision: bool) -> dict[str, FloatArray]:
    """Return AUROC (ties count one half), and average precision where it is asked for, of each draw."""
    hits = weights[cases.positives]
    rest = _cumulated(weights[cases.negatives])
    below = rest[cases.below]
    upto = below if np.array_equal(cases.below, cases.upto) else rest[cases.upto]
    outranked = np.einsum("pd,pd->d", hits, below) + np.einsum("pd,pd->d", hits, upto)
    found = _cumulated(hits)
    p, q = found[-1], rest[-1]
    areas = {"auroc": divided(outranked / 2, p * q)}
    if precision:
        true = p - found[cases.outscored]
        called = true + q - below
        # Where nothing is called positive the case itself was not drawn, so 0/1 stands for 0/0.
        np.maximum(called, 1, out=called)
        total = np.einsum("pd,pd->d", hits, np.divide(true, called, out=true))
        areas["average_precision"] = np.where(q > 0, divided(total, p), np.nan)
    return areas


def _cumulated(weights: FloatArray) -> FloatArray:
    """Return cumulative sums over cases, led by a zero, shape [cases + 1, draws]."""
    sums = np.zeros((weights.shape[0] + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums
