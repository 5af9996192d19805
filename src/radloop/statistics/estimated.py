"""What a model's performance would be if its probabilities meant what they say: an estimate without labels.

Confidence-based performance estimation (Bialek et al., arXiv 2401.08348, 2024): each case counts as positive with its own
probability. It holds where calibration still does, whatever else changed in the images; where the finding itself looks
different now, or its probability is wrong, it does not notice. Labels alone tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radloop.statistics.arrays import checked_probabilities


@dataclass(frozen=True, slots=True)
class Expected:
    """Expected counts of the four outcomes; they add up over blocks of cases.

    Attributes:
        found: positive and called so.
        missed: positive and not called so.
        alarms: negative and called positive.
        passed: negative and not called positive.
    """

    found: float = 0.0
    missed: float = 0.0
    alarms: float = 0.0
    passed: float = 0.0

    def __add__(self, other: Expected) -> Expected:
        """Return the counts of both."""
        return Expected(
            self.found + other.found, self.missed + other.missed, self.alarms + other.alarms, self.passed + other.passed
        )

    def metrics(self) -> dict[str, float]:
        """Return the rates; NaN where their denominator is empty."""
        return {
            "sensitivity": _share(self.found, self.missed),
            "specificity": _share(self.passed, self.alarms),
            "ppv": _share(self.found, self.alarms),
            "npv": _share(self.passed, self.missed),
            "prevalence": _share(self.found + self.missed, self.alarms + self.passed),
        }


def expected(probabilities: npt.ArrayLike, called: npt.ArrayLike) -> Expected:
    """Return the expected counts of some cases.

    Args:
        probabilities: calibrated, shape [n].
        called: whether each was called positive, shape [n].
    """
    chances = checked_probabilities(probabilities)
    positive = np.asarray(called, dtype=bool)
    return Expected(
        float(chances[positive].sum()),
        float(chances[~positive].sum()),
        float((1 - chances[positive]).sum()),
        float((1 - chances[~positive]).sum()),
    )


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest > 0 else float("nan")
