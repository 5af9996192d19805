"""Whether a lower precision is earned: the served network against the trained one, on images that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from radloop.inference.bundle import BundleFacts
from radloop.inference.calibration import decisions, probabilities
from radloop.inference.engine import Engine, Output
from radloop.inference.precision import Agreement
from radloop.models.network import Network, Outputs
from radloop.packaging.parity import forward
from radloop.statistics.discrimination import auroc
from radloop.training.pixels import Pixels

MOST = 300
"""Images that are compared: more only take time."""
_BATCH = 16


@dataclass(frozen=True)
class Said:
    """What a network said of n images.

    Attributes:
        logits: float64 [n, K].
        beside: the other probabilities, of levels above each but the last and of places of the mask, float32 [n, M].
    """

    logits: NDArray[np.float64]
    beside: NDArray[np.float32]

    def of(self, places: NDArray[np.int64]) -> Said:
        """Return what was said of some of the images."""
        return Said(self.logits[places], self.beside[places])


def spread(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return at most `MOST` of some rows, evenly spread and in their order."""
    if len(rows) <= MOST:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST).round().astype(np.int64)]


def agreement(trained: Said, served: Said, facts: BundleFacts, pixels: Pixels, rows: NDArray[np.int64]) -> Agreement:
    """Compare the engine with the trained network.

    Args:
        trained: what the network said of the images.
        served: what the engine said of them, in the precision that is asked about.
        facts: of the bundle: its temperatures and thresholds.
        pixels: of the data version.
        rows: the images, see `spread`.
    """
    patients = zip(pixels.frame["age"].iloc[rows], pixels.frame["sex"].iloc[rows], strict=True)
    cuts = [facts.cuts({"age": age, "sex": sex}) for age, sex in patients]
    return compared(trained, served, facts, pixels.truths[rows], cuts)


def compared(
    trained: Said, served: Said, facts: BundleFacts, truths: NDArray[np.float32], cuts: list[tuple[float | None, ...]]
) -> Agreement:
    """Return how far two networks lie apart.

    Args:
        trained: of n images.
        served: of the same.
        facts: kind of labels and temperatures.
        truths: float32 [n, K], NaN where unknown.
        cuts: the K thresholds of each image.
    """
    kind = facts.labels.kind
    before, after = (probabilities(said.logits, kind, facts.calibration.temperatures) for said in (trained, served))
    changes = [np.abs(before - after), np.abs(trained.beside - served.beside)]
    counts = [_flips(one, other, kind, cut) for one, other, cut in zip(before.tolist(), after.tolist(), cuts, strict=True)]
    moved = [abs(auroc(*_known(a, y)) - auroc(*_known(b, y))) for a, b, y in zip(before.T, after.T, truths.T, strict=True)]
    judged = [change for change in moved if not math.isnan(change)]
    return Agreement(
        n=len(truths),
        max_change=max(float(change.max(initial=0.0)) for change in changes),
        flips=sum(flips for flips, _ in counts),
        decisions=sum(decided for _, decided in counts),
        auroc_change=max(judged) if judged else None,
    )


def _flips(before: list[float], after: list[float], kind: str, cuts: tuple[float | None, ...]) -> tuple[int, int]:
    """Return how many decisions of one image change, and of how many; of classes there is one."""
    one, other = decisions(before, kind, cuts), decisions(after, kind, cuts)
    if kind == "multiclass":
        return int(one != other), 1
    return sum(a != b for a, b in zip(one, other, strict=True)), sum(a is not None for a in one)


def _known(scores: NDArray[np.float64], truths: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    known = ~np.isnan(truths)
    return scores[known], truths[known].astype(np.int64)


def trained_said(network: Network, pixels: Pixels, rows: NDArray[np.int64]) -> Said:
    """Return what the trained network says of some images.

    Args:
        network: in evaluation mode.
        pixels: of the data version.
        rows: the images, [n] in their order.
    """
    found = []
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        clinical = np.zeros((len(part), 0), np.float32) if pixels.clinical is None else pixels.clinical[part]
        found.append(forward(network, np.asarray(pixels.images[part]), clinical))
    logits = np.concatenate([outputs.logits.numpy() for outputs in found])
    return Said(logits.astype(np.float64), np.concatenate([_beside(outputs) for outputs in found]))


def asked(engine: Engine, pixels: Pixels, rows: NDArray[np.int64]) -> list[Output]:
    """Return an engine's output of each image of `rows` [n], in their order."""
    clinical = None if pixels.clinical is None else pixels.clinical[rows]
    return engine.run_all((np.asarray(pixels.images[row]) for row in rows), clinical)


def served_said(outputs: Sequence[Output]) -> Said:
    """Return what an engine said, as `agreement` compares it."""
    return Said(np.stack([output.logits for output in outputs]), np.stack([_row(output) for output in outputs]))


def _beside(outputs: Outputs) -> NDArray[np.float32]:
    parts = [torch.sigmoid(part).flatten(1).numpy() for part in (outputs.grades, outputs.mask) if part is not None]
    return np.concatenate([np.zeros((len(outputs.logits), 0), np.float32), *parts], axis=1)


def _row(output: Output) -> NDArray[np.float32]:
    parts: list[NDArray[Any]] = [part.ravel() for part in (output.grades, output.mask) if part is not None]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float32)
