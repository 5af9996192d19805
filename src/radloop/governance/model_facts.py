"""The model's facts on one page: the label for those who use a model, out of its evidence and of nothing else.

Its parts are those of Sendak et al., Presenting machine learning model information to clinical end users with model facts
labels, npj Digital Medicine 3:41, 2020. Every number is the evidence's; what nobody recorded says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from radloop.evaluation.beside import addendum_rows
from radloop.evaluation.sections import absent, attribute_rows, cuts_by_group, kind_of, tested_rows, words_of
from radloop.evaluation.wording import ATTRIBUTES, GROUPED, PERTURBATIONS, name

Evidence = Mapping[str, Any]
_MOST_GROUPS = 8
"""Rows of subgroups: the label is one page."""
_MOST_UNMET = 4
"""Rules that are not met, by their sentences."""


@dataclass(frozen=True, slots=True)
class Item:
    """A term and what is known of it; None was not recorded."""

    term: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Tested:
    """One row of the table of performance: `cells` are intervals as the evidence keeps them, one a metric."""

    name: str
    images: int | None
    prevalence: float | None
    cells: tuple[Mapping[str, Any] | None, ...]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The label.

    Attributes:
        name: the use case's title.
        version: the registered version's number, once there is one, and the bundle.
        locale: the sites that the data name.
        metrics: names of the columns of `performance`.
        unmet: the first rules of the policy that are not met.
    """

    name: str
    version: str
    locale: str | None
    judged: str | None
    synthetic: bool | None
    summary: str
    mechanism: tuple[Item, ...]
    metrics: tuple[str, ...]
    performance: tuple[Tested, ...]
    directions: tuple[str, ...]
    unmet: tuple[str, ...]
    warnings: tuple[str, ...]
    other: tuple[Item, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as the report's template takes it."""
        return asdict(self)


def model_facts(
    evidence: Evidence,
    verdict: Mapping[str, Any],
    version: int | None = None,
    review: Mapping[str, Any] | None = None,
    addenda: Sequence[Mapping[str, Any]] = (),
) -> ModelFacts:
    """Return the label of a judged bundle.

    Args:
        evidence: sealed.
        verdict: the gate's `verdict` and `reasons`.
        version: of the registered model, None before it is registered.
        review: the last decision on it, None where nobody has decided.
        addenda: what was learnt later.
    """
    use_case, bundle = evidence.get("use_case") or {}, evidence.get("bundle") or {}
    digest = str(bundle.get("digest") or "").removeprefix("sha256:")[:12]
    return ModelFacts(
        name=str(use_case.get("title") or use_case.get("name") or ""),
        version=" ".join([*([f"{version},"] if version is not None else []), f"bundle {digest or 'not recorded'}"]),
        locale=_locale(evidence),
        judged=evidence.get("created"),
        synthetic=use_case.get("synthetic"),
        summary=_summary(evidence, verdict, review),
        mechanism=tuple(_mechanism(evidence)),
        metrics=tuple(name(metric) for metric in GROUPED[kind_of(evidence)]),
        performance=tuple(_performance(evidence, addenda)),
        directions=tuple(_directions(evidence)),
        unmet=tuple(_unmet(verdict)),
        warnings=tuple(_warnings(evidence)),
        other=tuple(_other(evidence, review)),
    )


def _locale(evidence: Evidence) -> str | None:
    sites = [row["value"] for part in tested_rows(evidence) if part["name"] == ATTRIBUTES["site"] for row in part["rows"]]
    known = [str(site) for site in sites if site != "unknown"]
    return f"tested on data of site {', '.join(known)}" if known else None


def _summary(evidence: Evidence, verdict: Mapping[str, Any], review: Mapping[str, Any] | None) -> str:
    statement = (evidence.get("use_case") or {}).get("intended_use", {}).get("statement") or "What it is for was not recorded."
    said = "It passed the gate" if verdict.get("verdict") == "passed" else "The gate rejected it: it must not be used"
    if verdict.get("verdict") != "passed":
        return f"{statement} {said}."
    if review is None:
        return f"{statement} {said} and awaits a person's review; until then it must not be used."
    decided = "approved" if review.get("decision") == "approve" else "rejected: it must not be used"
    return (
        f"{statement} {said}, and a named person's review {decided}."
        if decided == "approved"
        else f"{statement} It was {decided}."
    )


def _mechanism(evidence: Evidence) -> Iterator[Item]:
    config, bundle = (evidence.get("use_case") or {}).get("config") or {}, evidence.get("bundle") or {}
    words, image, kind = words_of(evidence), config.get("image") or {}, kind_of(evidence)
    train = ((evidence.get("data") or {}).get("splits") or {}).get("train") or {}
    yield Item("Outcome", _joined([words["positive"], words["negative"]], " against "))
    yield Item("Output", _output(evidence, kind))
    yield Item("Population", _population(evidence))
    yield Item("When", "when an image is sent; it keeps no memory of the patient")
    modalities = ", ".join(image.get("modalities") or ()) or None
    parts = ", ".join(image.get("body_parts") or ()).lower()
    yield Item("Input", _joined([modalities, parts or None], " of "))
    yield Item("Clinical values", _joined(list(bundle.get("clinical") or ()), ", ") or "none")
    if not absent(train.get("images")):
        yield Item("Trained on", f"{train['images']:,} images of {train.get('patients', 0):,} patients, cut by patient")
    yield Item("Model", _joined([bundle.get("backbone"), _side(bundle)], ", "))


def _output(evidence: Evidence, kind: str) -> str:
    bundle = evidence.get("bundle") or {}
    if kind == "multiclass":
        return "a probability of each class; the most probable is the answer"
    if kind == "segmentation":
        return "an outline, and the probability that there is anything to outline"
    if kind == "multilabel":
        return "a probability of each finding, 0 to 1, and yes or no at each one's threshold"
    threshold = bundle.get("threshold")
    by_group = cuts_by_group(evidence)
    cut = "; there is no threshold" if absent(threshold) else f"; positive from {threshold:.3f} on"
    if by_group:
        cut = f"; positive from the threshold of the patient's group on ({by_group})"
    severity = (evidence.get("severity") or {}).get("levels")
    return f"a probability, 0 to 1{cut}" + (f"; how grave: {', '.join(severity)}" if severity else "")


def _population(evidence: Evidence) -> str | None:
    use = (evidence.get("use_case") or {}).get("intended_use") or {}
    if "age" not in use:
        return None
    return f"{use['age'][0]:g} to {use['age'][1]:g} years" if use["age"] else "of any age"


def _side(bundle: Mapping[str, Any]) -> str | None:
    return None if absent(bundle.get("size")) else f"{bundle['size']} pixels square"


def _performance(evidence: Evidence, addenda: Sequence[Mapping[str, Any]]) -> Iterator[Tested]:
    metrics, kind = evidence.get("metrics") or {}, kind_of(evidence)
    shown = GROUPED[kind]
    whole = (evidence.get("population") or {}).get("gated") or {}
    yield Tested("All within the intended use", whole.get("images"), _prevalence(whole), tuple(metrics.get(key) for key in shown))
    rows = [(part["name"], row) for part in attribute_rows(evidence) for row in _telling(part["rows"])]
    for attribute, row in sorted(rows, key=lambda pair: not pair[1].get("gated"))[:_MOST_GROUPS]:
        cells = tuple((row.get("metrics") or {}).get(key) for key in shown)
        yield Tested(f"{attribute} {row.get('value')}", row.get("images"), _prevalence(row), cells)
    for row in addendum_rows(evidence, (one for one in addenda if one.get("metrics"))):
        numbers = {item["key"]: item["addendum"] for item in row["metrics"]}
        title = str(row["title"]).capitalize()
        yield Tested(title, row["images"], row["prevalence"], tuple(numbers.get(key) for key in shown))


def _telling(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the groups of an attribute that tell more than the whole does, without ages that are refused."""
    held = [row for row in rows if row.get("images")]
    refused = [row for row in held if row.get("attribute") == "age_band" and row.get("inside_intended_use") is False]
    return [row for row in held if row not in refused] if len(held) > 1 else []


def _prevalence(counts: Mapping[str, Any]) -> float | None:
    images, positives = counts.get("images"), counts.get("positives")
    return None if absent(images) or absent(positives) or not images else float(positives / images)


def _directions(evidence: Evidence) -> Iterator[str]:
    metrics = evidence.get("metrics") or {}
    for metric, words in (
        (
            "ppv",
            "Of positive answers {value:.0%} were right ({low:.0%} to {high:.0%}) in this test; with fewer findings it is less.",
        ),
        ("npv", "Of negative answers {value:.0%} were right ({low:.0%} to {high:.0%}) in this test."),
    ):
        if kind_of(evidence) in ("binary", "multilabel") and _known(metrics.get(metric)):
            yield words.format(**metrics[metric])
    if (evidence.get("bundle") or {}).get("clinical"):
        yield "Give the clinical values where they are known; the report says how good it is without them."
    explained = evidence.get("explanations") or {}
    if explained.get("sane") is True:
        yield "The heat map shows what the answer came from; it outlines nothing."
    yield "Before the first use at a site, have it judged on that site's own images."


def _unmet(verdict: Mapping[str, Any]) -> Iterator[str]:
    unmet = [reason for reason in verdict.get("reasons") or () if reason.get("status") not in ("passed", "not_applicable")]
    for reason in unmet[:_MOST_UNMET]:
        yield str(reason.get("sentence") or reason.get("rule"))
    if len(unmet) > _MOST_UNMET:
        yield f"{len(unmet) - _MOST_UNMET} more rules of the policy are not met; the report names them."


def _warnings(evidence: Evidence) -> Iterator[str]:
    for words in ((evidence.get("use_case") or {}).get("intended_use") or {}).get("not_for") or ():
        yield f"Not for: {words}."
    yield from _worse(evidence)
    yield from _losses(evidence)
    explained = evidence.get("explanations")
    if not isinstance(explained, Mapping) or explained.get("sane") is not True:
        why = (explained or {}).get("reason") or "it was not tested"
        yield f"The heat map is not to be believed: {why}."
    yield "Discontinue where patients, devices or images are not like these, or where it errs more than these intervals say."


def _worse(evidence: Evidence) -> Iterator[str]:
    """Yield for whom it was worst, of every attribute of which groups could be compared."""
    for attribute, found in (evidence.get("fairness") or {}).items():
        worst = found.get("worst") or {}
        number = worst.get("number")
        if len(found.get("groups") or ()) > 1 and isinstance(number, Mapping) and _known(number):
            yield (
                f"By {ATTRIBUTES.get(attribute, attribute).lower()}, lowest {name(str(worst.get('metric'))).lower()} in "
                f"{worst.get('value')}: {number['value']:.3f} ({number['low']:.3f} to {number['high']:.3f})."
            )


def _losses(evidence: Evidence) -> Iterator[str]:
    """Yield the perturbations that certainly cost something, each from the first step on that does."""
    found = evidence.get("robustness") or {}
    key = f"{found.get('metric', 'auroc')}_drop"
    lost = []
    for word, steps in (found.get("perturbations") or {}).items():
        step = next((step for step in steps if _known(step.get(key)) and step[key]["low"] > 0), None)
        if step is not None:
            lost.append(f"{PERTURBATIONS.get(word, word).lower()} (from {step.get('amount'):g} {step.get('unit')})")
    if lost:
        yield f"It gets worse with {', '.join(lost)}."


def _other(evidence: Evidence, review: Mapping[str, Any] | None) -> Iterator[Item]:
    data, training, code = (evidence.get(part) or {} for part in ("data", "training", "code"))
    yield Item("Truth", "the label of the data version named here")
    yield Item("Data version", data.get("version"))
    yield Item("Evidence", evidence.get("seal"))
    yield Item("Run", training.get("run_id"))
    yield Item("Code", _joined([code.get("version"), code.get("commit")], ", "))
    if review is not None:
        verb = "approved" if review.get("decision") == "approve" else "rejected"
        sure = "" if review.get("verified") else " (unverified name)"
        yield Item("Review", f"{verb} by {review.get('by')}{sure}, {review.get('time')}")
    yield Item("This label", "after Sendak et al., npj Digital Medicine 3:41, 2020")


def _known(interval: Any) -> bool:
    ends = [interval.get(end) if isinstance(interval, Mapping) else None for end in ("value", "low", "high")]
    return all(end is not None and math.isfinite(end) for end in ends)


def _joined(words: Sequence[Any], between: str) -> str | None:
    known = [str(word) for word in words if word]
    return between.join(known) if known else None
