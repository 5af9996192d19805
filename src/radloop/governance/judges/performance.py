"""How well the bundle does, on how many cases, and whether it is the network that was trained."""

from __future__ import annotations

from radloop.governance.judges.reading import Evidence, at, counts, end, number
from radloop.governance.judges.reason import Reason, Status, compared, missing
from radloop.use_case import BoundRule, CasesRule, ParityRule, PrecisionRule


def bound(evidence: Evidence, rule: BoundRule) -> list[Reason]:
    """Judge a bound of a metric's interval."""
    least = rule.kind == "lower_bound"
    of_label = f" for {rule.label}" if rule.label is not None else ""
    metrics = at(evidence, "metrics") if rule.label is None else at(evidence, "labels", rule.label, "metrics")
    seen = end(at(metrics, rule.metric), "low" if least else "high")
    what = f"The {'lower' if least else 'upper'} 95% bound of {rule.metric}{of_label}"
    return [compared(rule.name, seen, rule.limit, least, what)]


def cases(evidence: Evidence, rule: CasesRule) -> list[Reason]:
    """Judge the number of test cases."""
    counted = at(evidence, "population", "gated")
    positives, negatives = counts(counted)
    of_label = " of the label with the fewest" if at(counted, "fewest") is not None else ""
    return [
        _counted(f"{rule.name}[positives]", positives, rule.positives, "positive", of_label),
        _counted(f"{rule.name}[negatives]", negatives, rule.negatives, "negative", of_label),
    ]


def _counted(rule: str, seen: float | None, limit: int, word: str, of_label: str) -> Reason:
    if seen is None:
        return missing(rule, f"The number of {word} test images is missing", float(limit))
    status: Status = "passed" if seen >= limit else "failed"
    sentence = f"There are {seen:.0f} {word} test images{of_label}; the policy asks at least {limit}."
    return Reason(rule, status, seen, float(limit), sentence)


def parity(evidence: Evidence, rule: ParityRule) -> list[Reason]:
    """Judge the bundle against the trained network."""
    difference, flips = number(at(evidence, "parity", "max_difference")), number(at(evidence, "parity", "flips"))
    return [_difference(difference, rule), _flips(flips, rule)]


def _difference(seen: float | None, rule: ParityRule) -> Reason:
    what = "The largest change of a probability from the trained network to the bundle"
    if seen is None:
        return missing(rule.name, f"{what} cannot be computed", rule.max_difference)
    status: Status = "passed" if seen <= rule.max_difference else "failed"
    sentence = f"{what} is {seen:.2g}; the policy asks at most {rule.max_difference:g}."
    return Reason(rule.name, status, seen, rule.max_difference, sentence)


def precision(evidence: Evidence, rule: PrecisionRule) -> list[Reason]:
    """Judge the bundle as it is served against the trained network, on `test`."""
    found = at(evidence, "precision", "test")
    change, flips, decided, area = (number(at(found, name)) for name in ("max_change", "flips", "decisions", "auroc_change"))
    share = flips / decided if flips is not None and decided else None
    reasons = [
        _moved(rule.name, change, rule.max_change, "The largest change of a probability on test"),
        _moved(f"{rule.name}[flips]", share, rule.max_flips, "The share of decisions that change on test"),
    ]
    if rule.max_auroc_change is None:
        return reasons
    return [*reasons, _moved(f"{rule.name}[auroc]", area, rule.max_auroc_change, "The largest change of an AUROC on test")]


def _moved(title: str, seen: float | None, limit: float, what: str) -> Reason:
    what = f"{what}, from the trained network to the bundle as it is served,"
    if seen is None:
        return missing(title, f"{what} cannot be computed", limit)
    sentence = f"{what} is {seen:.2g}; the policy asks at most {limit:g}."
    return Reason(title, "passed" if seen <= limit else "failed", seen, limit, sentence)


def _flips(seen: float | None, rule: ParityRule) -> Reason:
    title, limit = f"{rule.name}[flips]", float(rule.max_flips)
    if seen is None:
        return missing(title, "The number of changed decisions is missing", limit)
    sentence = f"{seen:.0f} decisions change from the trained network to the bundle; the policy allows {rule.max_flips}."
    return Reason(title, "passed" if seen <= limit else "failed", seen, limit, sentence)
