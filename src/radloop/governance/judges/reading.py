"""Reading evidence without trusting it: whatever is absent, null, not finite or of another type is None."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Evidence = Mapping[str, Any]
Span = tuple[float, float, float]
"""Value, low, high."""


def at(document: Any, *path: str) -> Any:
    """Return a member by its path, None where there is none."""
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def number(value: Any) -> float | None:
    """Return a finite number, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def end(interval: Any, which: str) -> float | None:
    """Return a bound of an interval; without a value there is none."""
    return number(at(interval, which)) if number(at(interval, "value")) is not None else None


def span(interval: Any) -> Span | None:
    """Return value, low and high of an interval, None unless all are known."""
    value, low, high = (number(at(interval, which)) for which in ("value", "low", "high"))
    return None if value is None or low is None or high is None else (value, low, high)


def counts(document: Any) -> tuple[float | None, float | None]:
    """Return positive and negative images: of several labels, the fewest of any, so that none is judged on less."""
    if at(document, "fewest") is not None:
        return number(at(document, "fewest", "positives")), number(at(document, "fewest", "negatives"))
    images, positives = number(at(document, "images")), number(at(document, "positives"))
    return positives, images - positives if images is not None and positives is not None else None


def first_version(evidence: Evidence) -> bool | None:
    """Tell whether a bundle is the first of its use case, None where the evidence is silent or contradicts itself.

    That there is no champion is said three times, so that a member which got lost is never taken for it.
    """
    first = at(evidence, "changes", "first")
    if not isinstance(first, bool) or "champion" not in evidence or "since" not in evidence["changes"]:
        return None
    compared, since = evidence["champion"], evidence["changes"]["since"]
    if first:
        return True if compared is None and since is None else None
    return False if isinstance(compared, Mapping) and number(since) is not None else None
