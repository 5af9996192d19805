"""Whether a probability means what it says, and the one number that mends it: a temperature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, IntArray, checked_labels, checked_probabilities, checked_scores, divided

TEMPERATURES = (0.05, 20.0)
"""The least and the largest temperature that is ever fitted."""

_HALVINGS = 80
"""Enough to bring the interval of inverse temperatures, 20 wide, below the spacing of floats near 1."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """A temperature and how it came about."""

    value: float
    """Divide logits by it; 1 changes nothing, more than 1 takes confidence away."""
    fitted: bool
    """False: the labels or the logits could not tell (one class only, all logits zero), and the value is 1."""
    at_bound: bool
    """True: the likelihood still rises beyond `TEMPERATURES`, as with reversed scores; look at it."""
    separable: bool
    """True: every case lies on its side, so that no temperature is the most likely; it was fitted to Platt's targets."""
    nll_before: float
    """Mean negative log-likelihood at temperature 1, nats; NaN without cases."""
    nll_after: float
    """Mean negative log-likelihood at `value`, nats; NaN without cases."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Cases in equal-width bins of their probability; each array has shape [bins]."""

    mean_probability: FloatArray
    """What the model said on average; NaN in an empty bin."""
    observed: FloatArray
    """The share of positive cases; NaN in an empty bin."""
    cases: IntArray
    positives: IntArray
    edges: FloatArray
    """Shape [bins + 1], from 0 to 1."""


def brier(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the Brier score, the mean squared error of the probability of the positive class.

    Brier, Monthly Weather Review 78:1 (1950), in the form for two classes: 0 is perfect, 0.25 is what
    always saying 0.5 gives.

    Args:
        probabilities: of the positive class, shape [n], 0 to 1.
        labels: shape [n], 0 or 1.

    Returns:
        0 to 1; NaN without cases.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    said = checked_probabilities(probabilities)
    seen = checked_labels(labels, said.size)
    return float(divided(np.sum((said - seen) ** 2), said.size))


def bin_of(probabilities: FloatArray, bins: int) -> IntArray:
    """Return each probability's equal-width bin, 0 to bins - 1; a bin owns its upper edge, the first also 0.

    The halves are open as in Guo et al. (ICML 2017): bin m is ((m - 1)/M, m/M].

    Raises:
        ValueError: bins is less than 1.
    """
    if bins < 1:
        raise ValueError(f"{bins} bins: there must be at least one")
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probabilities, side="left").astype(np.int64)


def reliability(probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 10) -> Reliability:
    """Return what a reliability diagram shows.

    Args:
        probabilities: of the positive class, shape [n], 0 to 1.
        labels: shape [n], 0 or 1.
        bins: how many of equal width.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    said = checked_probabilities(probabilities)
    seen = checked_labels(labels, said.size)
    where = bin_of(said, bins)
    cases = np.bincount(where, minlength=bins)
    positives = np.bincount(where, weights=seen, minlength=bins)
    return Reliability(
        mean_probability=divided(np.bincount(where, weights=said, minlength=bins), cases),
        observed=divided(positives, cases),
        cases=cases.astype(np.int64),
        positives=positives.astype(np.int64),
        edges=np.linspace(0, 1, bins + 1),
    )


def ece(probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 10) -> float:
    """Return the expected calibration error: how far probabilities lie from observed shares, on average.

    Equal-width bins, each weighed by its cases, absolute differences, as in Guo et al., On Calibration
    of Modern Neural Networks, ICML 2017, eq. 3; but of the positive class's probability against the
    share of positive cases, not of the predicted class's confidence against accuracy, since what a
    clinician reads is the probability of disease. The estimate is biased upwards in small samples.

    Args:
        probabilities: of the positive class, shape [n], 0 to 1.
        labels: shape [n], 0 or 1.
        bins: how many of equal width.

    Returns:
        0 (calibrated) to 1; NaN without cases.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    table = reliability(probabilities, labels, bins)
    full = table.cases > 0
    gaps = np.abs(table.mean_probability - table.observed)[full]
    return float(divided(np.sum(table.cases[full] * gaps), np.sum(table.cases)))


def apply_temperature(logits: npt.ArrayLike, temperature: float) -> FloatArray:
    """Return sigmoid(logits / temperature), without overflow, in the shape of the logits.

    Raises:
        ValueError: the temperature is not a positive number.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"the temperature is {temperature}: it must be a positive number")
    return _sigmoid(np.asarray(logits, dtype=np.float64) / temperature)


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> Temperature:
    """Return the temperature that makes these labels most likely (Guo et al., ICML 2017, section 4.2).

    The negative log-likelihood is convex in a = 1/T, so its slope rises with a and is halved in upon:
    no step size, no seed, the same result on every run. There is no bias term: a temperature above
    zero keeps the order of the cases and the side of 0.5 on which each lies.

    Where the scores tell all cases apart, the likelihood rises until every probability is 0 or 1. Then the labels are replaced
    by what n cases of one kind allow to say of the next one, (n + 1) / (n + 2) and 1 / (n + 2) (Platt, Probabilistic Outputs
    for Support Vector Machines, 1999, section 2.2).

    Args:
        logits: of the positive class, shape [n].
        labels: shape [n], 0 or 1.

    Returns:
        The temperature within `TEMPERATURES`; 1 with `fitted=False` where there is one class only or
        every logit is zero.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    z = checked_scores(logits)
    y = checked_labels(labels, z.size)
    before = _nll(z, y, 1.0)
    if not 0 < np.sum(y) < y.size or not np.any(z):
        return unfitted(before)
    positives = np.sum(y)
    separable = bool(np.all((2 * y - 1) * z >= 0))
    targets = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (y.size - positives + 2)) if separable else y
    value = halved_temperature(lambda a: _slope(z, targets, a))
    return Temperature(value, True, value in TEMPERATURES, separable, before, _nll(z, y, 1 / value))


def unfitted(nll: float) -> Temperature:
    """Return the temperature of cases that cannot tell one."""
    return Temperature(1.0, fitted=False, at_bound=False, separable=False, nll_before=nll, nll_after=nll)


def halved_temperature(slope: Callable[[float], float]) -> float:
    """Return the temperature within `TEMPERATURES` at which a convex likelihood of a = 1/T is flat, or the nearer bound.

    Args:
        slope: the derivative of the negative log-likelihood by a; it rises with a.
    """
    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    if slope(low) >= 0:
        return TEMPERATURES[1]
    if slope(high) <= 0:
        return TEMPERATURES[0]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def _sigmoid(z: FloatArray) -> FloatArray:
    small = np.exp(-np.abs(z))
    chances: FloatArray = np.where(z >= 0, 1.0, small) / (1 + small)
    return chances


def _nll(z: FloatArray, y: FloatArray, a: float) -> float:
    """Return the mean negative log-likelihood of labels under sigmoid(a z), nats."""
    return float(divided(np.sum(np.logaddexp(0, a * z) - y * a * z), z.size))


def _slope(z: FloatArray, y: FloatArray, a: float) -> float:
    """Return the derivative of `_nll` by a."""
    return float(np.mean(z * (_sigmoid(a * z) - y)))
