"""The gate: a pure function from evidence and policy to a verdict with reasons.

Missing evidence means no: a number that is absent, null or not finite makes its rule `not_evaluable`,
and only rules that passed (or that the policy declared not applicable in advance) let a bundle through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from radloop.use_case import BoundRule, CasesRule, DataRule, ParityRule, Policy, Rule, SubgroupRule

Status = Literal["passed", "failed", "not_evaluable", "not_applicable"]


@dataclass(frozen=True)
class Reason:
    """One rule's outcome.

    Attributes:
        rule: the rule's name, with the subgroup in brackets where it has one.
        number: what was seen; None when there was nothing to see.
        limit: what the policy asks.
        sentence: for the reviewer.
    """

    rule: str
    status: Status
    number: float | None
    limit: float | None
    sentence: str


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


Evidence = Mapping[str, Any]


def decide(evidence: Evidence, policy: Policy) -> Verdict:
    """Judge evidence by a policy; nothing else is looked at, nothing is written.

    Args:
        evidence: the sealed record of how a bundle was made and judged.
        policy: its rules, written in advance.
    """
    reasons = tuple(reason for rule in policy.rules for reason in _JUDGES[type(rule)](evidence, rule))
    good = bool(reasons) and all(reason.status in ("passed", "not_applicable") for reason in reasons)
    return Verdict("passed" if good else "rejected", reasons)


def _number(value: Any) -> float | None:
    """Return a finite number, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _at(document: Any, *path: str) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _compared(rule: str, number: float | None, limit: float, least: bool, what: str) -> Reason:
    """Return the reason for a number that must be at least, or at most, a limit."""
    if number is None:
        return Reason(rule, "not_evaluable", None, limit, f"{what} cannot be computed: missing evidence means no.")
    good = number >= limit if least else number <= limit
    demand = f"at {'least' if least else 'most'} {limit:g}"
    return Reason(rule, "passed" if good else "failed", number, limit, f"{what} is {number:.3f}; the policy asks {demand}.")


def _bound(evidence: Evidence, rule: BoundRule) -> list[Reason]:
    least = rule.kind == "lower_bound"
    of_label = f" for {rule.label}" if rule.label is not None else ""
    metrics = _at(evidence, "metrics") if rule.label is None else _at(evidence, "labels", rule.label, "metrics")
    number = _end(_at(metrics, rule.metric), "low" if least else "high")
    what = f"The {'lower' if least else 'upper'} 95% bound of {rule.metric}{of_label}"
    return [_compared(rule.name, number, rule.limit, least, what)]


def _end(metric: Any, end: str) -> float | None:
    """Return a bound of a metric; without a value there is none."""
    return _number(_at(metric, end)) if _number(_at(metric, "value")) is not None else None


def _counts(document: Any) -> tuple[float | None, float | None]:
    """Return positive and negative images: of several labels, the fewest of any, so that none is judged on less."""
    if _at(document, "fewest") is not None:
        return _number(_at(document, "fewest", "positives")), _number(_at(document, "fewest", "negatives"))
    images, positives = _number(_at(document, "images")), _number(_at(document, "positives"))
    return positives, images - positives if images is not None and positives is not None else None


def _subgroups(evidence: Evidence, rule: SubgroupRule) -> list[Reason]:
    rows = _at(evidence, "subgroups")
    gated = _at(evidence, "policy_subgroups")
    if not isinstance(gated, list) or not gated or not isinstance(rows, list):
        return [
            Reason(
                rule.name, "not_evaluable", None, rule.limit, "The evidence names no gated subgroups: missing evidence means no."
            )
        ]
    found = {key: row for row in rows if (key := _key(row)) is not None}
    return [_subgroup(found.get(key) if (key := _key(group)) is not None else None, group, rule) for group in gated]


def _key(document: Any) -> tuple[str, str] | None:
    attribute, value = _at(document, "attribute"), _at(document, "value")
    return (attribute, value) if isinstance(attribute, str) and isinstance(value, str) else None


def _subgroup(row: Any, group: Any, rule: SubgroupRule) -> Reason:
    name = f"{_at(group, 'attribute')}={_at(group, 'value')}"
    title = f"{rule.name}[{name}]"
    positives, negatives = _counts(row)
    if positives is None or negatives is None:
        return Reason(title, "not_evaluable", None, rule.limit, f"No test case of {name} was judged: missing evidence means no.")
    # A region is judged where there is one: images without any are not asked for.
    least = 0 if rule.metric in ("dice", "location") else rule.min_negatives
    if positives < rule.min_positives or negatives < least:
        label = " of the rarest label" if _at(row, "fewest") is not None else ""
        seen = f"{name} has {positives:.0f} positive and {negatives:.0f} negative test images{label}"
        need = f"{rule.min_positives} and {least} are needed to judge it"
        return Reason(title, "not_evaluable", None, rule.limit, f"{seen}; {need}.")
    number = _end(_at(row, "metrics", rule.metric), "low")
    return _compared(title, number, rule.limit, True, f"The lower 95% bound of {rule.metric} for {name}")


def _cases(evidence: Evidence, rule: CasesRule) -> list[Reason]:
    counted = _at(evidence, "population", "gated")
    positives, negatives = _counts(counted)
    of_label = " of the label with the fewest" if _at(counted, "fewest") is not None else ""
    return [
        _counted(f"{rule.name}[positives]", positives, rule.positives, "positive", of_label),
        _counted(f"{rule.name}[negatives]", negatives, rule.negatives, "negative", of_label),
    ]


def _counted(rule: str, number: float | None, limit: int, word: str, of_label: str) -> Reason:
    if number is None:
        return Reason(
            rule, "not_evaluable", None, float(limit), f"The number of {word} test images is missing: missing evidence means no."
        )
    status: Status = "passed" if number >= limit else "failed"
    sentence = f"There are {number:.0f} {word} test images{of_label}; the policy asks at least {limit}."
    return Reason(rule, status, number, float(limit), sentence)


def _parity(evidence: Evidence, rule: ParityRule) -> list[Reason]:
    difference = _number(_at(evidence, "parity", "max_difference"))
    flips = _number(_at(evidence, "parity", "flips"))
    what = "The largest change of a probability from the trained network to the bundle"
    reason = _compared(rule.name, difference, rule.max_difference, False, what)
    if difference is not None:
        reason = Reason(
            rule.name,
            reason.status,
            difference,
            rule.max_difference,
            f"{what} is {difference:.2g}; the policy asks at most {rule.max_difference:g}.",
        )
    counted = Reason(
        f"{rule.name}[flips]",
        "not_evaluable" if flips is None else "passed" if flips <= rule.max_flips else "failed",
        flips,
        float(rule.max_flips),
        "The number of changed decisions is missing: missing evidence means no."
        if flips is None
        else f"{flips:.0f} decisions change from the trained network to the bundle; the policy allows {rule.max_flips}.",
    )
    return [reason, counted]


def _data(evidence: Evidence, rule: DataRule) -> list[Reason]:
    success = _at(evidence, "data", "validation", "success")
    if success is True:
        return [Reason(rule.name, "passed", None, None, "Great Expectations accepted the data version.")]
    if success is False:
        return [Reason(rule.name, "failed", None, None, "Great Expectations refused the data version.")]
    return [Reason(rule.name, "not_evaluable", None, None, "The data version was not validated: missing evidence means no.")]


_JUDGES: dict[type[Any], Callable[[Evidence, Any], list[Reason]]] = {
    BoundRule: _bound,
    SubgroupRule: _subgroups,
    CasesRule: _cases,
    ParityRule: _parity,
    DataRule: _data,
}

if missing := set(get_args(get_args(Rule)[0])) - set(_JUDGES):  # a rule without a judge would be a silent yes
    raise TypeError(f"rules without a judge: {missing}")
