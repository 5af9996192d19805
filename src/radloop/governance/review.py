"""Review: a named person's decision on a verdict that passed, bound to the digests of what was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from radloop.errors import InputError, IntegrityError, Refusal
from radloop.governance.gate import Verdict, decide
from radloop.governance.registry import Registry, Version
from radloop.inference.pointer import read_pointer
from radloop.inference.verification import verify_bundle
from radloop.records import chain
from radloop.records.seal import read_sealed, write_sealed
from radloop.settings import Settings
from radloop.use_case import BESIDE_CHAMPION, Policy

Decision = Literal["approve", "reject"]


def decisions_file(settings: Settings) -> Path:
    """Return the append-only record of decisions."""
    return settings.place / "records" / "decisions.jsonl"


def bundle_folder(version: Version, settings: Settings) -> Path:
    """Return the folder that holds a version's bundle, evidence and approval."""
    return settings.bundles / version.use_case / version.bundle.removeprefix("sha256:")


def read_evidence(version: Version, settings: Settings) -> dict[str, Any]:
    """Return a version's evidence, checked against its seal and against the version's tag.

    Raises:
        IntegrityError: missing, edited, or not the one that was registered.
    """
    evidence = read_sealed(bundle_folder(version, settings) / "evidence.json", "evidence")
    if evidence["seal"] != version.evidence:
        raise IntegrityError(
            "tampered_evidence", "evidence: not the one that was registered with this version", "restore it from MLflow"
        )
    return evidence


def verdict_of(evidence: dict[str, Any]) -> Verdict:
    """Return what the gate says of evidence, by the policy that the evidence carries.

    A tag can be edited by anyone; the gate is pure, so it is asked again.
    """
    try:
        policy = Policy.model_validate_json(json.dumps(evidence["policy"]))
    except (KeyError, ValidationError) as error:
        raise IntegrityError("tampered_evidence", "evidence: it holds no readable policy", "retrain") from error
    return decide(evidence, policy)


def decide_on(use_case: str, number: int, decision: Decision, by: str, note: str, settings: Settings) -> dict[str, Any]:
    """Record a person's decision on a version and return it.

    Raises:
        InputError: no such version, no name or no note.
        Refusal: approving what the gate rejected, or what was judged beside another champion.
        IntegrityError: bundle or evidence are not what was judged.
    """
    if not by.strip() or not note.strip():
        raise InputError("decision_incomplete", "a decision needs a name and a note", "give --by NAME --note TEXT")
    registry = Registry(use_case, settings)
    version = registry.version(number)
    document = _decision(version, decision, by.strip(), note.strip(), settings)
    folder = bundle_folder(version, settings)
    if decision == "approve":
        sealed = write_sealed(folder / "approval.json", document)
    else:
        (folder / "approval.json").unlink(missing_ok=True)
        sealed = document
    chain.append(decisions_file(settings), sealed)
    registry.tag(number, {"radloop.review": f"{decision}: {note.strip()}", "radloop.review_by": by.strip()})
    if decision == "reject" and registry.aliases().get("candidate") == number:
        registry.point("candidate", None)
    return sealed


def _decision(version: Version, decision: Decision, by: str, note: str, settings: Settings) -> dict[str, Any]:
    folder = bundle_folder(version, settings)
    evidence = read_evidence(version, settings)
    if decision == "approve":
        verify_bundle(folder)
        verdict = verdict_of(evidence)
        if not verdict.passed:
            failed = ", ".join(reason.rule for reason in verdict.reasons if reason.status not in ("passed", "not_applicable"))
            raise Refusal(
                "gate_rejected",
                f"{version.use_case} version {version.version} was rejected by the gate: {failed}",
                f"read `radloop report {version.use_case} {version.version}`; a rejected version cannot be approved",
            )
        check_compared(version, evidence, settings)
    return {
        "schema_version": 1,
        "use_case": version.use_case,
        "version": version.version,
        "bundle": version.bundle,
        "evidence": version.evidence,
        "verdict": version.verdict,
        "decision": decision,
        "by": by,
        "note": note,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def decisions(settings: Settings, use_case: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield recorded decisions in order, the chain verified.

    Raises:
        IntegrityError: the record was edited.
    """
    for entry in chain.read(decisions_file(settings)):
        payload = entry["payload"]
        if payload is not None and use_case in (None, payload["use_case"]):
            yield payload


def check_compared(version: Version, evidence: Mapping[str, Any], settings: Settings) -> None:
    """Check that a version was judged beside the champion that it would replace, where its policy asks for that.

    A version that was served before may come back: it was compared when it first came.

    Raises:
        Refusal: `champion_changed`: another champion, or the first, was deployed since it was judged.
    """
    champion = read_pointer(settings.bundles, version.use_case)
    asked = any(rule["kind"] in BESIDE_CHAMPION for rule in evidence["policy"]["rules"])
    if champion is None or not asked or (evidence.get("changes") or {}).get("since") == champion.version:
        return
    served = {item["version"] for item in decisions(settings, version.use_case) if item["decision"] == "deploy"}
    if version.version in served | {champion.version}:
        return
    raise Refusal(
        "champion_changed",
        f"{version.use_case} version {version.version} was not judged beside version {champion.version}, the champion now",
        f"run `radloop retrain {version.use_case}` to judge it beside the champion",
    )


def check_recorded(approval: dict[str, Any], settings: Settings) -> None:
    """Check that an approval is the last decision that was recorded on its version.

    Raises:
        Refusal: the record does not hold it, or a later rejection.
    """
    mine = [
        item
        for item in decisions(settings, approval["use_case"])
        if item["version"] == approval["version"] and item["decision"] in ("approve", "reject")
    ]
    if not mine or mine[-1] != approval:
        raise IntegrityError(
            "tampered_approval", "approval: it is not the decision that the record holds", "approve the version again"
        )
