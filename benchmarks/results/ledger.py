"""What was judged so far, kept beside the page: `docs/results/USE_CASE.json`, copied out of MLflow after every run.

A page takes hours, and no machine keeps its MLflow for ever: what another machine has judged is committed with the page, so that nothing
is trained twice and no look at the test split is forgotten. Nothing here is typed: `gather` is the only writer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.results import record
from benchmarks.results.installation import ROOT
from radloop.governance.changes import today
from radloop.governance.review import verdict_of
from radloop.records.seal import digest_document, write_atomic
from radloop.settings import Settings

Document = Mapping[str, Any]
FOLDER = ROOT / "docs" / "results"
_KEPT = (
    "created",
    "training",
    "code",
    "bootstrap",
    "population",
    "metrics",
    "labels",
    "severity",
    "without_clinical",
    "conformal",
)
_OF_GROUPS = ("auroc", "accuracy", "sensitivity", "specificity")


def evidences(name: str) -> list[dict[str, Any]]:
    """Return what is kept of the evidence of every judged version of a use case, the oldest first.

    `asked` is the digest of its configuration with the defaults of keys that it is too old to have: a new key that is not used
    makes no result old.
    """
    return [found | {"asked": digest_document(today(found["use_case"]["config"]))} for found in _read(name)["judged"]]


def kept(name: str, role: str, tags: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the newest document of a role with these tags."""
    found = [note for note in _read(name)["notes"] if note["role"] == role and tags.items() <= note["tags"].items()]
    return dict(found[-1]["document"]) if found else None


def gather(name: str, settings: Settings) -> None:
    """Add what MLflow holds of a use case and the file does not, and what the page has come to need of what the file holds."""
    found = _read(name)
    judged = {each["seal"]: each for each in found["judged"]}
    judged |= {evidence["seal"]: _slim(evidence) for evidence in record.evidences(name, settings)}
    runs = {note["run_id"] for note in found["notes"]}
    notes = [note for note in record.notes(name, settings) if note["run_id"] not in runs]
    document = {"judged": list(judged.values()), "notes": [*found["notes"], *notes]}
    if document != found:
        FOLDER.mkdir(parents=True, exist_ok=True)
        write_atomic(FOLDER / f"{name}.json", (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def _read(name: str) -> dict[str, list[dict[str, Any]]]:
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else {"judged": [], "notes": []}


def _slim(evidence: Document) -> dict[str, Any]:
    """Return what the page needs of an evidence, its seal, and what the gate said of it."""
    verdict = verdict_of({key: value for key, value in evidence.items() if key not in ("version", "verdict")})
    failed = [reason for reason in verdict.reasons if reason.status not in ("passed", "not_applicable")]
    groups = [
        {key: row[key] for key in ("attribute", "value", "images", "positives") if key in row}
        | {"metrics": {name: row["metrics"][name] for name in _OF_GROUPS if name in row["metrics"]}}
        for row in evidence["subgroups"]
        if "+" not in row["attribute"]  # pairs would be most of the file
    ]
    return {key: evidence[key] for key in _KEPT if key in evidence} | {
        "seal": evidence["seal"],
        "version": evidence["version"],
        "verdict": verdict.verdict,
        "reasons": [{"rule": reason.rule, "status": reason.status, "sentence": reason.sentence} for reason in failed],
        "use_case": {key: evidence["use_case"][key] for key in ("name", "title", "digest", "labels", "config")},
        "data": {key: evidence["data"][key] for key in ("version", "splits", "leaks")},
        "bundle": {"digest": evidence["bundle"]["digest"], "outputs": evidence["bundle"]["outputs"]},
        "subgroups": groups,
    }
