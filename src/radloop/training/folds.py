"""Cross-validation: `train` and `tune` cut into folds by patient and group, the same for the same seed."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radloop.data.units import joined_columns
from radloop.errors import InputError
from radloop.training.pixels import Pixels

_JOINED = ("patient", "group", "pixels")
"""Rows that are equal in one of these columns are never in two folds; `pixels` is the hash of the picture."""


@dataclass(frozen=True)
class _Unit:
    """Rows that stay together.

    Attributes:
        rows: their positions.
        stratum: the rarest label among them, -1 where none is known.
        draw: the place in the draw, by its members' names only.
    """

    rows: tuple[int, ...]
    stratum: int
    draw: bytes


def fold_pixels(pixels: Pixels, folds: int, seed: int) -> list[Pixels]:
    """Return the same pixels once a fold, each with another part of `train` and `tune` as `tune`.

    Args:
        pixels: of the data version; its labels are spread over the folds as evenly as whole patients allow, and
            `calibrate` and `test` stay what they are.
        folds: how many.
        seed: of the cut.

    Raises:
        InputError: there are fewer patients and groups than folds.
    """
    taken = np.flatnonzero(pixels.frame["split"].isin(["train", "tune"]).to_numpy())
    part = pixels.frame.iloc[taken]
    columns = {name: part[name].tolist() for name in _JOINED if name in part}
    places = assign_folds(columns, pixels.truths[taken], folds, seed)
    cut = []
    for fold in range(folds):
        split = pixels.frame["split"].to_numpy(dtype=object, copy=True)
        split[taken] = np.where(places == fold, "tune", "train")
        cut.append(replace(pixels, frame=pixels.frame.assign(split=split)))
    return cut


def assign_folds(
    columns: Mapping[str, Sequence[Hashable]], truth: NDArray[np.floating], folds: int, seed: int
) -> NDArray[np.int64]:
    """Return the fold of each of n rows, int64 [n], whatever their order.

    Each stratum's units, the largest first and then in the order of a draw, go where the stratum has fewest rows so
    far, of those where there are fewest in all.

    Args:
        columns: n names by column, of which `patient` is never None; rows with an equal name in one column stay together.
        truth: [n, K], NaN where unknown.
        folds: how many.
        seed: of the draw.

    Raises:
        InputError: fewer units than folds.
    """
    units = _units(columns, truth, seed)
    if len(units) < folds:
        raise InputError(
            "too_few_patients",
            f"{folds} folds need as many patients, and train and tune have {len(units)} that share nothing",
            "lower search.folds",
        )
    found = np.full(len(truth), -1, dtype=np.int64)
    everywhere = [0] * folds
    within: dict[int, list[int]] = defaultdict(lambda: [0] * folds)
    for unit in sorted(units, key=lambda unit: (unit.stratum, -len(unit.rows), unit.draw)):
        rows = within[unit.stratum]
        place = min(range(folds), key=lambda fold: (rows[fold], everywhere[fold], fold))
        rows[place] += len(unit.rows)
        everywhere[place] += len(unit.rows)
        found[list(unit.rows)] = place
    return found


def _units(columns: Mapping[str, Sequence[Hashable]], truth: NDArray[np.floating], seed: int) -> list[_Unit]:
    labels = [frozenset(int(k) for k in np.flatnonzero(row == 1.0)) for row in truth]
    known = [not bool(np.isnan(row).all()) for row in truth]
    # A row without any of the labels is one of the negatives: a stratum of its own, after the last label.
    labels = [found or (frozenset([truth.shape[1]]) if sure else found) for found, sure in zip(labels, known, strict=True)]
    counts = Counter(label for found in labels for label in found)
    units = []
    for rows in joined_columns(columns):
        held = {label for row in rows for label in labels[row]}
        units.append(
            _Unit(
                rows=tuple(rows),
                stratum=min(held, key=lambda label: (counts[label], label), default=-1),
                draw=min(hashlib.sha256(f"{seed}/{columns['patient'][row]}".encode()).digest() for row in rows),
            )
        )
    return units


def mean_value(values: Sequence[float]) -> float:
    """Return the mean over folds, the same on every machine."""
    return math.fsum(values) / len(values)


def median_fold(values: Sequence[float], *, larger_is_better: bool) -> int:
    """Return the fold whose own value is the median; of an even number the worse of the two in the middle, never the luckier.

    Folds with equal values stand in their order.
    """
    from_worst = sorted(range(len(values)), key=lambda fold: (values[fold] if larger_is_better else -values[fold], fold))
    return from_worst[(len(values) - 1) // 2]
