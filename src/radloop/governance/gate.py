"""The gate: a pure function from evidence and policy to a verdict with reasons.

Missing evidence means no: a number that is absent, null or not finite makes its rule `not_evaluable`,
and only rules that passed (or that the policy declared not applicable in advance) let a bundle through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from radloop.governance.judges import champion, changes, data, performance, stress, subgroups
from radloop.governance.judges.reading import Evidence
from radloop.governance.judges.reason import Reason
from radloop.use_case import (
    AnyRule,
    BoundRule,
    CasesRule,
    ChangesRule,
    ContradictionRule,
    DataRule,
    ExplanationRule,
    GapRule,
    LeakageRule,
    NonInferiorityRule,
    OcclusionRule,
    ParityRule,
    Policy,
    PrecisionRule,
    ProbeRule,
    RobustnessRule,
    ShiftRule,
    SubgroupRule,
    WorstRule,
)


@dataclass(frozen=True)
class Verdict:
    """Whether a bundle may be put before a reviewer, and why."""

    verdict: Literal["passed", "rejected"]
    reasons: tuple[Reason, ...]

    @property
    def passed(self) -> bool:
        """Tell whether every rule let the bundle through."""
        return self.verdict == "passed"

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON."""
        return {"verdict": self.verdict, "reasons": [asdict(reason) for reason in self.reasons]}


def decide(evidence: Evidence, policy: Policy) -> Verdict:
    """Judge evidence by a policy; nothing else is looked at, nothing is written.

    Args:
        evidence: the sealed record of how a bundle was made and judged.
        policy: its rules, written in advance.
    """
    judged = [(rule, _JUDGES[type(rule)](evidence, rule)) for rule in policy.rules]
    reasons = tuple(reason for _, found in judged for reason in found)
    # A rule that gives no reason would be a silent yes.
    good = all(found for _, found in judged) and all(reason.status in ("passed", "not_applicable") for reason in reasons)
    return Verdict("passed" if good else "rejected", reasons)


_JUDGES: Mapping[type[Any], Callable[[Evidence, Any], list[Reason]]] = {
    BoundRule: performance.bound,
    CasesRule: performance.cases,
    ParityRule: performance.parity,
    PrecisionRule: performance.precision,
    DataRule: data.verdict,
    LeakageRule: data.leakage,
    ContradictionRule: subgroups.contradicted,
    SubgroupRule: subgroups.each,
    GapRule: subgroups.gap,
    WorstRule: subgroups.worst,
    NonInferiorityRule: champion.non_inferiority,
    ShiftRule: champion.score_shift,
    RobustnessRule: stress.robustness,
    OcclusionRule: stress.occlusion,
    ProbeRule: stress.probe,
    ExplanationRule: stress.explanation,
    ChangesRule: changes.permitted,
}

if missing := set(get_args(AnyRule)) - set(_JUDGES):  # a rule without a judge would be a silent yes
    raise TypeError(f"rules without a judge: {missing}")
