"""The evidence as one page that a radiologist can read: it computes nothing, asks the network for nothing, hides nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import PurePath
from typing import Any

from jinja2 import ChainableUndefined, Environment, PackageLoader, Template

from radloop.evaluation import examined, sections
from radloop.evaluation.sections import absent
from radloop.evaluation.wording import CAPTIONS, LABELLED, MARKS, MISSING, UNRECORDED, name

_PNG = b"\x89PNG\r\n\x1a\n"


def render_report(
    evidence: Mapping[str, Any],
    verdict: Mapping[str, Any],
    figures: Mapping[str, bytes],
    review: Mapping[str, Any] | None = None,
) -> str:
    """Return evidence and verdict as one self-contained HTML page.

    Images and style are inlined; there is no script and no address that a browser would fetch. Every text is escaped.
    A number that is null, NaN or absent reads `not evaluable`, a fact that is absent `not recorded`; neither reads 0.

    Args:
        evidence: the evidence, JSON types only, sealed (`seal`) or not yet.
        verdict: the gate's `verdict` and `reasons`.
        figures: PNG bytes by file name, such as `roc.png`; each is compared with its digest in the
            evidence. Those in `CAPTIONS` come first, in its order.
        review: the last decision on the version: `decision`, `by`, `note`, `time` and `verified`.

    Raises:
        ValueError: a figure is no PNG.
    """
    metrics = sections.metric_rows(evidence)
    found = evidence.get("confusion") or {}
    return _template().render(
        evidence=evidence,
        review=review,
        decision=_decision(verdict),
        rules=[_rule(reason) for reason in verdict.get("reasons") or ()],
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
        pictures=[_picture(name_, figures[name_], evidence) for name_ in sorted(figures, key=_place)],
        absent=sorted(name_ for name_ in evidence.get("figures") or {} if name_.endswith(".png") and name_ not in figures),
        fitting=_fitting(evidence),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("radloop.evaluation", ""),
        autoescape=True,
        undefined=ChainableUndefined,
        finalize=_known,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown: dict[str, Callable[..., Any]] = {
        "number": _number,
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
    return environment.get_template("report.html.j2")


def _decision(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the verdict reads; a pass that its own rules contradict is not shown as one."""
    statuses = [str(reason.get("status")) for reason in verdict.get("reasons") or ()]
    unmet = sum(status not in ("passed", "not_applicable") for status in statuses)
    claimed = verdict.get("verdict") == "passed"
    if claimed and statuses and not unmet:
        return {
            "passed": True,
            "word": "Passed the gate",
            "sentence": "Every rule is met. A named person still has to approve it.",
        }
    if claimed:
        why = f"{unmet} of {len(statuses)} rules are not met" if statuses else "no rule was applied"
        return {"passed": False, "word": "Contradictory verdict", "sentence": f"It says passed, but {why}. Do not approve it."}
    met = f"{unmet} of {len(statuses)} rules are not met." if statuses else "No rule was applied."
    return {"passed": False, "word": "Rejected by the gate", "sentence": met}


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
    if kind == "fixed" and not absent(value):
        return f"{value:g}, agreed on before training; nothing was fitted"
    return str(kind).replace("_", " ") if kind else UNRECORDED


def _known(value: Any) -> Any:
    """Return a fact as it reads; what nobody wrote down says so."""
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
