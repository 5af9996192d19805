"""How far the bundle is from the network that was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from radloop.inference.calibration import decisions, probabilities
from radloop.models.network import Network, Outputs


@dataclass(frozen=True)
class Parity:
    """The comparison on `calibrate`.

    Attributes:
        n: images compared.
        max_difference: the largest change of a calibrated probability, over all outputs.
        flips: images of which a decision changes.
    """

    n: int
    max_difference: float
    flips: int

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as the evidence keeps it."""
        return asdict(self)


def forward(network: Network, images: NDArray[np.uint8], clinical: NDArray[np.float32]) -> Outputs:
    """Return what the trained network says of n images.

    Args:
        network: in evaluation mode.
        images: uint8 [n, S, S].
        clinical: float32 [n, D].
    """
    pixels = torch.from_numpy(np.array(images))[:, None]
    values = torch.from_numpy(np.array(clinical)) if clinical.shape[1] else None
    with torch.no_grad():
        said: Outputs = network(pixels, values)
    return said


def compare(
    trained: NDArray[np.float64],
    served: NDArray[np.float64],
    kind: str,
    temperatures: Sequence[float],
    thresholds: Sequence[Sequence[float | None]],
) -> Parity:
    """Compare logits of the trained network and of the bundle, at the bundle's operating points.

    Args:
        trained: [n, K].
        served: [n, K].
        kind: of the labels.
        temperatures: as in the bundle's facts.
        thresholds: of each image, K each.
    """
    before, after = (probabilities(logits, kind, temperatures) for logits in (trained, served))
    cases = zip(before.tolist(), after.tolist(), thresholds, strict=True)
    flips = sum(decisions(one, kind, cuts) != decisions(other, kind, cuts) for one, other, cuts in cases)
    return Parity(len(trained), float(np.max(np.abs(before - after))), flips)
