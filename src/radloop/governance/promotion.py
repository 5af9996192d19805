"""Promotion: the gate's verdict, the registered version, and the alias `candidate` if the verdict is yes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radloop.evaluation.pdf import can_print
from radloop.governance.model_facts import model_facts
from radloop.governance.proposals import proposals
from radloop.governance.registry import Registry
from radloop.governance.reporting import MODEL_FACTS, PDF, REPORT, report_pdf_in, write_report_in
from radloop.governance.review import verdict_of
from radloop.governance.version_page import OVERVIEW, overview, version_page
from radloop.records.runs import Run
from radloop.records.seal import read_sealed
from radloop.settings import Settings
from radloop.use_case import UseCase


def promote(
    use_case: UseCase, run: Run, tags: Mapping[str, str], evaluated: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    """Register the judged bundle; the alias comes last, so that no half-written candidate exists.

    Returns:
        the version, the verdict with its reasons, and the report's path.
    """
    place = settings.place / str(evaluated["folder"])
    evidence = read_sealed(place / "evidence.json", "evidence")
    verdict = verdict_of(evidence)
    page = write_report_in(place)
    registry = Registry(use_case.name, settings)
    run_id = str(evidence["training"]["run_id"])
    every = {
        **tags,
        "radloop.verdict": verdict.verdict,
        "radloop.bundle": str(evaluated["bundle"]),
        "radloop.evidence": str(evaluated["evidence"]),
    }
    _attach(registry, run_id, place, evidence)
    label = model_facts(evidence, verdict.as_dict())
    description = version_page(evidence, verdict.as_dict(), label, run_id, settings.review_address)
    version = registry.register(run_id, run.name, every, place / "bundle", description)
    if verdict.passed:
        registry.point("candidate", version.version)
    return {
        **verdict.as_dict(),
        "proposals": [proposal.as_dict() for proposal in proposals(use_case, verdict)],
        "model_version": version.version,
        "run_id": run_id,
        "bundle": evaluated["bundle"],
        "evidence": evaluated["evidence"],
        "report": str(page),
    }


def _attach(registry: Registry, run_id: str, place: Path, evidence: Mapping[str, Any]) -> None:
    """Keep copies of evidence, verdict, report, facts and figures in MLflow, where a reviewer looks for them, and its metrics."""
    with tempfile.TemporaryDirectory() as temporary:
        names = ("evidence.json", "verdict.json", REPORT, MODEL_FACTS)
        for path in (*(place / name for name in names), *(place / "judgement").iterdir()):
            shutil.copy(path, temporary)
        small = overview({path.name: path.read_bytes() for path in (place / "judgement").glob("*.png")})
        if small is not None:
            Path(temporary, OVERVIEW).write_bytes(small)
        if can_print():
            Path(temporary, PDF).write_bytes(report_pdf_in(place))
        registry.attach(run_id, Path(temporary), _test_metrics(evidence))


def _test_metrics(evidence: Mapping[str, Any]) -> dict[str, float]:
    """Return every metric over the intended population with its bounds, those that could be computed."""
    ends = {"value": "", "low": "_low", "high": "_high"}
    return {
        f"test_{name}{ending}": number
        for name, interval in evidence["metrics"].items()
        for end, ending in ends.items()
        if (number := interval[end]) is not None
    }
