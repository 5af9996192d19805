"""What the bundle rests on: perturbed images, hidden regions, attributes in its features, its heat map."""

from __future__ import annotations

from collections.abc import Iterator

from radloop.governance.judges.reading import Evidence, at, end, number
from radloop.governance.judges.reason import Reason, compared, missing
from radloop.use_case import ExplanationRule, OcclusionRule, ProbeRule, RobustnessRule


def robustness(evidence: Evidence, rule: RobustnessRule) -> list[Reason]:
    """Judge the fall of AUROC under each perturbation at one strength."""
    return [_perturbed(evidence, name, rule) for name in rule.perturbations]


def _perturbed(evidence: Evidence, name: str, rule: RobustnessRule) -> Reason:
    steps = at(evidence, "robustness", "perturbations", name)
    found = [step for step in steps if at(step, "strength") == rule.strength] if isinstance(steps, list) else []
    drop = end(at(found[0], "auroc_drop"), "high") if len(found) == 1 else None
    what = f"The fall of AUROC under {name} of strength {rule.strength} (upper 95% bound)"
    return compared(f"{rule.name}[{name}]", drop, rule.limit, False, what)


def occlusion(evidence: Evidence, rule: OcclusionRule) -> list[Reason]:
    """Judge the fall of AUROC where each region is hidden."""
    return [reason for region in rule.regions for reason in _hidden(evidence, region, rule)]


def _hidden(evidence: Evidence, region: str, rule: OcclusionRule) -> Iterator[Reason]:
    found = at(evidence, "shortcuts", "occlusion", region)
    least, words, title = rule.kind == "occlusion_lower_bound", _place(region), f"{rule.name}[{region}]"
    what = f"The fall of AUROC when {words} is hidden ({'lower' if least else 'upper'} 95% bound)"
    reason = compared(title, end(at(found, "auroc_drop"), "low" if least else "high"), rule.limit, least, what)
    learnt = f" Without {words} it does as well: it reads something else." if least else f" The model reads what lies in {words}."
    yield _explained(reason, learnt)
    if rule.max_flips is not None and not least:
        what = f"The share of decisions that change when {words} is hidden"
        yield _explained(
            compared(f"{rule.name}[{region} flips]", number(at(found, "flips")), rule.max_flips, False, what), learnt
        )


def _explained(reason: Reason, learnt: str) -> Reason:
    """Return a reason that says what a failure means."""
    sentence = reason.sentence + (learnt if reason.status == "failed" else "")
    return Reason(reason.rule, reason.status, reason.number, reason.limit, sentence)


def _place(region: str) -> str:
    """Return a region in words."""
    return f"the {region.replace('_', ' ')} corner" if "_" in region else f"the {region}"


def probe(evidence: Evidence, rule: ProbeRule) -> list[Reason]:
    """Judge how well each attribute can be told from the network's features."""
    return [
        compared(
            f"{rule.name}[{attribute}]",
            end(at(evidence, "shortcuts", "probes", attribute, "auroc"), "high"),
            rule.limit,
            False,
            f"The AUROC of a probe that tells {attribute.replace('_', ' ')} from the features (upper 95% bound)",
        )
        for attribute in rule.attributes
    ]


def explanation(evidence: Evidence, rule: ExplanationRule) -> list[Reason]:
    """Judge whether the heat map passed its sanity checks."""
    sane, why = at(evidence, "explanations", "sane"), at(evidence, "explanations", "reason")
    because = f": {why.rstrip('.')}" if isinstance(why, str) and why else ""
    if sane is True:
        return [Reason(rule.name, "passed", None, None, "The heat map passed its sanity checks.")]
    if sane is False:
        return [Reason(rule.name, "failed", None, None, f"The heat map failed its sanity checks{because}.")]
    return [missing(rule.name, f"The heat map was not checked{because}")]
