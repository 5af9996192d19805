"""One temperature for the probabilities of several classes, of which every case has exactly one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, IntArray, divided
from radloop.statistics.calibration import TEMPERATURES, Temperature, halved_temperature


def fit_softmax_temperature(logits: npt.ArrayLike, classes: npt.ArrayLike) -> Temperature:
    """Return the temperature that makes these classes most likely under softmax(logits / T).

    Guo et al., ICML 2017, section 4.2. The negative log-likelihood is convex in a = 1/T, so its slope is halved in upon,
    as in `calibration.fit_temperature`; with two classes whose logits are 0 and z both give the same.

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
        return Temperature(1.0, fitted=False, at_bound=False, nll_before=before, nll_after=before)
    value = halved_temperature(lambda a: _slope(z, y, a))
    return Temperature(value, fitted=True, at_bound=value in TEMPERATURES, nll_before=before, nll_after=_nll(z, y, 1 / value))


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


def _slope(z: FloatArray, y: IntArray, a: float) -> float:
    """Return the derivative of `_nll` by a."""
    weights = np.exp(a * z)
    expected = np.sum(weights * z, axis=1) / np.sum(weights, axis=1)
    return float(np.mean(expected - z[np.arange(y.size), y]))
