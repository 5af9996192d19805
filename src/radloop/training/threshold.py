"""Where a probability is cut, by the operating point's policy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radloop.statistics import thresholds
from radloop.use_case import CostPolicy, FixedThreshold, OperatingPoint, TargetSensitivity, Youden


def policy_threshold(chances: NDArray[np.float64], truths: NDArray[np.int64], policy: OperatingPoint) -> float:
    """Return the threshold that a policy puts among some cases.

    Args:
        chances: probabilities of the positive label, [n].
        truths: 1 or 0, [n].
        policy: of the use case.

    Raises:
        ValueError: there is one class only, and the policy is to be fitted.
    """
    if isinstance(policy, FixedThreshold):
        return policy.value
    return float(thresholds.fit_threshold(chances, truths, _asked(policy)).value)


def _asked(policy: TargetSensitivity | Youden | CostPolicy) -> thresholds.Policy:
    if isinstance(policy, TargetSensitivity):
        return thresholds.TargetSensitivity(policy.value)
    if isinstance(policy, CostPolicy):
        return thresholds.LeastCost(policy.miss, policy.alarm, policy.prevalence)
    return thresholds.Youden()
