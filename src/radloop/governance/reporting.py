"""The report of a judged bundle and its model facts, written beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from radloop.evaluation.pdf import as_pdf
from radloop.evaluation.report import render_model_facts, render_report
from radloop.governance.addenda import shown_addenda
from radloop.governance.decisions import last_decision
from radloop.governance.model_facts import model_facts
from radloop.governance.proposals import proposals
from radloop.governance.registry import Version
from radloop.governance.review import bundle_folder, verdict_of
from radloop.governance.version_page import version_page
from radloop.records.seal import canonical, read_sealed, write_atomic
from radloop.settings import Settings
from radloop.use_case import UseCase

REPORT = "report.html"
MODEL_FACTS = "model-facts.html"
PDF = "report.pdf"

Addenda = Sequence[Mapping[str, Any]]


def write_report(version: Version, settings: Settings) -> Path:
    """Write a version's report anew, with the last decision on it, and return its path."""
    return write_report_in(bundle_folder(version, settings), *_since(version, settings))


def write_report_in(
    place: Path, review: Mapping[str, Any] | None = None, version: int | None = None, addenda: Addenda = ()
) -> Path:
    """Write `verdict.json`, `report.html` and `model-facts.html` beside the evidence in a bundle's folder.

    Args:
        place: the folder.
        review: the last decision on the version, None where nobody has decided.
        version: of the registered model, None before it is registered.
        addenda: what was learnt later.

    Raises:
        IntegrityError: the evidence is missing or was edited.
    """
    evidence = read_sealed(place / "evidence.json", "evidence")
    verdict = _judged(evidence)
    label = model_facts(evidence, verdict, version, review, addenda).as_dict()
    page = render_report(evidence, verdict, _figures(place), review, addenda, label)
    write_atomic(place / "verdict.json", canonical(verdict))
    write_atomic(place / MODEL_FACTS, render_model_facts(label).encode())
    write_atomic(place / REPORT, page.encode())
    return place / REPORT


def described(version: Version, settings: Settings) -> str:
    """Return the page of a version in MLflow, with the last decision on it.

    Raises:
        IntegrityError: the evidence is missing or was edited.
    """
    evidence = read_sealed(bundle_folder(version, settings) / "evidence.json", "evidence")
    verdict = _judged(evidence)
    review, number, addenda = _since(version, settings)
    label = model_facts(evidence, verdict, number, review, addenda)
    return version_page(evidence, verdict, label, version.run_id, settings.review_address)


def report_pdf(version: Version, settings: Settings) -> bytes:
    """Return a version's report as PDF, with the last decision on it.

    Raises:
        InputError: the extra `pdf` is not installed.
        IntegrityError: the evidence is missing or was edited.
    """
    return report_pdf_in(bundle_folder(version, settings), *_since(version, settings))


def report_pdf_in(
    place: Path, review: Mapping[str, Any] | None = None, version: int | None = None, addenda: Addenda = ()
) -> bytes:
    """Return the report of a bundle's folder as PDF; arguments and errors as `write_report_in` and `evaluation.pdf` say."""
    evidence = read_sealed(place / "evidence.json", "evidence")
    verdict = _judged(evidence)
    label = model_facts(evidence, verdict, version, review, addenda).as_dict()
    page = render_report(evidence, verdict, _figures(place), review, addenda, label, folded=False)
    return as_pdf(page, f"{evidence['use_case']['title']}: evaluation")


def _judged(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gate's verdict with what may help where it said no."""
    found = verdict_of(dict(evidence))
    try:
        use_case = UseCase.model_validate_json(json.dumps(evidence["use_case"]["config"]))
    except ValidationError:  # made by another Radloop: its page is written all the same
        return found.as_dict() | {"proposals": []}
    return found.as_dict() | {"proposals": [proposal.as_dict() for proposal in proposals(use_case, found)]}


def _since(version: Version, settings: Settings) -> tuple[dict[str, Any] | None, int, Addenda]:
    """Return what came after the evidence: the last decision, the version's number, and what was learnt later."""
    return last_decision(settings, version.use_case, version.version), version.version, shown_addenda(version, settings)


def _figures(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((place / "judgement").glob("*.png"))}
