"""What was trained on: the data's verdict and its leaks."""

from __future__ import annotations

from collections.abc import Mapping

from radloop.governance.judges.reading import Evidence, at, number
from radloop.governance.judges.reason import Reason, missing
from radloop.use_case import DataRule, LeakageRule


def verdict(evidence: Evidence, rule: DataRule) -> list[Reason]:
    """Judge what Great Expectations said of the data version."""
    success = at(evidence, "data", "validation", "success")
    if success is True:
        return [Reason(rule.name, "passed", None, None, "Great Expectations accepted the data version.")]
    if success is False:
        return [Reason(rule.name, "failed", None, None, "Great Expectations refused the data version.")]
    return [missing(rule.name, "The data version was not validated")]


def leakage(evidence: Evidence, rule: LeakageRule) -> list[Reason]:
    """Judge whether everything that was found on both sides of a split is out of use."""
    leaks = at(evidence, "data", "leaks")
    standing, dropped, findings = number(at(leaks, "standing")), number(at(leaks, "dropped")), at(leaks, "findings")
    kinds = {kind: number(count) for kind, count in findings.items()} if isinstance(findings, Mapping) else {None: None}
    if standing is None or dropped is None or None in kinds.values():
        return [missing(rule.name, "What was found across splits, and what became of it, is not recorded", 0.0)]
    named = ", ".join(f"{count:.0f} {str(kind).replace('_', ' ')}" for kind, count in kinds.items() if count) or "none"
    sentence = f"Leaks across splits: {named}; {dropped:.0f} images were dropped for them and {standing:.0f} leaks stand."
    return [Reason(rule.name, "passed" if standing == 0 else "failed", standing, 0.0, sentence)]
