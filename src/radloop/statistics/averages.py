"""The mean over images of a number that each has or has not, as a measure for `intervals.resample`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray, divided, owners
from radloop.statistics.intervals import Measure
from radloop.statistics.outputs import Name


def averages(values: Mapping[str, npt.ArrayLike], patients: npt.ArrayLike) -> Measure[Name]:
    """Return the measure of means over images.

    Args:
        values: n numbers by name, such as Dice or 1 for a hit and 0 for a miss; NaN is an image that does not count.
        patients: who each image belongs to, shape [n].

    Raises:
        ValueError: the arrays do not fit together.
    """
    columns = {name: np.asarray(column, dtype=np.float64) for name, column in values.items()}
    for name, column in columns.items():
        if column.shape != np.shape(patients):
            raise ValueError(f"{name} has shape {column.shape}, the patients {np.shape(patients)}: give one number an image")
    owner, count = owners(patients, np.size(patients))
    sums = {name: _sums(column, owner, count) for name, column in columns.items()}
    return lambda weights: {(None, name): _mean(sum_, weights) for name, sum_ in sums.items()}


def _sums(column: FloatArray, owner: npt.NDArray[np.int64], count: int) -> FloatArray:
    """Return each patient's sum and number of images that count, shape [2, P]."""
    known = ~np.isnan(column)
    total = np.bincount(owner[known], weights=column[known], minlength=count)
    return np.stack([total, np.bincount(owner[known], minlength=count).astype(np.float64)])


def _mean(sums: FloatArray, weights: FloatArray) -> FloatArray:
    total, n = np.einsum("kp,pd->kd", sums, weights)
    return divided(total, n)
