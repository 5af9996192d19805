"""From a logit to a probability that means what it says."""

from __future__ import annotations

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


def entropy_bits(probability: float) -> float:
    """Return the binary entropy of a probability in bits: 0 when sure, 1 at one half."""
    if probability in (0.0, 1.0):
        return 0.0
    other = 1.0 - probability
    return float(-probability * np.log2(probability) - other * np.log2(other))
