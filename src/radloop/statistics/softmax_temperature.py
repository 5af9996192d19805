"""One temperature for the probabilities of several classes, of which every case has exactly one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, IntArray, divided
from radloop.statistics.calibration import TEMPERATURES, Temperature, halved_temperature, unfitted


def fit_softmax_temperature(logits: npt.ArrayLike, classes: npt.ArrayLike) -> Temperature:
    """Return the temperature that makes these classes most likely under softmax(logits / T).

    Guo et al., ICML 2017, section 4.2. The negative log-likelihood is convex in a = 1/T, so its slope is halved in upon,
    as in `calibration.fit_temperature`; with two classes whose logits are 0 and z both give the same. Where all cases are told
    apart, Platt's targets of two classes are taken for K: of n cases of a class, (n + 1) / (n + K) for it and 1 / (n + K)
    for each other.

    Args:
        logits: shape [n, K], K of 2 or more.
        classes: the true class of each case, shape [n], 0 to K - 1.

    Returns:
        The temperature within `TEMPERATURES`; 1 with `fitted=False` where there is one class only or the logits of every
        case are all equal.

    Raises:
        ValueError: the arrays do not fit together, or hold what cannot be meant.
    """
    z, y = _checked(logits, classes)
    before = _nll(z, y, 1.0)
    if np.unique(y).size < 2 or not np.any(z):
        return unfitted(before)
    given = np.eye(z.shape[1])[y]
    separable = bool(np.all(z[np.arange(y.size), y] == 0))  # the largest of each case is zero
    targets = _targets(given) if separable else given
    value = halved_temperature(lambda a: _slope(z, targets, a))
    return Temperature(value, True, value in TEMPERATURES, separable, before, _nll(z, y, 1 / value))


def _checked(logits: npt.ArrayLike, classes: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
    """Return logits [n, K], the largest of each case brought to zero, which changes no probability, and classes [n]."""
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(classes)
    if z.ndim != 2 or z.shape[1] < 2:
        raise ValueError(f"logits have shape {z.shape}: give one row a case and one column a class, shape [n, K]")
    if not np.all(np.isfinite(z)):
        raise ValueError("a logit is NaN or infinite: leave that case out, and say so")
    if y.shape != z.shape[:1] or y.dtype.kind not in "iu":
        raise ValueError(f"classes are {y.dtype} {y.shape}, not whole numbers [{len(z)}]: give one class a case")
    if y.size and not 0 <= int(y.min()) <= int(y.max()) < z.shape[1]:
        raise ValueError(f"classes run from {y.min()} to {y.max()}: there are {z.shape[1]}, counted from 0")
    return z - z.max(axis=1, keepdims=True), y.astype(np.int64)


def _nll(z: FloatArray, y: IntArray, a: float) -> float:
    """Return the mean negative log-likelihood of the classes under softmax(a z), nats; the largest z of a case is 0."""
    mass = np.log(np.sum(np.exp(a * z), axis=1))
    return float(divided(np.sum(mass - a * z[np.arange(y.size), y]), y.size))


def _slope(z: FloatArray, given: FloatArray, a: float) -> float:
    """Return the derivative of the cross-entropy of softmax(a z) to what is given of each case, shape [n, K], by a."""
    weights = np.exp(a * z)
    expected = np.sum(weights * z, axis=1) / np.sum(weights, axis=1)
    return float(np.mean(expected - np.sum(given * z, axis=1)))


def _targets(given: FloatArray) -> FloatArray:
    """Return what as many cases of each class allow to say of the next one, for one-hot classes [n, K]."""
    cases = (given @ given.sum(axis=0))[:, None]
    targets: FloatArray = (cases * given + 1) / (cases + given.shape[1])
    return targets
