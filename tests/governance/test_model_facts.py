"""The label: every number is the evidence's, and what nobody recorded says so."""

from __future__ import annotations

import copy
import html
import re
from typing import Any

import pytest

from radloop.evaluation.report import render_model_facts
from radloop.governance.model_facts import Item, model_facts

UNKNOWN = {"value": None, "low": None, "high": None}


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def group(attribute: str, value: str, gated: bool, images: int, positives: int, auroc: dict[str, Any]) -> dict[str, Any]:
    counts = {"images": images, "patients": images, "positives": positives}
    return {"attribute": attribute, "value": value, "gated": gated, **counts, "metrics": {"auroc": auroc}}


EVIDENCE: dict[str, Any] = {
    "created": "2026-01-01T00:00:00Z",
    "seal": "sha256:44dd",
    "use_case": {
        "name": "tb-cxr",
        "title": "Tuberculosis on chest radiographs",
        "synthetic": False,
        "intended_use": {"statement": "Second reader for adults.", "not_for": ["children"], "age": [18, 59]},
        "labels": {"kind": "binary", "positive": "tuberculosis", "negative": "normal"},
        "config": {"image": {"modalities": ["CR", "DX"], "body_parts": ["CHEST"]}},
    },
    "bundle": {
        "digest": "sha256:22bb33cc44dd55ee",
        "threshold": 0.4231,
        "backbone": "resnet18",
        "size": 224,
        "clinical": ["fever"],
    },
    "data": {"version": "9f3c.dir", "splits": {"train": {"images": 1341, "patients": 1301}}},
    "training": {"run_id": "run-77"},
    "code": {"commit": None, "version": "0.1.0"},
    "population": {"gated": {"images": 80, "patients": 79, "positives": 20}},
    "metrics": {"auroc": interval(0.953, 0.921, 0.978), "sensitivity": UNKNOWN, "ppv": interval(0.61, 0.52, 0.7), "npv": UNKNOWN},
    "subgroups": [
        group("sex", "M", False, 50, 11, interval(0.91, 0.8, 0.97)),
        group("sex", "F", True, 30, 9, interval(0.87, 0.7, 0.95)),
        group("site", "A", False, 80, 20, interval(0.953, 0.921, 0.978)),
        group("site", "unknown", False, 0, 0, UNKNOWN),
        {**group("age_band", "0-17", False, 12, 2, UNKNOWN), "inside_intended_use": False},
        {**group("age_band", "18-59", False, 80, 20, interval(0.953, 0.921, 0.978)), "inside_intended_use": True},
        group("sex+site", "F+A", False, 30, 9, UNKNOWN),
    ],
    "fairness": {
        "sex": {"groups": ["F", "M"], "worst": {"metric": "sensitivity", "value": "F", "number": interval(0.778, 0.5, 0.93)}},
        "site": {"groups": ["A"], "worst": {"metric": "sensitivity", "value": "A", "number": interval(0.85, 0.7, 0.95)}},
    },
    "robustness": {
        "metric": "auroc",
        "perturbations": {
            "noise": [
                {"amount": 4.0, "unit": "grey levels", "auroc_drop": interval(0.01, -0.01, 0.03)},
                {"amount": 8.0, "unit": "grey levels", "auroc_drop": interval(0.05, 0.01, 0.09)},
            ],
            "blur": [{"amount": 1.0, "unit": "%", "auroc_drop": interval(0.0, 0.0, 0.03)}],
        },
    },
    "explanations": {"sane": False, "reason": "it hardly changes"},
}
PASSED = {"verdict": "passed", "reasons": [{"rule": "a", "status": "passed", "sentence": "Good."}]}
REJECTED = {
    "verdict": "rejected",
    "reasons": [{"rule": f"r{number}", "status": "failed", "sentence": f"Rule {number}."} for number in range(6)],
}


def test_the_head_names_what_it_is() -> None:
    label = model_facts(EVIDENCE, PASSED, 3)
    assert (label.name, label.version) == ("Tuberculosis on chest radiographs", "3, bundle 22bb33cc44dd")
    assert label.locale == "tested on data of site A"
    assert model_facts(EVIDENCE, PASSED).version == "bundle 22bb33cc44dd"


@pytest.mark.parametrize(
    ("verdict", "review", "words"),
    [
        (REJECTED, None, "The gate rejected it: it must not be used."),
        (REJECTED, {"decision": "approve"}, "The gate rejected it: it must not be used."),
        (PASSED, None, "awaits a person's review; until then it must not be used."),
        (PASSED, {"decision": "approve"}, "a named person's review approved."),
        (PASSED, {"decision": "reject"}, "It was rejected: it must not be used."),
    ],
)
def test_the_summary_says_whether_it_may_be_used(verdict: dict[str, Any], review: dict[str, Any] | None, words: str) -> None:
    summary = model_facts(EVIDENCE, verdict, review=review).summary
    assert summary.startswith("Second reader for adults. ")
    assert summary.endswith(words)


def test_performance_is_the_evidences_gated_groups_first() -> None:
    label = model_facts(EVIDENCE, PASSED)
    assert label.metrics == ("AUROC", "Sensitivity", "Specificity")
    assert [(row.name, row.images, row.prevalence) for row in label.performance] == [
        ("All within the intended use", 80, 0.25),
        ("Sex F", 30, 0.3),
        ("Sex M", 50, 0.22),
        ("Age band 18-59", 80, 0.25),
    ]  # all are of one site, and children are refused
    assert label.performance[0].cells == (EVIDENCE["metrics"]["auroc"], UNKNOWN, None)


def test_an_addendum_is_a_row() -> None:
    counts = {"images": 210, "patients": 200, "positives": 21}
    addendum = {
        "kind": "external",
        "name": "hospital-b",
        "population": {"gated": counts},
        "metrics": {"auroc": interval(0.84, 0.8, 0.88)},
    }
    row = model_facts(EVIDENCE, PASSED, addenda=[addendum]).performance[-1]
    assert (row.name, row.images, row.prevalence) == ("Images of another source, hospital-b", 210, 0.1)
    assert row.cells[0] == interval(0.84, 0.8, 0.88)


def test_warnings_say_for_whom_and_when_it_is_worse() -> None:
    label = model_facts(EVIDENCE, REJECTED)
    assert label.warnings[:-1] == (
        "Not for: children.",
        "By sex, lowest sensitivity in F: 0.778 (0.500 to 0.930).",
        "It gets worse with noise (from 8 grey levels).",
        "The heat map is not to be believed: it hardly changes.",
    )
    assert label.unmet == (
        "Rule 0.",
        "Rule 1.",
        "Rule 2.",
        "Rule 3.",
        "2 more rules of the policy are not met; the report names them.",
    )
    assert model_facts(EVIDENCE, PASSED).unmet == ()


def test_mechanism_and_directions() -> None:
    label = model_facts(EVIDENCE, PASSED, review={"decision": "approve", "by": "Dr. A", "verified": False, "time": "now"})
    assert Item("Outcome", "tuberculosis against normal") in label.mechanism
    assert Item("Output", "a probability, 0 to 1; positive from 0.423 on") in label.mechanism
    assert Item("Input", "CR, DX of chest") in label.mechanism
    assert Item("Population", "18 to 59 years") in label.mechanism
    assert Item("Trained on", "1,341 images of 1,301 patients, cut by patient") in label.mechanism
    assert label.directions[0].startswith("Of positive answers 61% were right (52% to 70%)")
    assert not any("negative answers" in words for words in label.directions)  # nobody can tell
    assert Item("Review", "approved by Dr. A (unverified name), now") in label.other
    assert Item("Code", "0.1.0") in label.other


def test_no_number_is_typed_by_hand() -> None:
    """Every number on the label stands in the evidence, perhaps rounded; only the citation is ours."""
    text = re.sub(
        r"<style>.*?</style>|<[^>]+>", " ", render_model_facts(model_facts(EVIDENCE, REJECTED, 3).as_dict()), flags=re.DOTALL
    )
    text = (
        html.unescape(text)
        .replace("3, bundle", "")
        .replace("npj Digital Medicine 3:41, 2020", "")
        .replace("0 to 1;", "")
        .replace("2 more rules", "")
    )
    known = {f"{number:.{digits}f}" for number in leaves(EVIDENCE) for digits in range(4)}
    known |= (
        {f"{100 * number:.0f}" for number in leaves(EVIDENCE)}
        | {f"{number:,.0f}" for number in leaves(EVIDENCE)}
        | {"25", "30", "22", "3"}
    )
    words = " ".join(str(leaf) for leaf in texts(EVIDENCE)) + " Rule 0. Rule 1. Rule 2. Rule 3."
    found = re.findall(r"(?<![\w.:-])\d[\d,]*(?:\.\d+)?(?![\w:-])", text)
    assert len(found) > 20
    assert [number for number in found if number not in known and number not in words] == []


@pytest.mark.parametrize(
    "name", ["metrics", "subgroups", "fairness", "robustness", "explanations", "population", "bundle", "use_case"]
)
def test_what_is_missing_is_said_and_never_a_number(name: str) -> None:
    evidence = copy.deepcopy(EVIDENCE)
    del evidence[name]
    text = render_model_facts(model_facts(evidence, PASSED).as_dict())
    assert "None" not in text
    assert not re.search(r"\bnan\b", text)
    if name == "explanations":
        assert "The heat map is not to be believed: it was not tested." in text
    if name in ("metrics", "population"):
        assert "not evaluable" in text


def leaves(document: Any) -> list[float]:
    """Return every number of a document."""
    if isinstance(document, dict):
        return [number for value in document.values() for number in leaves(value)]
    if isinstance(document, list):
        return [number for value in document for number in leaves(value)]
    return [float(document)] if isinstance(document, int | float) and not isinstance(document, bool) else []


def texts(document: Any) -> list[str]:
    """Return every text of a document."""
    if isinstance(document, dict):
        return [word for value in document.values() for word in texts(value)]
    if isinstance(document, list):
        return [word for value in document for word in texts(value)]
    return [document] if isinstance(document, str) else []
