"""Labels that are more likely wrong than right, by what networks say which never saw them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def contradicted(probabilities: npt.ArrayLike, given: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Tell which labels lie off the diagonal of the confident joint (Northcutt, Jiang and Chuang, JAIR 70:1373, 2021).

    Class j speaks for an image whose probability of j reaches the mean of those that are labelled j; the image belongs to the
    most probable class that speaks for it. Its label is contradicted where that is another class. No calibration is needed,
    for every class is measured by its own confidence.

    Args:
        probabilities: of each class, by a model that did not learn from the row, shape [n, K].
        given: labels, 0 to K - 1, shape [n]; -1 where unknown, which is never contradicted.

    Returns:
        bool [n].

    Raises:
        ValueError: the arrays do not fit together.
    """
    said, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(given, dtype=np.int64)
    if said.ndim != 2 or labels.shape != said.shape[:1] or np.any(labels >= said.shape[1]):
        raise ValueError(f"probabilities {said.shape} and labels {labels.shape}: give [n, K] and [n] below K")
    confident = [said[labels == k, k].mean() if np.any(labels == k) else np.inf for k in range(said.shape[1])]
    speaks = np.where(said >= np.asarray(confident), said, -np.inf)
    belongs = np.where(np.isfinite(speaks).any(axis=1), speaks.argmax(axis=1), labels)
    return np.asarray((labels >= 0) & (belongs != labels), dtype=np.bool_)
