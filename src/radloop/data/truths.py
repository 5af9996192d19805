"""What is true of each image, in the order of the network's logits."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.use_case import ClassLabels, FindingLabels, UseCase


def truths(frame: pd.DataFrame, use_case: UseCase) -> NDArray[np.float64]:
    """Return what is true of each row of a manifest: 1, 0, or NaN where it is unknown.

    Returns:
        float64 [n, K], columns as `UseCase.outputs`: one for a yes-or-no question or a region, one a class (one 1 a
        row), one a finding. A row without a label is NaN throughout.
    """
    labels = use_case.labels
    if isinstance(labels, FindingLabels):
        columns = [frame[f"finding_{word}"].to_numpy(dtype=np.float64, na_value=np.nan) for word in labels.findings]
        return np.stack(columns, axis=1)
    words = labels.classes if isinstance(labels, ClassLabels) else labels.words[1:]
    given = frame["label"].to_numpy(dtype=object)
    found = np.stack([given == word for word in words], axis=1).astype(np.float64)
    found[pd.isna(given)] = np.nan
    return found


def grades(frame: pd.DataFrame, use_case: UseCase) -> NDArray[np.int64]:
    """Return the level of severity of each row, int64 [n], from 0; -1 where the extent is unknown.

    Raises:
        ValueError: the use case has no severity.
    """
    if use_case.severity is None:
        raise ValueError(f"{use_case.name} has no severity")
    extent = frame["extent"].to_numpy(dtype=np.float64, na_value=np.nan)
    found = np.searchsorted(use_case.severity.cuts, extent, side="right").astype(np.int64)
    found[np.isnan(extent)] = -1
    return found
