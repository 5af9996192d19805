"""The evidence as one page that a radiologist can read: it computes nothing, asks the network for nothing, hides nothing."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from jinja2 import ChainableUndefined, Environment, Template
from jinja2.runtime import Undefined

MISSING = "not evaluable"
UNRECORDED = "not recorded"

MARKS: Mapping[str, tuple[str, str]] = {
    "passed": ("\N{CHECK MARK}", "passed"),
    "failed": ("\N{MULTIPLICATION X}", "failed"),
    "not_evaluable": ("?", MISSING),
    "not_applicable": ("\N{EN DASH}", "not applicable"),
}
"""A status's symbol and word, so that it is read without its colour."""

METRICS: Mapping[str, tuple[str, str]] = {
    "auroc": ("AUROC", "How often an image labelled {positive} scores above one labelled {negative}; 0.5 is chance"),
    "average_precision": ("Average precision", "PPV at the score of each image labelled {positive}, averaged"),
    "sensitivity": ("Sensitivity", "Share of images labelled {positive} that are called positive"),
    "specificity": ("Specificity", "Share of images labelled {negative} that are called negative"),
    "ppv": ("PPV", "Share of positive answers that are right, at this test's prevalence"),
    "npv": ("NPV", "Share of negative answers that are right, at this test's prevalence"),
    "f1": ("F1", "Harmonic mean of sensitivity and PPV"),
    "accuracy": ("Accuracy", "Share of answers that are right"),
    "balanced_accuracy": ("Balanced accuracy", "Mean of sensitivity and specificity"),
    "brier": ("Brier score", "Squared error of the probability; 0 is best"),
    "ece": ("Calibration error", "Mean distance between probability and observed share; 0 is best"),
}

ATTRIBUTES: Mapping[str, str] = {"sex": "Sex", "age_band": "Age band", "site": "Site", "view": "View"}

CAPTIONS: Mapping[str, str] = {
    "roc": "Sensitivity against false alarms at every threshold; the diamond is the one in use.",
    "precision_recall": "How many positive answers are right, as more of the findings are found.",
    "calibration": "What was observed against the probability that was given, with 95% intervals; the cases below.",
    "confusion": "Answers at the threshold against the truth.",
    "scores": "Probabilities of positive and negative test cases about the threshold.",
    "subgroups": "AUROC with 95% intervals by subgroup.",
}

_PNG = b"\x89PNG\r\n\x1a\n"


def render_report(evidence: Mapping[str, Any], verdict: Mapping[str, Any], figures: Mapping[str, bytes]) -> str:
    """Return evidence and verdict as one self-contained HTML page.

    Images and style are inlined; there is no script and no address that a browser would fetch. Every text is escaped.
    A number that is null, NaN or absent reads `not evaluable`, a fact that is absent `not recorded`; neither reads 0.

    Args:
        evidence: the evidence, JSON types only, sealed (`seal`) or not yet.
        verdict: the gate's `verdict` and `reasons`.
        figures: PNG bytes by file name, such as `roc.png`; each is compared with its digest in the
            evidence. Those in `CAPTIONS` come first, in its order.

    Raises:
        ValueError: a figure is no PNG.
    """
    return _template().render(
        evidence=evidence,
        decision=_decision(verdict),
        rules=[_rule(reason) for reason in verdict.get("reasons") or ()],
        metrics=_metrics(evidence),
        attributes=_attributes(evidence),
        pictures=[_picture(name, figures[name], evidence) for name in sorted(figures, key=_place)],
        absent=sorted(name for name in evidence.get("figures") or {} if name.endswith(".png") and name not in figures),
        fitting=_fitting(evidence),
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=ChainableUndefined, finalize=_known, trim_blocks=True, lstrip_blocks=True
    )
    shown: dict[str, Callable[..., Any]] = {
        "number": _number,
        "count": _count,
        "share": _share,
        "interval": _interval,
        "known": _known,
        "plain": _plain,
    }
    environment.filters.update(shown)
    environment.tests["absent"] = _absent
    return environment.from_string(files("radloop.evaluation").joinpath("report.html.j2").read_text(encoding="utf-8"))


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
    if _absent(limit):
        shown = "\N{EM DASH}" if _absent(number) and status != "not_evaluable" else _number(number)
        return shown, "\N{EM DASH}"
    if _absent(number):
        return MISSING, f"{limit:,.0f}" if float(limit).is_integer() else _number(limit)
    if float(number).is_integer() and float(limit).is_integer():
        return f"{number:,.0f}", f"{limit:,.0f}"
    digits = next((d for d in range(3, 8) if f"{number:.{d}f}" != f"{limit:.{d}f}"), 3)
    return _number(number, digits), _number(limit, digits)


def _metrics(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for every metric that there should be, and for any other that there is."""
    gated, everyone = evidence.get("metrics") or {}, evidence.get("metrics_all_test") or {}
    labels = (evidence.get("use_case") or {}).get("labels") or {}
    words = {"positive": labels.get("positive", "the finding"), "negative": labels.get("negative", "no finding")}
    return [
        {
            "key": name,
            "name": METRICS.get(name, (name, ""))[0],
            "meaning": METRICS.get(name, (name, ""))[1].format(**words),
            "gated": gated.get(name),
            "all_test": everyone.get(name),
            "bar": _bar(gated.get(name)),
        }
        for name in dict.fromkeys([*METRICS, *gated, *everyone])
    ]


def _bar(interval: Any) -> dict[str, str] | None:
    """Return where an interval lies between 0 and 1, percent; None where it cannot be drawn."""
    ends = [interval.get(end) if isinstance(interval, Mapping) else None for end in ("low", "value", "high")]
    if any(_absent(end) for end in ends):
        return None
    low, value, high = (100 * min(1.0, max(0.0, float(end))) for end in ends if end is not None)
    return {"low": f"{low:.1f}", "width": f"{high - low:.1f}", "value": f"{value:.1f}"}


def _attributes(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the subgroups by attribute; an attribute without any is listed all the same."""
    rows: Iterable[Mapping[str, Any]] = evidence.get("subgroups") or ()
    names = dict.fromkeys([*ATTRIBUTES, *(str(row.get("attribute")) for row in rows)])
    return [
        {
            "name": ATTRIBUTES.get(name, name.replace("_", " ").capitalize()),
            "rows": [row for row in rows if str(row.get("attribute")) == name],
        }
        for name in names
    ]


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
    if kind == "target_sensitivity" and not _absent(value):
        return f"the highest threshold whose sensitivity on the calibrate split is at least {value:.1%}"
    if kind == "youden":
        return "the threshold with the largest sensitivity + specificity on the calibrate split"
    return str(kind).replace("_", " ") if kind else UNRECORDED


def _absent(value: Any) -> bool:
    return value is None or isinstance(value, Undefined) or (isinstance(value, float) and not math.isfinite(value))


def _known(value: Any) -> Any:
    """Return a fact as it reads; what nobody wrote down says so."""
    if _absent(value) or (isinstance(value, str) and not value):
        return UNRECORDED
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _plain(value: Any) -> str:
    """Return a sentence, or a mapping as `key: value`, for what others put into lists."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_known(item)}" for key, item in value.items())
    return str(_known(value))


def _number(value: Any, digits: int = 3) -> str:
    if _absent(value):
        return MISSING
    return f"{value:.1e}" if 0 < abs(value) < 0.5 * 10**-digits else f"{value:.{digits}f}"


def _count(value: Any) -> str:
    return MISSING if _absent(value) else f"{value:,.0f}"


def _share(part: Any, whole: Any) -> str:
    return MISSING if _absent(part) or _absent(whole) or not whole else f"{part / whole:.0%}"


def _interval(interval: Any) -> str:
    """Return the bounds of an interval in words."""
    low, high = interval.get("low"), interval.get("high")
    if _absent(low) or _absent(high):
        return f"interval {MISSING}"
    return f"{_number(low)} to {_number(high)}"
