"""The rules of a policy that ask for nothing but numbers, asked of another site's.

The verdict on a bundle stays what it was: this says which of the rules would have passed there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from radloop.governance.gate import decide
from radloop.governance.judges.reading import Evidence
from radloop.governance.judges.reason import Reason
from radloop.use_case import BESIDE_CHAMPION, Policy

ABSOLUTE: frozenset[str] = frozenset(
    {
        "lower_bound",
        "upper_bound",
        "minimum_cases",
        "subgroup_lower_bound",
        "subgroup_upper_bound",
        "subgroup_gap",
        "worst_subgroup",
    }
)
"""The kinds that ask how well, on how many and for whom: they can be asked of any cases."""
_EXAMINED: frozenset[str] = frozenset(
    {"robustness", "occlusion_upper_bound", "occlusion_lower_bound", "shortcut_probe", "explanation"}
)


@dataclass(frozen=True)
class Outlook:
    """What a policy's rules say of another site's numbers.

    Attributes:
        reasons: of every rule in the policy's order; what cannot be asked there is `not_applicable`.
        would_pass: whether each absolute rule passed; None where the policy has none.
    """

    reasons: tuple[Reason, ...]
    would_pass: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as an addendum keeps it."""
        return {"reasons": [asdict(reason) for reason in self.reasons], "would_pass": self.would_pass}


def outlook(numbers: Evidence, policy: Policy) -> Outlook:
    """Ask a policy's absolute rules of numbers that stand under the names that evidence has for them.

    Args:
        numbers: `metrics`, `labels`, `population`, `subgroups`, `policy_subgroups`.
        policy: the one by which the bundle was judged.
    """
    reasons: list[Reason] = []
    asked: list[bool] = []
    for rule in policy.rules:
        if rule.kind not in ABSOLUTE:
            reasons.append(Reason(rule.name, "not_applicable", None, None, _why(rule.kind)))
            continue
        found = decide(numbers, policy.model_copy(update={"rules": (rule,)}))
        reasons += found.reasons
        asked.append(found.passed)
    return Outlook(tuple(reasons), all(asked) if asked else None)


def _why(kind: str) -> str:
    if kind in BESIDE_CHAMPION:
        return "It holds a candidate against the champion, which the evidence does on the bundle's own test."
    if kind in _EXAMINED:
        return "It asks the bundle about altered images, which the evidence does on the bundle's own test."
    return "It judges how the bundle was made: that stands in the evidence."


def failed(addendum: Mapping[str, Any]) -> list[str]:
    """Return the names of the rules that would not have passed."""
    return [str(reason["rule"]) for reason in addendum["reasons"] if reason["status"] not in ("passed", "not_applicable")]
