"""What may help where the gate found that a group is served worse: the lines of YAML, and in a sentence why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from radloop.governance.gate import Verdict
from radloop.use_case import ERRORS, ContradictionRule, SizedRule, UseCase

_RATES = frozenset({"sensitivity", "specificity", "ppv", "npv", "f1", "accuracy", "balanced_accuracy"})
"""What a threshold moves."""


@dataclass(frozen=True)
class Proposal:
    """One mitigation.

    Attributes:
        rules: that said no.
        sentence: why this may help.
        yaml: for the use case's file; the next `radloop retrain` shows the groups before and after it.
    """

    rules: tuple[str, ...]
    sentence: str
    yaml: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def proposals(use_case: UseCase, verdict: Verdict) -> list[Proposal]:
    """Return the mitigations that answer the failed rules, one an attribute; what was tried already is not proposed again."""
    rules = {rule.name: rule for rule in use_case.policy.rules}
    wanted: dict[str, dict[str, list[str]]] = {}
    for reason in verdict.reasons:
        name, _, group = reason.rule.partition("[")
        rule = rules.get(name)
        if reason.status != "failed" or not isinstance(rule, SizedRule | ContradictionRule):
            continue
        attribute = group.rstrip("]").partition("=")[0]
        step = _step(rule, attribute, use_case)
        if step is not None:
            wanted.setdefault(attribute, {}).setdefault(step, []).append(reason.rule)
    return [_proposal(attribute, steps, use_case) for attribute, steps in wanted.items()]


def _step(rule: SizedRule | ContradictionRule, attribute: str, use_case: UseCase) -> str | None:
    """Return the line that answers a rule, None where there is none or it was tried."""
    tried = use_case.mitigation
    lines = list(_steps(rule, attribute, use_case))
    done = {f"{key}: {value}" for key, value in (tried.model_dump() if tried else {}).items()}
    return next((line for line in lines if line not in done), None)


def _steps(rule: SizedRule | ContradictionRule, attribute: str, use_case: UseCase) -> Iterator[str]:
    kind = use_case.labels.kind
    if kind == "segmentation":
        return
    if isinstance(rule, ContradictionRule):
        yield "labels: set_aside"
        return
    if rule.metric in ERRORS:  # how groups are drawn or cut mends no probability
        return
    fitted = kind in ("binary", "multilabel") and use_case.operating_point.kind != "fixed"
    if rule.metric in _RATES and fitted and attribute in ("sex", "age_band"):
        yield "thresholds: per_group"
    if kind != "multilabel":
        yield "training: balanced_sampling"
    yield "training: reweighting"


_WHY = {
    "labels: set_aside": (
        "labels of train look wrong: read them again, or set aside those that a network contradicts though it was taught them"
    ),
    "thresholds: per_group": "a threshold of its own may bring a group's rates where the policy wants them",
    "training: balanced_sampling": "training that draws every label of every group as often may serve the smaller groups better",
    "training: reweighting": "training that weighs every group as if its labels were spread as everybody's may serve it better",
}


def _proposal(attribute: str, steps: Mapping[str, Iterable[str]], use_case: UseCase) -> Proposal:
    tried = use_case.mitigation
    kept = []
    if tried is not None and tried.attribute == attribute:
        keys = {step.partition(":")[0] for step in steps}
        own = tried.model_dump(exclude_none=True, exclude={"attribute", "most"})
        kept = [f"{key}: {value}" for key, value in own.items() if key not in keys]
    one_a_key = {step.partition(":")[0]: step for step in [*kept, *steps]}
    lines = ["mitigation:", f"  attribute: {attribute}", *(f"  {step}" for step in one_a_key.values())]
    rules = tuple(dict.fromkeys(rule for found in steps.values() for rule in found))
    why = "; ".join(_WHY[step] for step in steps)
    return Proposal(rules, f"Of {attribute}, {why}.", "\n".join(lines) + "\n")
