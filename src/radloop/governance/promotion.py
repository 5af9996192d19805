"""Promotion: the gate's verdict, the registered version, and the alias `candidate` if the verdict is yes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radloop.governance.gate import Verdict
from radloop.governance.proposals import proposals
from radloop.governance.registry import Registry
from radloop.governance.reporting import write_report_in
from radloop.governance.review import verdict_of
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
    version = registry.register(run_id, run.name, every, place / "bundle", _description(use_case, verdict, evidence, settings))
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
    """Keep copies of evidence, verdict, report and figures in MLflow, where a reviewer looks for them, and its metrics."""
    with tempfile.TemporaryDirectory() as temporary:
        for path in (place / "evidence.json", place / "verdict.json", place / "report.html", *(place / "judgement").iterdir()):
            shutil.copy(path, temporary)
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


def _description(use_case: UseCase, verdict: Verdict, evidence: Mapping[str, Any], settings: Settings) -> str:
    """Return the version's page: verdict and every reason, in Markdown."""
    rows = "\n".join(f"| {reason.rule} | {reason.status} | {reason.sentence} |" for reason in verdict.reasons)
    page = f"{settings.review_address}/{use_case.name}/{str(evidence['bundle']['digest']).removeprefix('sha256:')}"
    synthetic = "**Synthetic phantoms: not for any patient.**\n\n" if use_case.synthetic else ""
    return (
        f"# {use_case.title}: {verdict.verdict}\n\n{synthetic}{use_case.intended_use.statement}\n\n"
        f"Bundle `{evidence['bundle']['digest']}`, evidence `{evidence['seal']}`, data `{evidence['data']['version']}`.\n\n"
        f"| rule | status | reason |\n|---|---|---|\n{rows}\n\n"
        f"[Report]({page}/report), also the run's artifact `judgement/report.html`. [Decide]({page}) under `radloop up`, "
        f"or set the tag `radloop.review` here to `approve: NOTE` or `reject: NOTE`.\n"
    )
