"""Prediction sets that hold the truth as often as was agreed on, whatever the model: split conformal prediction by label.

After Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), section 4.5 (label-conditional), with one minus
the probability of a label as its strangeness (Sadinle, Lei and Wasserman, JASA 114:223, 2019).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import FloatArray


def limits(probabilities: npt.ArrayLike, given: npt.ArrayLike, coverage: float) -> FloatArray:
    """Return for each label the least probability at which it still belongs to a set, shape [K].

    Of m cases of a label, the one with rank ceil((m + 1) coverage) from the most probable down sets its limit, which
    covers a new case of that label with at least the coverage, if it is exchangeable with them. With too few cases for that
    rank the limit is 0: nothing excludes the label.

    Args:
        probabilities: of each label, shape [n, K].
        given: labels, 0 to K - 1, shape [n]; -1 where unknown.
        coverage: between 0 and 1.

    Raises:
        ValueError: the coverage is no share, or the arrays do not fit together.
    """
    said, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(given, dtype=np.int64)
    if not 0 < coverage < 1:
        raise ValueError(f"a coverage of {coverage}: it must lie between 0 and 1, such as 0.9")
    if said.ndim != 2 or labels.shape != said.shape[:1] or np.any(labels >= said.shape[1]):
        raise ValueError(f"probabilities {said.shape} and labels {labels.shape}: give [n, K] and [n] below K")
    return np.asarray([_limit(said[labels == k, k], coverage) for k in range(said.shape[1])])


def _limit(own: FloatArray, coverage: float) -> float:
    # Written so that a coverage of 0.9 of nine cases asks for the ninth, not for the tenth.
    rank = math.ceil((len(own) + 1) * coverage - 1e-9)
    return 0.0 if rank > len(own) else float(np.sort(own)[::-1][rank - 1])


def sets(probabilities: npt.ArrayLike, limits: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which labels cannot be excluded, bool of the probabilities' shape [..., K]."""
    return np.asarray(np.asarray(probabilities, dtype=np.float64) >= np.asarray(limits, dtype=np.float64), dtype=np.bool_)
