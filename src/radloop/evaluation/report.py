"""The evidence as one page that a radiologist can read: it computes nothing, asks the network for nothing, hides nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import PurePath
from typing import Any

from jinja2 import ChainableUndefined, Environment, PackageLoader, Template
from markupsafe import Markup

from radloop.evaluation import beside, examined, mitigated, sections
from radloop.evaluation.sections import absent
from radloop.evaluation.wording import CAPTIONS, LABELLED, MARKS, MISSING, UNRECORDED, name, section_of

_PNG = b"\x89PNG\r\n\x1a\n"


def render_report(
    evidence: Mapping[str, Any],
    verdict: Mapping[str, Any],
    figures: Mapping[str, bytes],
    review: Mapping[str, Any] | None = None,
    addenda: Sequence[Mapping[str, Any]] = (),
    label: Mapping[str, Any] | None = None,
    folded: bool = True,
) -> str:
    """Return evidence and verdict as one self-contained HTML page, in the order in which a radiologist asks.

    Images and style are inlined; there is no script and no address that a browser would fetch. Every text is escaped.
    A number that is null, NaN or absent reads `not evaluable`, a fact that is absent `not recorded`; neither reads 0.

    Args:
        evidence: the evidence, JSON types only, sealed (`seal`) or not yet.
        verdict: the gate's `verdict` and `reasons`, and `proposals` of what may help.
        figures: PNG bytes by file name, such as `roc.png`; each is compared with its digest in the
            evidence. Each stands in the section that it belongs to, in the order of `CAPTIONS`.
        review: the last decision on the version: `decision`, `by`, `note`, `time` and `verified`.
        addenda: what was learnt later, each with `kind` and its own `metrics`; their numbers stand beside the evidence's.
        label: the model's facts, as `governance.model_facts` gives them.
        folded: whether long tables are folded; on paper nothing can be unfolded.

    Raises:
        ValueError: a figure is no PNG.
    """
    metrics = sections.metric_rows(evidence)
    found = evidence.get("confusion") or {}
    rules = [_rule(reason) for reason in verdict.get("reasons") or ()]
    return _template("report").render(
        evidence=evidence,
        review=review,
        label=label,
        unfolded=not folded,
        decision=_decision(verdict, rules),
        rules=rules,
        proposals=list(verdict.get("proposals") or ()),
        mitigation=mitigated.mitigation_of(evidence),
        sets=mitigated.sets_of(evidence),
        image=((evidence.get("use_case") or {}).get("config") or {}).get("image"),
        tested=sections.tested_rows(evidence),
        benefit=beside.benefit_of(evidence),
        readers=beside.readers_of(evidence),
        champion=beside.champion_of(evidence),
        areas=beside.areas,
        addenda=[
            row | {"rules": [_rule(reason) for reason in row["reasons"]]} for row in beside.addendum_rows(evidence, addenda)
        ],
        kind=sections.kind_of(evidence),
        words=sections.words_of(evidence),
        headline=sections.headline(evidence),
        metrics=metrics,
        tiles=sections.tiles(evidence, metrics),
        labels=sections.label_rows(evidence),
        labelled=[(key, name(key)) for key in LABELLED],
        confusion=sections.matrix(found.get("counts"), found.get("labels") or ()),
        severity=sections.severity_of(evidence),
        clinical=sections.clinical_rows(evidence),
        attributes=sections.attribute_rows(evidence),
        grouped=sections.grouped(evidence),
        fairness=examined.fairness_rows(evidence),
        pairs=examined.pair_rows(evidence),
        shortcuts=examined.shortcuts_of(evidence),
        robustness=examined.robustness_of(evidence),
        pictures=_pictures(figures, evidence),
        absent=sorted(name_ for name_ in evidence.get("figures") or {} if name_.endswith(".png") and name_ not in figures),
        fitting=_fitting(evidence),
        cuts=sections.cuts_by_group(evidence),
    )


def render_model_facts(label: Mapping[str, Any]) -> str:
    """Return the model's facts as a self-contained HTML page of their own, which fits on one sheet.

    Args:
        label: as `governance.model_facts` gives it.
    """
    return _template("model_facts").render(label=label)


@cache
def _template(page: str) -> Template:
    environment = Environment(
        loader=PackageLoader("radloop.evaluation", "page"),
        autoescape=True,
        undefined=ChainableUndefined,
        finalize=_known,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown: dict[str, Callable[..., Any]] = {
        "number": _number,
        "digits": _number,
        "count": _count,
        "share": _share,
        "percent": _percent,
        "amount": _amount,
        "interval": _interval,
        "known": _known,
        "plain": _plain,
    }
    environment.filters.update(shown)
    environment.tests["absent"] = absent
    return environment.get_template(f"{page}.html.j2")


def _decision(verdict: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how the verdict reads, and which rules are met; a pass that its own rules contradict is not shown as one."""
    met = [rule for rule in rules if rule["status"] in ("passed", "not_applicable")]
    unmet = [rule for rule in rules if rule not in met]
    parts = {"met": met, "unmet": unmet}
    claimed = verdict.get("verdict") == "passed"
    if claimed and rules and not unmet:
        sentence = "Every rule is met. A named person still has to approve it."
        return parts | {"passed": True, "word": "Passed the gate", "sentence": sentence}
    if claimed:
        why = f"{len(unmet)} of {len(rules)} rules are not met" if rules else "no rule was applied"
        sentence = f"It says passed, but {why}. Do not approve it."
        return parts | {"passed": False, "word": "Contradictory verdict", "sentence": sentence}
    sentence = f"{len(unmet)} of {len(rules)} rules are not met." if rules else "No rule was applied."
    return parts | {"passed": False, "word": "Rejected by the gate", "sentence": sentence}


def _rule(reason: Mapping[str, Any]) -> dict[str, Any]:
    status = str(reason.get("status"))
    symbol, word = MARKS.get(status, ("?", status.replace("_", " ")))
    number, limit = _pair(reason.get("number"), reason.get("limit"), status)
    return {
        "name": reason.get("rule"),
        "status": status if status in MARKS else "not_evaluable",
        "symbol": symbol,
        "word": word,
        "number": number,
        "limit": limit,
        "sentence": reason.get("sentence"),
    }


def _pair(number: Any, limit: Any, status: str) -> tuple[str, str]:
    """Return a number beside its limit, with as many digits as tell them apart; a rule may have neither."""
    if absent(limit):
        shown = "\N{EM DASH}" if absent(number) and status != "not_evaluable" else _number(number)
        return shown, "\N{EM DASH}"
    if absent(number):
        return MISSING, f"{limit:,.0f}" if float(limit).is_integer() else _number(limit)
    if float(number).is_integer() and float(limit).is_integer():
        return f"{number:,.0f}", f"{limit:,.0f}"
    digits = next((d for d in range(3, 8) if f"{number:.{d}f}" != f"{limit:.{d}f}"), 3)
    return _number(number, digits), _number(limit, digits)


def _place(name: str) -> tuple[int, str]:
    """Return where a figure stands on the page."""
    known = list(CAPTIONS)
    stem = PurePath(name).stem
    return (known.index(stem) if stem in known else len(known), name)


def _pictures(figures: Mapping[str, bytes], evidence: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the figures by the section that shows them; severity's stand by themselves where there is no such section."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name_ in sorted(figures, key=_place):
        section = section_of(PurePath(name_).stem)
        known = {"severity": sections.severity_of(evidence), "benefit": beside.benefit_of(evidence)}
        shown = section if section not in known or known[section] is not None else "figures"
        found.setdefault(shown, []).append(_picture(name_, figures[name_], evidence))
    return found


def _picture(name: str, content: bytes, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return a figure with its caption, and whether it is the one whose digest the evidence keeps."""
    if not content.startswith(_PNG):
        raise ValueError(f"figure {name} is no PNG: draw it with radloop.evaluation.figures")
    stem = PurePath(name).stem
    sealed = (evidence.get("figures") or {}).get(name)
    return {
        "name": name,
        "caption": CAPTIONS.get(stem, stem.replace("_", " ")),
        "data": base64.b64encode(content).decode("ascii"),
        "sealed": sealed == "sha256:" + hashlib.sha256(content).hexdigest(),
        "known": sealed is not None,
    }


def _fitting(evidence: Mapping[str, Any]) -> str:
    """Return in words how the threshold was chosen."""
    policy = (evidence.get("bundle") or {}).get("threshold_policy") or {}
    kind, value = policy.get("kind"), policy.get("value")
    if kind == "target_sensitivity" and not absent(value):
        return f"the highest threshold whose sensitivity on the calibrate split is at least {value:.1%}"
    if kind == "youden":
        return "the threshold with the largest sensitivity + specificity on the calibrate split"
    if kind == "cost":
        place = policy.get("prevalence")
        where = "the calibrate split" if absent(place) else f"a prevalence of {place:.1%}"
        costs = f"a miss at {policy.get('miss'):g} and a false alarm at {policy.get('alarm'):g}"
        return f"the threshold of least cost at {where}, {costs}"
    if kind == "fixed" and not absent(value):
        return f"{value:g}, agreed on before training; nothing was fitted"
    return str(kind).replace("_", " ") if kind else UNRECORDED


def _known(value: Any) -> Any:
    """Return a fact as it reads; what nobody wrote down says so. A part of the page may be empty."""
    if isinstance(value, Markup):
        return value
    if absent(value) or (isinstance(value, str) and not value):
        return UNRECORDED
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _plain(value: Any) -> str:
    """Return a sentence, or a mapping as `key: value`, for what others put into lists."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_known(item)}" for key, item in value.items())
    return str(_known(value))


def _number(value: Any, digits: int = 3) -> str:
    if absent(value):
        return MISSING
    return f"{value:.1e}" if 0 < abs(value) < 0.5 * 10**-digits else f"{value:.{digits}f}"


def _count(value: Any) -> str:
    return MISSING if absent(value) else f"{value:,.0f}"


def _share(part: Any, whole: Any) -> str:
    return MISSING if absent(part) or absent(whole) or not whole else f"{part / whole:.0%}"


def _amount(value: Any) -> str:
    return MISSING if absent(value) else f"{value:g}"


def _percent(value: Any) -> str:
    return MISSING if absent(value) else f"{value:.0%}"


def _interval(interval: Any) -> str:
    """Return the bounds of an interval in words."""
    low, high = interval.get("low"), interval.get("high")
    if absent(low) or absent(high):
        return f"interval {MISSING}"
    return f"{_number(low)} to {_number(high)}"
