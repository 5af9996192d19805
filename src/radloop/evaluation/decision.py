"""Whether acting on a bundle's answers does more good than acting on everyone or on no one: its decision curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.measures import interval_as_json
from radloop.statistics.net_benefit import DecisionCurve, decision_curve
from radloop.use_case import Policy

_REACH = 4.0
"""The odds of the threshold, divided and multiplied by it, are where a curve begins and ends."""
_KEPT = 9
"""Threshold probabilities that the evidence keeps; the middle one is the threshold in use."""
_BETWEEN = 4
"""Steps of the figure's curve from one of them to the next."""
_EDGE = 0.005
"""A threshold nearer to 0 or 1 is looked at from here: beyond it the exchange of findings for alarms means nothing."""


@dataclass(frozen=True, slots=True)
class NetBenefit:
    """The decision curve of one output about its threshold."""

    threshold: float
    curve: DecisionCurve

    def as_dict(self) -> dict[str, Any]:
        """Return every so many thresholds of it as the evidence keeps them."""
        step = (len(self.curve.thresholds) - 1) // (_KEPT - 1)
        kept = slice(None, None, step)
        return {
            "thresholds": list(self.curve.thresholds[kept]),
            "treat_none": self.curve.treat_none,
            **{
                name: [interval_as_json(interval) for interval in getattr(self.curve, name)[kept]]
                for name in ("model", "treat_all", "gain")
            },
        }


def judge_net_benefit(cases: Cases, outputs: Outputs, judged: Sequence[bool], policy: Policy) -> dict[str, NetBenefit]:
    """Return the decision curve of each judged output that has a threshold; classes have none.

    A threshold says how many needless actions one that was needed is worth; the curve shows a quarter of that to four times.

    Args:
        cases: within the intended use.
        outputs: the bundle's own.
        judged: which outputs can be judged.
        policy: number and seed of the draws.
    """
    found = {}
    for k, (label, threshold) in enumerate(zip(outputs.labels, outputs.thresholds, strict=True)):
        known = ~np.isnan(cases.truths[:, k])
        if threshold is None or outputs.kind in ("multiclass", "segmentation") or not judged[k] or not known.any():
            continue
        curve = decision_curve(
            cases.probabilities[known, k],
            cases.truths[known, k],
            cases.units[known],
            thresholds=thresholds_about(threshold, fine=not outputs.several),
            draws=policy.draws,
            seed=policy.seed,
        )
        found[label] = NetBenefit(threshold, curve)
    return found


def thresholds_about(threshold: float, *, fine: bool) -> tuple[float, ...]:
    """Return threshold probabilities, even in the logarithm of their odds, the given one in the middle; rising.

    Args:
        threshold: in use.
        fine: as many as a figure needs, not only those of the evidence.
    """
    middle = min(max(threshold, _EDGE), 1 - _EDGE)
    count = (_KEPT - 1) * (_BETWEEN if fine else 1) + 1
    odds = middle / (1 - middle) * np.geomspace(1 / _REACH, _REACH, count)
    found = [float(value) for value in odds / (1 + odds)]
    found[count // 2] = middle
    return tuple(found)


def net_benefit_as_json(found: Mapping[str, NetBenefit], outputs: Outputs) -> dict[str, Any]:
    """Return the curves as the evidence keeps them: one by itself, several by their labels."""
    if outputs.several:
        return {"labels": {label: item.as_dict() for label, item in found.items()}} if found else {}
    return next((item.as_dict() for item in found.values()), {})
