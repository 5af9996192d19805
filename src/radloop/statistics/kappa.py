"""How far two readers of the same cases agree beyond chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, divided, owners
from radloop.statistics.intervals import Measure


def kappa(first: npt.ArrayLike, second: npt.ArrayLike, patients: npt.ArrayLike, *, count: int) -> Measure[str]:
    """Return the measure of Cohen's `kappa` of unordered words (Educ Psychol Meas 20:37, 1960), for `intervals.resample`.

    Args:
        first: the number of each case's word, 0 to count - 1, shape [n]; -1 leaves the case out.
        second: likewise of the same cases, by somebody else.
        patients: who each case belongs to, shape [n].
        count: how many words there are.

    Raises:
        ValueError: the arrays do not fit together, or a word is not one.
    """
    one, other = np.asarray(first, np.int64), np.asarray(second, np.int64)
    if not one.shape == other.shape == np.shape(patients) or one.ndim != 1:
        raise ValueError("answers and patients differ in shape: give one answer of each reader a case")
    if one.size and (min(one.min(), other.min()) < -1 or max(one.max(), other.max()) >= count):
        raise ValueError(f"an answer is none of -1 (not read) to {count - 1}")
    owner, patients_count = owners(patients, one.size)
    read = (one >= 0) & (other >= 0)
    sums = np.zeros((count * count, patients_count))
    np.add.at(sums, (one[read] * count + other[read], owner[read]), 1.0)

    def measure(weights: FloatArray) -> dict[str, FloatArray]:
        table = np.einsum("kp,pd->kd", sums, weights).reshape(count, count, -1)
        n = table.sum(axis=(0, 1))
        by_chance = divided(np.einsum("kd,kd->d", table.sum(axis=1), table.sum(axis=0)), n * n)
        return {"kappa": divided(divided(np.einsum("kkd->d", table), n) - by_chance, 1.0 - by_chance)}

    return measure
