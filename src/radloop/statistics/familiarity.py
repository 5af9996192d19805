"""How unlike a vector is to those of a sample: a Gaussian in few directions and a sphere in all others.

The distance of probabilistic principal component analysis (Tipping and Bishop, J R Stat Soc B 61:611, 1999): squared deviations
along the k directions of largest variance, each in units of its own, and the rest in units of the rest's mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Familiar:
    """A sample as directions and variances.

    Attributes:
        mean: [C].
        axes: orthonormal, [k, C].
        variances: along the axes, [k].
        rest: the mean squared deviation off the axes, summed over all other directions.
    """

    mean: FloatArray
    axes: FloatArray
    variances: FloatArray
    rest: float

    def distance(self, vectors: npt.ArrayLike) -> FloatArray:
        """Return how unlike each vector is, [...] of [..., C]; about 2 for one of the sample, half of it off the axes."""
        apart = np.asarray(vectors, dtype=np.float64) - self.mean
        along = apart @ self.axes.T
        off = np.sum(apart**2, axis=-1) - np.sum(along**2, axis=-1)
        return np.asarray(np.mean(along**2 / self.variances, axis=-1) + np.maximum(off, 0.0) / self.rest)


def fit_familiar(vectors: npt.ArrayLike, components: int) -> Familiar:
    """Return what a sample has in common.

    Args:
        vectors: [n, C].
        components: k, the directions that keep a variance of their own, less than n and than C.

    Raises:
        ValueError: too few vectors, or all of them alike.
    """
    sample = np.asarray(vectors, dtype=np.float64)
    if sample.ndim != 2 or not 0 < components < min(sample.shape):
        raise ValueError(f"{components} directions of vectors {sample.shape}: give [n, C] with more of either")
    mean = sample.mean(axis=0)
    _, spread, axes = np.linalg.svd(sample - mean, full_matrices=False)
    variances = spread**2 / len(sample)
    rest = float(variances[components:].sum())
    if not (rest > 0 and variances[components - 1] > 0):
        raise ValueError("the vectors do not vary in enough directions")
    return Familiar(mean, axes[:components], variances[:components], rest)


def upper_limit(distances: npt.ArrayLike, share: float) -> float | None:
    """Return the distance that a new vector stays within with at least a probability, None where the sample is too small to say.

    It is the one with rank ceil((n + 1) share), as in split conformal prediction.

    Args:
        distances: of vectors that the sample was not fitted on, [n], exchangeable with new ones.
        share: between 0 and 1.
    """
    held = np.sort(np.asarray(distances, dtype=np.float64))
    rank = math.ceil((len(held) + 1) * share - 1e-9)
    return None if rank > len(held) else float(held[rank - 1])
