"""The report: every rule, every number, nothing that a browser would fetch, and no zero for what is unknown."""

from __future__ import annotations

import base64
import copy
import hashlib
import html
import json
import math
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from radloop.evaluation.examined import pair_name
from radloop.evaluation.report import render_report
from radloop.evaluation.wording import METRICS

PNG = b"\x89PNG\r\n\x1a\nnot a picture, but it starts like one"
UNKNOWN = {"value": None, "low": None, "high": None}


def interval(value: float, low: float, high: float) -> dict[str, float]:
    """Return an interval as the evidence keeps it."""
    return {"value": value, "low": low, "high": high}


def subgroup(attribute: str, value: str, gated: bool, images: int, positives: int, auroc: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the evidence's subgroups."""
    metrics = {"auroc": auroc, "sensitivity": interval(0.871, 0.7, 0.95), "specificity": UNKNOWN}
    counts = {"images": images, "patients": images, "positives": positives}
    return {"attribute": attribute, "value": value, "gated": gated, **counts, "metrics": metrics}


def split(images: int, patients: int, positives: int) -> dict[str, int]:
    """Return the counts of a split."""
    return {"images": images, "patients": patients, "positives": positives}


EVIDENCE: dict[str, Any] = {
    "schema_version": 1,
    "use_case": {
        "name": "tb-cxr",
        "title": "Tuberculosis on chest radiographs",
        "synthetic": False,
        "digest": "sha256:11aa",
        "intended_use": {"statement": "Second reader for adults.", "not_for": ["children", "lateral views"], "age": [18, 59]},
        "labels": {"positive": "tuberculosis", "negative": "normal"},
    },
    "data": {
        "version": "9f3c.dir",
        "entry": {},
        "splits": {
            "train": split(1341, 1301, 673),
            "tune": split(66, 65, 34),
            "calibrate": split(57, 56, 28),
            "test": split(143, 142, 73),
        },
        "validation": {"success": True, "failed": [], "warnings": [{"column": "age", "rows": 3}]},
        "leaks": {"policy": "drop", "dropped": 4, "findings": {"near_duplicate": 2, "patient": 1}},
        "excluded": {"leak": 4, "quarantine:text": 3},
    },
    "bundle": {
        "digest": "sha256:22bb",
        "engine": "openvino",
        "precision": "f32",
        "threshold": 0.42,
        "threshold_policy": {"kind": "target_sensitivity", "value": 0.95},
        "temperature": 1.31,
        "backbone": "efficientnet-lite0",
        "size": 224,
    },
    "training": {"run_id": "run-77", "trial": 2, "trials": 4, "seed": 7, "params": {"learning_rate": 0.0012}},
    "code": {"commit": "4f2a9c", "dirty": False, "version": "0.1.0", "lock": "sha256:33cc"},
    "parity": {"n": 57, "max_difference": 1e-6, "flips": 0},
    "precision": {
        "served": "f32",
        "reason": "a probability moves by 0.031, more than 0.025",
        "test": {"n": 57, "max_change": 0.0, "flips": 2, "decisions": 57, "auroc_change": 0.0},
    },
    "population": {"gated": split(139, 138, 71), "all_test": split(143, 142, 73)},
    "metrics": {name: interval(0.91, 0.88, 0.94) for name in METRICS} | {"auroc": interval(0.953, 0.921, 0.978), "ppv": UNKNOWN},
    "metrics_all_test": {name: interval(0.81, 0.78, 0.84) for name in METRICS},
    "subgroups": [
        subgroup("sex", "F", True, 51, 25, interval(0.931, 0.86, 0.98)),
        subgroup("sex", "unknown", False, 0, 0, UNKNOWN),
        subgroup("age_band", "60-120", False, 4, 2, {"value": 1.0, "low": None, "high": None}),
    ],
    "bootstrap": {"draws": 2000, "seed": 1, "unit": "patient", "method": "expanded BCa", "level": 0.95},
    "figures": {"roc.png": "sha256:" + hashlib.sha256(PNG).hexdigest()},
    "created": "2026-01-01T00:00:00Z",
    "seal": "sha256:44dd",
}

VERDICT: dict[str, Any] = {
    "verdict": "rejected",
    "reasons": [
        {"rule": "auroc_lower", "status": "passed", "number": 0.921, "limit": 0.9, "sentence": "The lower bound is 0.921."},
        {
            "rule": "sensitivity_lower",
            "status": "failed",
            "number": 0.8996,
            "limit": 0.9,
            "sentence": "The lower bound is too low.",
        },
        {"rule": "sex_f", "status": "not_evaluable", "number": None, "limit": 0.85, "sentence": "Too few women were tested."},
        {"rule": "champion", "status": "not_applicable", "number": None, "limit": None, "sentence": "There is no champion yet."},
        {"rule": "flips", "status": "passed", "number": 0, "limit": 0, "sentence": "No decision changed."},
    ],
}

PASSED: dict[str, Any] = {"verdict": "passed", "reasons": [VERDICT["reasons"][0], VERDICT["reasons"][3]]}


def page(evidence: dict[str, Any] | None = None, verdict: dict[str, Any] | None = None, **figures: bytes) -> str:
    """Return a report; figures are named without `.png`."""
    given = {f"{name}.png": content for name, content in (figures or {"roc": PNG}).items()}
    return render_report(EVIDENCE if evidence is None else evidence, VERDICT if verdict is None else verdict, given)


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the evidence with one member replaced."""
    evidence = copy.deepcopy(EVIDENCE)
    *folders, last = path.split(".")
    place = evidence
    for folder in folders:
        place = place[folder]
    place[last] = value
    return evidence


class Reader(HTMLParser):
    """Collect the rows of all tables, the terms of all lists, and every attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.facts: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._cell: list[str] | None = None
        self._term = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a row or a cell."""
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th", "dt", "dd"):
            self._cell = []

    def handle_data(self, data: str) -> None:
        """Add to the open cell."""
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Close a cell."""
        if tag not in ("td", "th", "dt", "dd") or self._cell is None:
            return
        text = " ".join("".join(self._cell).split())
        if tag in ("td", "th"):
            self.rows[-1].append(text)
        elif tag == "dt":
            self._term = text
        else:
            self.facts[self._term] = text
        self._cell = None


def row(text: str, first: str) -> list[str]:
    """Return the only table row that has a cell that starts so."""
    found = [cells for cells in Reader(text).rows if any(cell.startswith(first) for cell in cells[:2])]
    assert len(found) == 1, (first, found)
    return found[0]


def section(text: str, name: str) -> str:
    """Return the visible words of one section."""
    part = text.split(f'id="{name}"', 1)[1].split("</section>", 1)[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def test_every_rule_has_its_row_with_a_mark_that_needs_no_colour() -> None:
    text = page()
    assert row(text, "auroc_lower") == ["\N{CHECK MARK}passed", "auroc_lower", "0.921", "0.900", "The lower bound is 0.921."]
    assert row(text, "sex_f") == ["?not evaluable", "sex_f", "not evaluable", "0.850", "Too few women were tested."]
    assert row(text, "champion") == [
        "\N{EN DASH}not applicable",
        "champion",
        "\N{EM DASH}",
        "\N{EM DASH}",
        "There is no champion yet.",
    ]
    assert row(text, "flips") == ["\N{CHECK MARK}passed", "flips", "0", "0", "No decision changed."]


def test_a_number_just_below_its_limit_is_not_rounded_onto_it() -> None:
    assert row(page(), "sensitivity_lower")[:4] == ["\N{MULTIPLICATION X}failed", "sensitivity_lower", "0.8996", "0.9000"]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (VERDICT, "Rejected by the gate 2 of 5 rules are not met."),
        (PASSED, "Passed the gate Every rule is met. A named person still has to approve it."),
        (
            {"verdict": "passed", "reasons": VERDICT["reasons"]},
            "Contradictory verdict It says passed, but 2 of 5 rules are not met.",
        ),
        ({"verdict": "passed", "reasons": []}, "Contradictory verdict It says passed, but no rule was applied."),
        ({}, "Rejected by the gate No rule was applied."),
        (
            {"verdict": "passed", "reasons": [{"rule": "x", "status": "maybe"}]},
            "Contradictory verdict It says passed, but 1 of 1",
        ),
    ],
)
def test_the_verdict_is_in_words(verdict: dict[str, Any], words: str) -> None:
    text = page(verdict=verdict)
    shown = " ".join(re.sub(r"<[^>]+>", " ", text.split('aria-label="Verdict"', 1)[1].split("</section>")[0]).split())
    assert words in shown
    assert ('class="verdict yes"' in text) == (verdict is PASSED)


def test_each_metric_has_its_value_and_interval() -> None:
    text = page()
    assert row(text, "AUROC")[1::2] == ["0.953 0.921 to 0.978", "0.810 0.780 to 0.840"]
    assert row(text, "PPV")[1:] == ["not evaluable", "", "0.810 0.780 to 0.840"]
    for name, (title, _) in METRICS.items():
        if name not in ("auroc", "ppv"):
            assert row(text, title)[1] == "0.910 0.880 to 0.940", name


@pytest.mark.parametrize(
    "value", [None, math.nan, {"value": math.nan, "low": 0.1, "high": 0.2}, UNKNOWN, {}, {"low": 0.1, "high": 0.2}]
)
def test_what_is_unknown_is_never_a_number(value: Any) -> None:
    cells = row(page(changed("metrics.accuracy", value)), "Accuracy")
    assert cells[1:3] == ["not evaluable", ""]


def test_a_value_without_bounds_says_so() -> None:
    cells = row(page(changed("metrics.accuracy", {"value": 0.75, "low": None, "high": math.nan})), "Accuracy")
    assert cells[1:3] == ["0.750 interval not evaluable", ""]


def test_a_metric_that_is_absent_keeps_its_row() -> None:
    assert row(page(changed("metrics", {})), "NPV")[1] == "not evaluable"


def test_a_real_zero_is_a_zero() -> None:
    assert row(page(changed("metrics.ece", interval(0.0, 0.0, 0.0))), "Calibration error")[1] == "0.000 0.000 to 0.000"


def test_subgroups_show_counts_marks_and_what_is_missing() -> None:
    text = page()
    assert row(text, "Sex F") == ["Sex F", "gated", "51", "25", "0.931 0.860 to 0.980", "0.871 0.700 to 0.950", "not evaluable"]
    assert row(text, "Sex unknown")[1:5] == ["reported", "0", "0", "not evaluable"]
    assert row(text, "Age band 60-120")[4] == "1.000 interval not evaluable"
    assert row(text, "Site") == ["Site", "not evaluable: no subgroup was recorded"]
    assert row(text, "View") == ["View", "not evaluable: no subgroup was recorded"]


def test_a_subgroup_beyond_the_intended_use_is_marked() -> None:
    evidence = copy.deepcopy(EVIDENCE)
    evidence["subgroups"][2]["inside_intended_use"] = False
    assert row(page(evidence), "Age band 60-120")[1] == "reportedbeyond the intended use"
    assert "beyond the intended use" not in page()


def test_an_attribute_of_another_use_case_is_shown_too() -> None:
    evidence = changed("subgroups", [subgroup("scanner_maker", "Acme", False, 9, 4, interval(0.8, 0.7, 0.9))])
    assert row(page(evidence), "Scanner maker Acme")[2] == "9"


def test_population_by_split() -> None:
    text = page()
    assert row(text, "train") == ["train", "fits the weights", "1,341", "1,301", "673 (50%)"]
    assert row(text, "calibrate")[2:] == ["57", "56", "28 (49%)"]
    assert row(text, "within the intended use")[2:] == ["139", "138", "71 (51%)"]
    assert row(page(changed("data.splits.tune", {})), "tune")[2:] == ["not evaluable"] * 2 + ["not evaluable (not evaluable)"]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            {"kind": "target_sensitivity", "value": 0.95},
            "the highest threshold whose sensitivity on the calibrate split is at least 95.0%",
        ),
        ({"kind": "fixed", "value": 0.5}, "0.5, agreed on before training; nothing was fitted"),
        ({"kind": "youden"}, "the threshold with the largest sensitivity + specificity on the calibrate split"),
        ({}, "not recorded"),
    ],
)
def test_the_operating_point_says_how_it_was_fitted(policy: dict[str, Any], words: str) -> None:
    facts = Reader(page(changed("bundle.threshold_policy", policy))).facts
    assert facts["Threshold"] == f"0.4200: {words}"
    assert facts["Temperature"].startswith("1.310: ")
    assert facts["Fitted on"] == "57 images of 56 patients, 28 with tuberculosis"


def test_provenance_names_every_digest() -> None:
    facts = Reader(page()).facts
    expected = {
        "Evidence": "sha256:44dd",
        "Bundle": "sha256:22bb",
        "Data version": "9f3c.dir",
        "Run": "run-77",
        "Git commit": "4f2a9c",
        "Edited since": "no",
        "Trial": "2 of 4, seed 7",
        "Engine": "openvino, f32",
        "learning rate": "0.0012",
    }
    assert {term: facts[term] for term in expected} == expected
    assert Reader(page(changed("code.commit", None))).facts["Git commit"] == "not recorded"


def test_checks_on_data_are_listed() -> None:
    assert "column: age, rows: 3" in section(page(), "checks")
    assert Reader(page()).facts["Data accepted"] == "yes"
    failed = page(changed("data.validation", {"success": False, "failed": ["patient in two splits"], "warnings": []}))
    assert Reader(failed).facts["Data accepted"] == "no"
    assert Reader(failed).facts["Failed"] == "patient in two splits"
    facts = Reader(page()).facts
    assert "1.0e-06" in facts["Same as trained"]
    assert "served in f32: a probability moves by 0.031" in facts["Precision"] and "2 of 57 decisions" in facts["Precision"]


def test_the_intended_use_is_told() -> None:
    words = section(page(), "use")
    for text in ("Second reader for adults.", "children", "lateral views", "18 to 59 years"):
        assert text in words
    assert Reader(page(changed("use_case.intended_use.age", None))).facts["Age"] == "not restricted"
    assert Reader(page(changed("use_case.intended_use", {}))).facts["Age"] == "not recorded"


def test_phantoms_carry_the_banner() -> None:
    assert "SYNTHETIC PHANTOMS" in page(changed("use_case.synthetic", True))
    assert "SYNTHETIC PHANTOMS" not in page()
    assert "ORIGIN NOT RECORDED" in page(changed("use_case.synthetic", None))
    assert "ORIGIN NOT RECORDED" not in page()


@pytest.mark.parametrize(
    "path",
    [
        "use_case.title",
        "use_case.labels.positive",
        "use_case.intended_use.statement",
        "data.version",
        "training.run_id",
        "created",
    ],
)
def test_text_of_the_evidence_is_escaped(path: str) -> None:
    text = page(changed(path, "<script>alert('x')</script>\"&"))
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;" in text


def test_text_of_verdict_subgroup_and_figure_is_escaped() -> None:
    attack = "<img src=x onerror=alert(1)>"
    verdict = {"verdict": "rejected", "reasons": [{"rule": attack, "status": attack, "sentence": attack}]}
    evidence = changed("subgroups", [subgroup(attack, attack, False, 1, 1, UNKNOWN)])
    text = render_report(evidence, verdict, {attack: PNG})
    tags = [
        tag for tag, attributes in Reader(text).tags if tag == "img" and not (attributes.get("src") or "").startswith("data:")
    ]
    assert tags == []
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") >= 4


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    text = page(changed("use_case.synthetic", True))
    tags = Reader(text).tags
    assert {tag for tag, _ in tags}.isdisjoint({"script", "iframe", "object", "embed", "form", "base"})
    addresses = [
        value for _, attributes in tags for name, value in attributes.items() if name in ("src", "href", "srcset", "action")
    ]
    assert addresses
    assert all(str(value).startswith(("data:", "#")) for value in addresses)
    assert not re.search(r"//\w|@import|url\(", text.replace(base64.b64encode(PNG).decode(), ""))
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    policies = [
        attributes.get("content") for tag, attributes in tags if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_figures_are_inlined_whole_and_in_reading_order() -> None:
    other = PNG + b"2"
    images = [attributes for tag, attributes in Reader(page(zebra=other, subgroups=other, roc=PNG)).tags if tag == "img"]
    contents = [base64.b64decode(str(image["src"]).removeprefix("data:image/png;base64,")) for image in images]
    assert contents == [PNG, other, other]
    assert str(images[0]["alt"]).startswith("Sensitivity against false alarms")
    assert str(images[2]["alt"]).startswith("zebra")


def test_a_figure_that_is_not_the_sealed_one_says_so() -> None:
    assert "not the figure that was sealed" not in page(roc=PNG)
    assert "This is not the figure that was sealed." in page(roc=PNG + b"edited")
    assert "The evidence keeps no digest of this figure." in page(roc=PNG, extra=PNG)


def test_a_sealed_figure_that_is_not_given_is_named() -> None:
    text = render_report(EVIDENCE, VERDICT, {})
    assert "No figure was given." in text
    assert "not given to this page: roc.png" in text


def test_what_is_no_png_is_refused() -> None:
    with pytest.raises(ValueError, match=r"roc\.png is no PNG"):
        page(roc=b"<svg/>")


def test_an_empty_evidence_gives_a_page_without_a_single_number() -> None:
    text = render_report({}, {}, {})
    cells = [cell for cells in Reader(text).rows for cell in cells[1:]]
    assert "not evaluable" in cells
    assert not [cell for cell in cells if re.fullmatch(r"[\d.,%]+( .*)?", cell)]
    assert "None" not in text
    assert not re.search(r"\bnan\b", text, flags=re.IGNORECASE)
    assert not [fact for fact in Reader(text).facts.values() if re.match(r"\d", fact)]


def test_it_reads_in_the_dark_and_on_paper() -> None:
    text = page()
    assert "@media (prefers-color-scheme: dark)" in text
    assert "@media print" in text
    assert '<meta name="color-scheme" content="light dark">' in text


def of_label(images: int, positives: int, judged: bool, auroc: dict[str, Any]) -> dict[str, Any]:
    """Return a label as the evidence keeps it."""
    metrics = {"auroc": auroc, "sensitivity": interval(0.8, 0.7, 0.9)} if judged else {"auroc": UNKNOWN}
    return {"images": images, "positives": positives, "judged": judged, "metrics": metrics}


def findings() -> dict[str, Any]:
    """Return the evidence of two findings, one of which is too rare."""
    evidence = copy.deepcopy(EVIDENCE)
    evidence["use_case"]["labels"] = {"kind": "multilabel", "findings": ["mass", "hernia"], "none": "no finding"}
    for name in ("train", "tune", "calibrate", "test"):
        evidence["data"]["splits"][name] = {"images": 143, "patients": 90, "labels": {"mass": 21, "hernia": 3}}
    del evidence["bundle"]["threshold"], evidence["bundle"]["temperature"]
    evidence["bundle"] |= {"outputs": ["mass", "hernia"], "thresholds": [0.37, None], "temperatures": [1.2, 1.0]}
    evidence["bundle"]["calibration_warnings"] = ["few_positives: hernia has 3 in calibrate"]
    evidence["labels"] = {
        "mass": of_label(140, 21, True, interval(0.83, 0.79, 0.9)),
        "hernia": of_label(143, 3, False, UNKNOWN),
    }
    counts = {"images": 60, "patients": 40, "fewest": {"positives": 1, "negatives": 30}}
    labels = {"mass": of_label(60, 9, True, interval(0.77, 0.6, 0.9)), "hernia": of_label(60, 1, False, UNKNOWN)}
    row = {"attribute": "sex", "value": "F", "gated": True, **counts, "labels": labels}
    evidence["subgroups"] = [row | {"metrics": {"auroc": interval(0.78, 0.61, 0.91)}}]
    evidence["population"] = {"gated": counts, "all_test": counts}
    return evidence


def classes() -> dict[str, Any]:
    """Return the evidence of three classes."""
    evidence = findings()
    words = ["cyst", "stone", "normal"]
    evidence["use_case"]["labels"] = {"kind": "multiclass", "classes": words}
    evidence["bundle"] |= {"outputs": words, "thresholds": [None] * 3, "temperatures": [1.4], "calibration_warnings": []}
    evidence["labels"] = {word: of_label(100, 30, True, interval(0.9, 0.8, 0.95)) for word in words}
    evidence["confusion"] = {"labels": words, "counts": [[27, 2, 1], [0, 30, 0], [4, 6, 30]]}
    return evidence


def test_each_label_has_its_numbers_and_the_rare_none() -> None:
    text = page(findings())
    assert section(text, "labels").count("too few to judge") == 1
    rows = [cells for cells in Reader(text).rows if cells[0].startswith(("mass", "hernia"))]
    by_split, by_metric, fitted = rows[:2], rows[2:4], rows[4:]
    assert by_split[0] == ["mass", "21", "21", "21", "21", "21 of 140"]
    assert by_metric[0][:4] == ["mass", "21", "140", "0.830 0.790 to 0.900"]
    assert by_metric[1] == ["herniatoo few to judge", "3", "143"] + ["not evaluable"] * 5
    assert fitted == [["mass", "0.3700", "1.200", "21"], ["hernia", "none: no decision", "1.000", "3"]]
    assert "1 of 2 do" in section(text, "metrics")
    assert "few_positives: hernia has 3 in calibrate" in section(text, "point")
    groups = [cells for cells in Reader(text).rows if cells[0] == "Sex F"]
    assert groups[0][2:5] == ["60", "1", "0.780 0.610 to 0.910"]
    assert groups[1] == ["Sex F", "0.770", "\N{EN DASH}"]


def test_classes_have_their_table_and_no_threshold() -> None:
    text = page(classes())
    table = [cells for cells in Reader(text).rows if cells[0] in ("cyst", "stone", "normal") and "(" in "".join(cells[1:])]
    assert table == [
        ["cyst", "27 (90%)", "2 (7%)", "1 (3%)", "30"],
        ["stone", "0 (0%)", "30 (100%)", "0 (0%)", "30"],
        ["normal", "4 (10%)", "6 (15%)", "30 (75%)", "40"],
    ]
    facts = Reader(text).facts
    assert facts["Answer"] == "the most probable class; there is no threshold"
    assert facts["Temperature"].startswith("1.400: ")
    assert facts["Tells apart"] == "cyst, stone, normal"
    assert "telling apart cyst, stone, normal" in text


def test_severity_and_clinical_values_have_their_tables() -> None:
    evidence = copy.deepcopy(EVIDENCE)
    metrics = {"mean_absolute_error": interval(0.21, 0.15, 0.3), "exact": interval(0.8, 0.7, 0.9), "kappa": UNKNOWN}
    evidence["severity"] = {"levels": ["none", "large"], "images": 99, "metrics": metrics, "confusion": [[40, 9], [0, 50]]}
    hidden = {"metrics": {"auroc": interval(0.9, 0.85, 0.94)}, "difference": {"auroc": interval(0.053, -0.01, 0.1)}}
    evidence["without_clinical"] = hidden
    text = page(evidence)
    assert row(text, "Mean error")[1] == "0.210 0.150 to 0.300"
    assert row(text, "Kappa")[1] == row(text, "Spearman")[1] == "not evaluable"
    assert row(text, "large") == ["large", "0 (0%)", "50 (100%)", "50"]
    added = [cells for cells in Reader(text).rows if cells[0] == "AUROC"][-1]
    assert added == ["AUROC", "0.953 0.921 to 0.978", "0.900 0.850 to 0.940", "0.053 -0.010 to 0.100"]


def test_regions_stand_first_where_they_are_the_question() -> None:
    evidence = copy.deepcopy(EVIDENCE)
    evidence["use_case"]["labels"] = {"kind": "segmentation", "target": "tumour", "none": "none"}
    evidence["metrics"]["dice"] = interval(0.81, 0.78, 0.84)
    text = page(evidence)
    names = [cells[0] for cells in Reader(text).rows if cells]
    assert next(name for name in names if name.startswith(("Dice", "AUROC"))).startswith("Dice")
    assert row(text, "Dice")[1] == "0.810 0.780 to 0.840"
    assert row(text, "LocationShare")[1] == "not evaluable"
    assert "a region is marked from one half on" in Reader(text).facts["Threshold"]


@pytest.mark.parametrize("make", [findings, classes])
def test_a_label_is_escaped(make: Any) -> None:
    text = page(json.loads(json.dumps(make()).replace("mass", "<b>x</b>").replace("cyst", "<b>x</b>")))
    assert "<b>x</b>" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text


@pytest.mark.parametrize("make", [findings, classes])
@pytest.mark.parametrize("name", ["labels", "confusion", "population", "subgroups", "metrics", "bundle", "data"])
def test_a_part_that_is_missing_leaves_no_number_in_its_place(make: Any, name: str) -> None:
    evidence = make()
    evidence.pop(name, None)
    text = page(evidence)
    assert "None" not in text
    assert not re.search(r"\bnan\b", text, flags=re.IGNORECASE)


def outcome(value: float, drop: float, flips: float | None) -> dict[str, Any]:
    """Return what the evidence keeps of one alteration."""
    return {"auroc": interval(value, value - 0.05, value + 0.01), "auroc_drop": interval(drop, 0.0, 0.1), "flips": flips}


EXAMINED: dict[str, Any] = {
    "fairness": {
        "sex": {
            "groups": ["F", "M"],
            "selection_rate": {"difference": 0.123, "ratio": 0.765},
            "equalised_odds": {"difference": 0.234, "ratio": None},
            "worst": {"metric": "sensitivity", "value": "F", "number": interval(0.812, 0.7, 0.9)},
        },
        "device": {
            "groups": ["ACME"],
            "selection_rate": {"difference": None, "ratio": None},
            "equalised_odds": {"difference": None, "ratio": None},
            "worst": None,
        },
    },
    "robustness": {
        "images": 64,
        "metric": "auroc",
        "untouched": interval(0.951, 0.9, 0.98),
        "perturbations": {
            "noise": [
                {"strength": n, "amount": 4.0 * n, "unit": "grey levels", **outcome(0.95 - 0.07 * n, 0.07 * n, 0.01 * n)}
                for n in range(1, 5)
            ]
            + [{"strength": 5, "amount": 20.0, "unit": "grey levels", "auroc": UNKNOWN, "auroc_drop": UNKNOWN, "flips": None}]
        },
    },
    "shortcuts": {
        "images": 64,
        "metric": "auroc",
        "untouched": interval(0.951, 0.9, 0.98),
        "probes": {"site": {"auroc": interval(0.871, 0.8, 0.93), "images": 127, "groups": 3}},
        "occlusion": {
            "upper_left": outcome(0.655, 0.296, 0.31) | {"alone": interval(0.933, 0.9, 0.96)},
            "centre": outcome(0.949, 0.002, 0.0) | {"alone": UNKNOWN},
        },
    },
    "explanations": {
        "method": "grad-cam",
        "images": 16,
        "randomised": 0.182,
        "insertion": 0.922,
        "deletion": 0.528,
        "random_insertion": 0.911,
        "random_deletion": 0.969,
        "mask_share": interval(0.44, 0.3, 0.6),
        "sane": True,
        "reason": None,
    },
}


def examined(**changes: Any) -> str:
    """Return the page of an evidence that has all of it; keywords replace members of the explanations."""
    evidence = copy.deepcopy(EVIDENCE) | copy.deepcopy(EXAMINED)
    evidence["explanations"] |= changes
    both = subgroup("sex", "F+18-39", False, 20, 9, interval(0.777, 0.6, 0.9))
    evidence["subgroups"].append(both | {"attribute": "sex+age_band", "draws": 500})
    return page(evidence)


def test_groups_are_compared_and_what_cannot_be_is_a_dash() -> None:
    text = section(examined(), "worse")
    assert "0.123 0.765 0.234 \N{EN DASH}" in text
    assert "F 0.812 0.700 to 0.900" in text
    assert "fewer than two groups are large enough" in text


def test_pairs_stand_by_themselves_and_not_among_the_attributes() -> None:
    text = examined()
    assert "1 groups by two attributes together" in section(text, "worse")
    assert row(text, "Sex and age band: F+18-39")[1:3] == ["20", "0.777 0.600 to 0.900"]
    assert "F+18-39" not in section(text, "subgroups")
    assert pair_name({"attribute": "site+device", "value": "A+ACME"}) == "Site and device: A+ACME"


def test_parts_of_the_image() -> None:
    text = examined()
    assert row(text, "Upper left corner")[1:] == [
        "0.655 0.605 to 0.665",
        "0.296 0.000 to 0.100",
        "31%",
        "0.933 0.900 to 0.960",
    ]
    assert row(text, "Centre")[-1] == "not evaluable"
    assert "AUROC of 64 images" in section(text, "looks")
    assert "0.871 0.800 to 0.930" in section(text, "looks")


def test_parts_and_attributes_keep_their_order_though_sealed_json_has_another() -> None:
    evidence = copy.deepcopy(EVIDENCE) | copy.deepcopy(EXAMINED)
    for member, key in (("shortcuts", "occlusion"), ("robustness", "perturbations")):
        first = next(iter(evidence[member][key].values()))
        names = ("upper_left", "centre", "border", "other") if key == "occlusion" else ("jpeg", "noise", "blur", "other")
        evidence[member][key] = dict.fromkeys(sorted(names), first)
    evidence["fairness"] = dict.fromkeys(("age_band", "sex"), evidence["fairness"]["sex"])
    found = [cells[0] for cells in Reader(page(evidence)).rows]
    assert [cell for cell in found if cell in ("Border", "Upper left corner", "Centre")] == [
        "Border",
        "Upper left corner",
        "Centre",
    ]
    assert [cell for cell in found if cell.startswith(("Noise", "Blur", "Compression"))] == [
        "Noisegrey levels",
        "Blurgrey levels",
        "Compressiongrey levels",
    ]
    assert found.index("SexF, M") < found.index("Age bandF, M")


def test_worse_images_have_five_steps() -> None:
    cells = row(examined(), "Noise")
    assert cells[0] == "Noisegrey levels"
    assert len(cells) == 6
    assert "at 4" in cells[1]
    assert "0.880" in cells[1]
    assert "lost 0.070" in cells[1]
    assert "1% changed" in cells[1]
    assert cells[5].count("not evaluable") == 2
    assert "0.0" not in cells[5]


def test_the_heat_map_is_believed_or_not() -> None:
    text = section(examined(), "looks")
    assert "nothing speaks against it" in text
    assert "0.182" in text
    assert "0.440" in text
    bad = section(examined(sane=False, reason="the heat map hardly changes", mask_share=None), "looks")
    assert "not to be believed the heat map hardly changes" in bad
    assert "no true region is known" in bad
    assert "nothing speaks against it" not in bad


def test_dice_is_named_where_it_is_followed() -> None:
    evidence = copy.deepcopy(EVIDENCE) | copy.deepcopy(EXAMINED)
    for part in ("robustness", "shortcuts"):
        evidence[part]["metric"] = "dice"
    evidence["shortcuts"]["occlusion"]["centre"] = {"dice": interval(0.321, 0.3, 0.4), "dice_drop": UNKNOWN, "flips": None}
    text = page(evidence)
    assert "Dice of 64 images" in section(text, "looks")
    assert row(text, "Centre")[1] == "0.321 0.300 to 0.400"
    assert row(text, "Upper left corner")[1] == "not evaluable"


def test_what_was_never_examined_says_so() -> None:
    text = page(EVIDENCE)
    assert "no comparison of groups was recorded" in section(text, "worse")
    assert "nothing was recorded about parts of the image" in section(text, "looks")
    assert "the heat map was not tested" in section(text, "looks")
    assert "no worse images were tried" in section(text, "stress")
    unprobed = copy.deepcopy(EVIDENCE) | copy.deepcopy(EXAMINED)
    unprobed["shortcuts"]["probes"] = {}
    assert "no attribute has two words" in section(page(unprobed), "looks")


def numbers(count: int, start: float) -> list[dict[str, float]]:
    """Return intervals that can be told apart."""
    return [interval(start - 0.01 * number, start - 0.1, start + 0.1) for number in range(count)]


def test_it_is_read_in_the_order_in_which_a_radiologist_asks() -> None:
    evidence = copy.deepcopy(EVIDENCE) | copy.deepcopy(EXAMINED)
    text = render_report(evidence, VERDICT, {}, label={"name": "x"}, addenda=[{"kind": "external"}])
    places = [
        'id="use"',
        "When not to use it",
        'aria-label="Verdict"',
        'class="tiles"',
        'id="population"',
        'id="metrics"',
        'id="subgroups"',
        'id="worse"',
        'id="stress"',
        'id="looks"',
        'id="champion"',
        'id="addendum-1"',
        'id="rules"',
        'id="provenance"',
        'id="facts"',
    ]
    found = [text.index(place) for place in places]
    assert found == sorted(found)
    assert all(f'id="{str(attributes["href"])[1:]}"' in text for tag, attributes in Reader(text).tags if tag == "a")


def test_rules_that_are_not_met_are_said_first_and_the_others_folded() -> None:
    text = page()
    head = text.split('aria-label="Verdict"', 1)[1].split("</section>")[0]
    assert re.findall("<li>(.*?)</li>", head) == ["The lower bound is too low.", "Too few women were tested."]
    rules = text.split('id="rules"', 1)[1].split("</section>")[0]
    open_, folded = rules.split("<details>")
    assert [cells[1] for cells in Reader(open_).rows[1:]] == ["sensitivity_lower", "sex_f"]
    assert [cells[1] for cells in Reader(folded).rows[1:]] == ["auroc_lower", "champion", "flips"]
    assert "3 rules that are met or do not apply" in folded
    many = {"verdict": "rejected", "reasons": [{"rule": f"r{n}", "status": "failed", "sentence": f"S{n}."} for n in range(9)]}
    assert "and 3 more, in the" in page(verdict=many)


def test_on_paper_nothing_is_folded() -> None:
    assert "<details open>" in render_report(EVIDENCE, VERDICT, {}, folded=False)
    assert "<details open>" not in page()


def test_a_part_that_is_empty_says_nothing() -> None:
    evidence = changed("use_case.intended_use.age", [18.0, 59.0])
    text = page(evidence, roc=PNG)
    assert text.split("<body>")[1].lstrip().startswith("<main>")
    assert "18 to 59 years" in Reader(text).facts["Age"]
    assert "not recorded" not in section(render_report(EVIDENCE, VERDICT, {}), "metrics")


def test_who_was_tested() -> None:
    evidence = changed("subgroups", [subgroup("sex", "F", True, 30, 12, UNKNOWN), subgroup("sex", "M", True, 90, 40, UNKNOWN)])
    rows = [cells for cells in Reader(page(evidence)).rows if cells[-1] in ("12", "40")]
    assert rows == [["Sex", "F", "30 (25%)", "30", "12"], ["M", "90 (75%)", "90", "40"]]


def test_figures_stand_where_they_belong() -> None:
    evidence = copy.deepcopy(EVIDENCE) | {"net_benefit": {"thresholds": []}}
    text = page(evidence, roc=PNG, hardest=PNG, robustness=PNG, decision=PNG, severity=PNG, subgroups=PNG)
    for name, words in (
        ("metrics", "diamond is the one in use"),
        ("wrong", "most certain wrong answers"),
        ("stress", "as images get worse"),
        ("benefit", "Net benefit of acting"),
        ("worse", "with 95% intervals by subgroup"),
        ("figures", "Levels against the truth"),  # there is no severity
    ):
        assert words in section(text, name), name
    assert text.count("<figure>") == 6


def test_the_decision_curve_has_its_numbers() -> None:
    columns = {"model": numbers(3, 0.5), "treat_all": numbers(3, 0.4), "gain": numbers(3, 0.1)}
    evidence = changed("net_benefit", {"thresholds": [0.2, 0.42, 0.6], "treat_none": 0.0, **columns})
    cells = row(page(evidence), "0.420in use")
    # 0.58 / 0.42 needless actions for one that was needed
    assert cells[1:] == ["1.4", "0.490 0.400 to 0.600", "0.390 0.300 to 0.500", "0.090 0.000 to 0.200"]
    assert row(page(evidence), "0.200")[1] == "4.0"
    several = {"labels": {"mass": {"thresholds": [0.2, 0.42, 0.6], **columns}}}
    assert row(page(changed("net_benefit", several)), "mass")[1:3] == ["0.420", "0.490 0.400 to 0.600"]
    assert 'id="benefit"' not in page()


def test_readers_stand_beside_the_model() -> None:
    rates = {rate: interval(0.8, 0.7, 0.9) for rate in ("sensitivity", "specificity")}
    each = {"images": 96, "patients": 77, "metrics": rates, "model": rates | {"sensitivity": UNKNOWN}, "difference": rates}
    pair = {"first": "senior_1", "second": "junior", "images": 55, "kappa": interval(0.61, 0.4, 0.8)}
    readers = {"each": {"senior_1": each | {"kappa": interval(0.53, 0.3, 0.7)}}, "agreement": [pair]}
    text = page(changed("readers", readers))
    apart = ["0.800 0.700 to 0.900", "not evaluable", "0.800 0.700 to 0.900"]
    assert row(text, "9677 patients") == ["Senior 1", "9677 patients", "Sensitivity", *apart, "0.530 0.300 to 0.700"]
    assert row(text, "Senior 1 and Junior")[1:] == ["55", "0.610 0.400 to 0.800"]
    assert 'id="readers"' not in page()


def test_the_champion_stands_beside() -> None:
    found = {
        "version": 3,
        "cases": 139,
        "champion": {"sensitivity": interval(0.9, 0.8, 0.95), "auroc": interval(0.94, 0.9, 0.97)},
        "difference": {"sensitivity": interval(0.01, -0.05, 0.06), "auroc": interval(0.02, -0.01, 0.05)},
        "at_old_threshold": {"sensitivity": interval(0.88, 0.8, 0.93)},
        "delong": {"difference": 0.02, "low": -0.012, "high": 0.052, "p": 0.2207},
        "shift": {"flips": 0.043},
    }
    evidence = changed("champion", found) | {"changes": {"changed": {"search.trials": [2, 4]}}}
    text = section(page(evidence), "champion")
    assert "Version 3 is in use" in text
    assert text.index("AUROC 0.940") < text.index("Sensitivity 0.900 0.800 to 0.950 0.010 -0.050 to 0.060 0.880")
    assert (
        "By DeLong's test AUROC differs by 0.020 (-0.012 to 0.052), p 0.221. At the champion's threshold 4% of decisions" in text
    )
    assert "search.trials 2 \N{RIGHTWARDS ARROW} 4" in text
    assert "this is a first version" in section(page(changed("champion", None)), "champion")
    assert "no comparison was recorded" in section(page(), "champion")
    assert "it answers otherwise" in section(
        page(changed("champion", {"version": 3, "reason": "it answers otherwise"})), "champion"
    )


def test_what_clinical_values_add_has_a_second_opinion() -> None:
    hidden = {
        "metrics": {"auroc": UNKNOWN},
        "difference": {},
        "delong": {"difference": 0.05, "low": 0.01, "high": 0.09, "p": 0.014},
    }
    assert "AUROC by 0.050 (0.010 to 0.090), p 0.014." in section(page(changed("without_clinical", hidden)), "clinical")


def test_addenda_stand_beside_the_evidence() -> None:
    addendum = {
        "kind": "external",
        "name": "hospital-b",
        "evidence": "sha256:44dd",
        "seal": "sha256:55ee",
        "created": "2026-02-02T00:00:00Z",
        "population": {"gated": {"images": 210, "patients": 200, "positives": 21}},
        "metrics": {"auroc": interval(0.84, 0.8, 0.88), "f1": UNKNOWN},
        "subgroups": [subgroup("sex", "F", True, 99, 9, interval(0.8, 0.7, 0.9))],
        "reasons": [{"rule": "auroc_lower", "status": "failed", "number": 0.8, "limit": 0.9, "sentence": "It would not pass."}],
    }
    text = render_report(EVIDENCE, VERDICT, {}, addenda=[addendum, addendum | {"evidence": "sha256:other", "name": None}])
    first, second = section(text, "addendum-1"), section(text, "addendum-2")
    assert "images of another source, hospital-b 210 images of 200 patients" in first
    assert "AUROC 0.953 0.921 to 0.978 0.840 0.800 to 0.880" in first
    assert "F1 0.910 0.880 to 0.940 not evaluable" in first
    assert "Sex F 99 0.800 0.700 to 0.900" in first
    assert "It would not pass." in first
    assert "another evidence" not in first
    assert "It names another evidence than this one." in second
    assert "Learnt later" not in page()


def group(value: str, sensitivity: float) -> dict[str, Any]:
    return {
        "value": value,
        "images": 60,
        "metrics": {"auroc": interval(0.9, 0.8, 0.95), "sensitivity": interval(sensitivity, 0.5, 0.98)},
        "contradicted": interval(0.111, 0.05, 0.2),
    }


MITIGATED = {
    "attribute": "sex",
    "training": None,
    "thresholds": "per_group",
    "labels": "set_aside",
    "set_aside": [{"value": "F", "images": 200, "set_aside": 31}],
    "before": {"version": 4, "rows": [group("F", 0.612)]},
    "one_threshold": [group("F", 0.734)],
    "after": [group("F", 0.856)],
}


def test_a_mitigation_shows_its_groups_before_and_after() -> None:
    text = section(page(copy.deepcopy(EVIDENCE) | {"mitigation": MITIGATED}), "mitigation")
    at = [text.index(words) for words in ("before (version 4)", "0.612", "one threshold for all", "0.734", "as judged", "0.856")]
    assert at == sorted(at)
    assert "each group has a threshold of its own" in text
    assert "31 of 200 images of F" in text
    assert "0.111 0.050 to 0.200" in text
    alone = section(page(copy.deepcopy(EVIDENCE) | {"mitigation": MITIGATED | {"before": None}}), "mitigation")
    assert "nothing can be said of before" in alone


def test_prediction_sets_and_strangers_are_told() -> None:
    share = {"images": 60, "covered": interval(0.917, 0.83, 0.97), "decided": interval(0.755, 0.6, 0.8)}
    conformal = {
        "coverage": 0.9,
        "overall": share,
        "labels": {"tuberculosis": share | {"images": 31}},
        "subgroups": [{"attribute": "sex", "value": "F"} | share | {"images": 22}],
    }
    known = {"images": 143, "refused": 2, "share": 0.99}
    text = section(page(copy.deepcopy(EVIDENCE) | {"conformal": conformal, "familiarity": known}), "sets")
    assert "90% of new cases of each label" in text
    assert "Sex F 22 0.917 0.830 to 0.970 0.755" in text
    assert "Of these 143 images it would refuse 2" in text


def test_what_may_help_stands_with_the_verdict() -> None:
    proposal = {"rules": ["labels[sex=F]"], "sentence": "Of sex, read <them> again.", "yaml": "mitigation:\n  attribute: sex\n"}
    verdict = {"verdict": "rejected", "reasons": VERDICT["reasons"], "proposals": [proposal]}
    text = render_report(copy.deepcopy(EVIDENCE), verdict, {})
    assert "Of sex, read &lt;them&gt; again." in text
    assert "<pre>mitigation:\n  attribute: sex\n</pre>" in text
    assert text.index("mitigation:") < text.index('id="metrics"')


def test_thresholds_by_group_are_told_in_place_of_the_one_that_nobody_is_cut_at() -> None:
    evidence = copy.deepcopy(EVIDENCE)
    points = [{"word": "F", "thresholds": [0.312]}, {"word": "M", "thresholds": [0.654]}]
    evidence["bundle"]["group_thresholds"] = {"attribute": "sex", "points": points, "unknown": [0.312]}
    text = page(evidence)
    assert "threshold of each patient's group (F 0.312, M 0.654, unknown 0.312)" in section(text, "metrics")
    assert f"{EVIDENCE['bundle']['threshold']:.3f}" not in section(text, "metrics")
