"""Drift between two data versions: the population stability index over words or fixed bins."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import pandas as pd

UNKNOWN = "unknown"
_SMALLEST_SHARE = 1e-4
"""An empty bin counts as this share: the index stays finite and large."""

_TAIL = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5)
_RANGE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
QUALITY_EDGES: Mapping[str, tuple[float, ...]] = {
    "black": _TAIL,
    "saturated": _TAIL,
    "border": _TAIL,
    "marker": _TAIL,
    "contrast": _RANGE,
    "mean": _RANGE,
    "sharpness": (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
}
"""Where the bins of each quality number part. Fixed, so that versions are compared by the same bins for ever."""


def distribution(values: pd.Series, edges: Sequence[float] | None = None) -> dict[str, int]:
    """Count values by word, or numbers by bin; unknown is a word of its own.

    Args:
        values: a manifest's column.
        edges: where bins part, ascending; a value on an edge belongs to the upper bin.
    """
    counts = {UNKNOWN: int(values.isna().sum())}
    for value, count in values.dropna().value_counts(sort=False).items():
        word = str(value) if edges is None else _bin(float(str(value)), edges)
        counts[word] = counts.get(word, 0) + int(count)
    return dict(sorted(counts.items()))


def _bin(value: float, edges: Sequence[float]) -> str:
    place = bisect_right(edges, value)
    low = "" if place == 0 else f"{edges[place - 1]:g}"
    high = "" if place == len(edges) else f"{edges[place]:g}"
    return f"{low}..{high}"


def stability_index(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """Return the population stability index of two counts over the same words or bins.

    It is the sum over bins of (a - b) ln(a / b), a and b the shares; 0.1 is a small and 0.25 a large change
    by custom (Siddiqi, Credit Risk Scorecards, 2006). NaN if either side is empty.
    """
    totals = sum(before.values()), sum(after.values())
    if not all(totals):
        return math.nan
    terms = []
    for word in sorted({*before, *after}):
        if not before.get(word, 0) and not after.get(word, 0):
            continue
        old = max(before.get(word, 0) / totals[0], _SMALLEST_SHARE)
        new = max(after.get(word, 0) / totals[1], _SMALLEST_SHARE)
        terms.append((new - old) * math.log(new / old))
    return math.fsum(terms)
