"""How far the bundle is from the network that was trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from radloop.models.network import Network
from radloop.statistics.calibration import apply_temperature


@dataclass(frozen=True)
class Parity:
    """The comparison on `calibrate`.

    Attributes:
        n: images compared.
        max_difference: the largest change of a calibrated probability.
        flips: decisions that change at the threshold.
    """

    n: int
    max_difference: float
    flips: int

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as the evidence keeps it."""
        return asdict(self)


def trained_logits(network: Network, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the trained network's logits [n] for images uint8 [n, S, S], one by one as they are served."""
    with torch.no_grad():
        rows = [network(torch.from_numpy(np.ascontiguousarray(image))[None, None]).item() for image in images]
    return np.asarray(rows, dtype=np.float64)


def compare(trained: NDArray[np.float64], served: NDArray[np.float64], temperature: float, threshold: float) -> Parity:
    """Compare logits [n] of the trained network and of the bundle, at the bundle's operating point."""
    before, after = apply_temperature(trained, temperature), apply_temperature(served, temperature)
    if not len(trained):
        return Parity(0, float("nan"), 0)
    flips = int(np.sum((before >= threshold) != (after >= threshold)))
    return Parity(len(trained), float(np.max(np.abs(before - after))), flips)
