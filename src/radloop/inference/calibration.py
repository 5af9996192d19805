"""From logits to probabilities that mean what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def probability(logits: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return the calibrated probabilities of the positive label, float64 of the logits' shape.

    Temperature scaling (Guo et al., ICML 2017): sigmoid(logit / temperature). It keeps the order.
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    # exp of the negative magnitude only: it cannot overflow.
    small = np.exp(-np.abs(scaled))
    return np.asarray(np.where(scaled >= 0, 1.0, small) / (1.0 + small), dtype=np.float64)


def probabilities(logits: ArrayLike, kind: str, temperatures: Sequence[float]) -> NDArray[np.float64]:
    """Return the calibrated probabilities of every output.

    Args:
        logits: float [..., K].
        kind: of the labels; of `multiclass` every image has exactly one, so that its K probabilities sum to 1.
        temperatures: one for `multiclass`, otherwise K.

    Returns:
        float64 [..., K].
    """
    values = np.asarray(logits, dtype=np.float64)
    if kind != "multiclass":
        return np.stack([probability(values[..., k], temperature) for k, temperature in enumerate(temperatures)], axis=-1)
    scaled = values / temperatures[0]
    weights = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float64)


def decisions(chances: Sequence[float], kind: str, thresholds: Sequence[float | None]) -> tuple[bool | None, ...]:
    """Return whether each of K outputs is positive; None where it has no threshold.

    Args:
        chances: probabilities [K].
        kind: of the labels; of `multiclass` the most probable one is positive, the first of several that are equal.
        thresholds: an output is positive at or above its own; unused for `multiclass`.
    """
    if kind == "multiclass":
        top = int(np.argmax(chances))
        return tuple(k == top for k in range(len(chances)))
    found = zip(chances, thresholds, strict=True)
    return tuple(None if threshold is None else bool(chance >= threshold) for chance, threshold in found)


def entropy_bits(probability: float) -> float:
    """Return the binary entropy of a probability in bits: 0 when sure, 1 at one half."""
    if probability in (0.0, 1.0):
        return 0.0
    other = 1.0 - probability
    return float(-probability * np.log2(probability) - other * np.log2(other))


def uncertainty(chances: Sequence[float], kind: str) -> float:
    """Return how little an answer says, from 0 (sure) to 1.

    Of classes of which there is exactly one, their entropy as a share of log2 K; of separate findings, the largest
    binary entropy.
    """
    if kind == "multiclass":
        bits = -math.fsum(chance * math.log2(chance) for chance in chances if chance > 0.0)
        return max(bits, 0.0) / math.log2(len(chances))
    return max(entropy_bits(chance) for chance in chances)
