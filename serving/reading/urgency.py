"""Which case is read first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def urgency(answer: Mapping[str, Any] | None) -> tuple[int, float]:
    """Return what a work list is sorted by, the most urgent smallest.

    First come positive findings, by how many times the odds of the threshold the probability's odds are; then what
    nothing certain could be said of (abstentions, refusals, no threshold), since a person has to look; then the
    negative ones, the closest to the threshold first. A class among several that is the most probable one says nothing
    of urgency by itself: it counts as positive only where it has a threshold.

    Args:
        answer: of the service; None where it refused.
    """
    if answer is None:
        return 1, 0.0
    judged = [one for one in answer["findings"] if one.get("threshold") is not None]
    above = [_excess(one) for one in judged if one["positive"]]
    if answer.get("abstained") is None and above:
        return 0, -max(above)
    if answer.get("abstained") is not None or not judged:
        return 1, 0.0
    return 2, -max(map(_excess, judged))


def by_urgency(answers: Sequence[Mapping[str, Any] | None]) -> list[int]:
    """Return the indices of a work list, the most urgent first; equal ones keep their order."""
    return sorted(range(len(answers)), key=lambda index: urgency(answers[index]))


def _excess(finding: Mapping[str, Any]) -> float:
    """Return the log odds of a probability above those of its threshold."""
    return _log_odds(finding["probability"]) - _log_odds(finding["threshold"])


def _log_odds(probability: float) -> float:
    share = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(share / (1 - share))
