"""Two sets of answers to the same cases: the difference of their AUROCs without a draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.measures import number_as_json
from radloop.statistics.delong import delong


def paired_areas(first: Cases, second: Cases, outputs: Outputs, judged: Sequence[bool]) -> dict[str, Any]:
    """Return `difference`, `low`, `high` and `p` of first less second by DeLong's test; of several outputs, of each judged one.

    Args:
        first: n cases.
        second: the same cases, answered otherwise.
        outputs: of both.
        judged: which of them can be judged.
    """
    found = {label: _pair(first, second, k) for k, label in enumerate(outputs.labels) if judged[k]}
    return {"labels": found} if outputs.several else found[outputs.labels[0]]


def _pair(first: Cases, second: Cases, k: int) -> dict[str, float | None]:
    known = ~np.isnan(first.truths[:, k])
    answers = (first.probabilities[known, k], second.probabilities[known, k])
    found = delong(*answers, first.truths[known, k], first.units[known])
    numbers = {"difference": found.difference.value, "low": found.difference.low, "high": found.difference.high, "p": found.p}
    return {name: number_as_json(number) for name, number in numbers.items()}
