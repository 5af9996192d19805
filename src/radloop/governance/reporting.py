"""The report of a judged bundle, written beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radloop.evaluation.report import render_report
from radloop.governance.decisions import last_decision
from radloop.governance.proposals import proposals
from radloop.governance.registry import Version
from radloop.governance.review import bundle_folder, verdict_of
from radloop.records.seal import canonical, read_sealed, write_atomic
from radloop.settings import Settings
from radloop.use_case import UseCase


def write_report(version: Version, settings: Settings) -> Path:
    """Write a version's report anew, with the last decision on it, and return its path."""
    return write_report_in(bundle_folder(version, settings), last_decision(settings, version.use_case, version.version))


def write_report_in(place: Path, review: dict[str, Any] | None = None) -> Path:
    """Write `verdict.json` and `report.html` beside the evidence in a bundle's folder.

    Args:
        place: the folder.
        review: the last decision on the version, None where nobody has decided.

    Raises:
        IntegrityError: the evidence is missing or was edited.
    """
    evidence = read_sealed(place / "evidence.json", "evidence")
    found = verdict_of(evidence)
    use_case = UseCase.model_validate_json(json.dumps(evidence["use_case"]["config"]))
    verdict = found.as_dict() | {"proposals": [proposal.as_dict() for proposal in proposals(use_case, found)]}
    figures = {path.name: path.read_bytes() for path in sorted((place / "judgement").glob("*.png"))}
    write_atomic(place / "verdict.json", canonical(verdict))
    write_atomic(place / "report.html", render_report(evidence, verdict, figures, review).encode())
    return place / "report.html"
