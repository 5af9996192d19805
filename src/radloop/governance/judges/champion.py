"""The candidate beside the champion, on the same cases and the same draws."""

from __future__ import annotations

from typing import Any

from radloop.governance.judges.reading import Evidence, at, end, first_version, number
from radloop.governance.judges.reason import Reason, missing, no_champion
from radloop.use_case import ERRORS, NonInferiorityRule, ShiftRule


def non_inferiority(evidence: Evidence, rule: NonInferiorityRule) -> list[Reason]:
    """Judge whether the candidate is worse than the champion by less than a margin, for certain."""
    alone = no_champion(rule.name, first_version(evidence), rule.first is not None, rule.margin)
    if alone is not None:
        return [alone]
    error = rule.metric in ERRORS
    champion = _version(evidence)
    bound = end(at(evidence, "champion", "difference", rule.metric), "high" if error else "low")
    if bound is None:
        return [missing(rule.name, _unknown(evidence, f"{rule.metric} beside {champion}"), rule.margin)]
    lost = bound if error else -bound
    what = f"{rule.metric} beside {champion} on the same cases: the candidate may be worse by up to {max(0.0, lost):.3f}"
    sentence = f"{what} (95% bound of the paired difference); the policy allows less than {rule.margin:g}."
    return [Reason(rule.name, "passed" if lost < rule.margin else "failed", lost, rule.margin, sentence)]


def score_shift(evidence: Evidence, rule: ShiftRule) -> list[Reason]:
    """Judge the threshold that the bundle carries, beside what the old one would do to its scores."""
    alone = no_champion(rule.name, first_version(evidence), rule.first is not None, rule.max_flips)
    if alone is not None:
        return [alone]
    champion = at(evidence, "champion")
    moved, flips = _moved(champion), number(at(champion, "shift", "flips"))
    least = {"sensitivity": rule.min_sensitivity, "specificity": rule.min_specificity}
    old = {rate: end(at(champion, "shift", rate), "low") for rate in least}
    own = {rate: end(at(champion, "difference", rate), "low") for rate in least}
    kept, held = _keeps(old, least), _keeps(own, least)
    if moved is None or flips is None or kept is None or held is None:
        what = _unknown(evidence, f"The decisions at the threshold of {_version(evidence)}")
        return [missing(rule.name, what, rule.max_flips)]
    kept = kept and flips <= rule.max_flips
    good = held if moved else kept and held
    sentence = " ".join([_at_old(evidence, flips, old, kept), _carried(champion, moved, own, held)])
    return [Reason(rule.name, "passed" if good else "failed", flips, rule.max_flips, sentence)]


def _keeps(bounds: dict[str, float | None], least: dict[str, float]) -> bool | None:
    """Tell whether both rates hold, None where one is unknown."""
    known = {rate: bound for rate, bound in bounds.items() if bound is not None}
    return all(bound >= least[rate] for rate, bound in known.items()) if len(known) == len(bounds) else None


def _moved(champion: Any) -> bool | None:
    """Tell whether a threshold is another than the champion's, None where that is unknown.

    Where neither bundle has a threshold, as where the most probable class is the answer, it has not moved.
    """
    old, new = (_cuts(at(champion, "thresholds", whose)) for whose in ("champion", "candidate"))
    if not old or not new or [cut is None for cut in old] != [cut is None for cut in new]:
        return None
    return old != new


def _cuts(thresholds: Any) -> list[float | None]:
    """Return the thresholds, none unless each is a number or null."""
    if not isinstance(thresholds, list) or any(cut is not None and number(cut) is None for cut in thresholds):
        return []
    return [number(cut) for cut in thresholds]


def _at_old(evidence: Evidence, flips: float, bounds: dict[str, float | None], kept: bool) -> str:
    changed = f"At the threshold of {_version(evidence)}, {flips:.1%} of decisions change"
    return f"{changed} ({_rates(bounds)}): the old threshold {'may stay' if kept else 'is refused'}."


def _carried(champion: Any, moved: bool, bounds: dict[str, float | None], held: bool) -> str:
    if not moved:
        return f"The bundle carries the old threshold; the rates {'hold' if held else 'do not hold'}."
    old, new = at(champion, "thresholds", "champion"), at(champion, "thresholds", "candidate")
    way = f" from {_cut(old[0])} to {_cut(new[0])}" if len(old) == 1 else ""
    return f"The threshold moved{way}: refitted, {'it keeps both rates' if held else 'it does not keep them'} ({_rates(bounds)})."


def _cut(threshold: Any) -> str:
    seen = number(threshold)
    return "none" if seen is None else f"{seen:.3f}"


def _rates(bounds: dict[str, float | None]) -> str:
    return ", ".join(f"{rate} at the least {bound:+.3f}" for rate, bound in bounds.items())


def _version(evidence: Evidence) -> str:
    seen = number(at(evidence, "champion", "version"))
    return "the champion" if seen is None else f"version {seen:.0f}"


def _unknown(evidence: Evidence, what: str) -> str:
    """Return what could not be compared, with the reason that was recorded."""
    why = at(evidence, "champion", "reason")
    return f"{what} cannot be judged{f' ({why})' if isinstance(why, str) and why else ''}"
