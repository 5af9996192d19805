"""What MLflow holds of the results: the evidence of every judged version, the baselines, and what failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from radloop.governance.registry import Registry
from radloop.settings import Settings
from radloop.training.tracking import Tracker

_ROLE = "radloop.role"
ROLES = ("baselines", "half", "seconds", "failure")
"""`half`: the metrics of a judged version where it is cut at 0.5 instead of at its own threshold."""


def evidences(name: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the evidence of every judged version of a use case, the oldest first, with its `version` and `verdict`."""
    tracker = Tracker(name, settings)
    found = []
    for version in reversed(Registry(name, settings).versions()):
        path = tracker.client.download_artifacts(version.run_id, "judgement/evidence.json")
        found.append(_document(path) | {"version": version.version, "verdict": version.verdict})
    return found


def cases(name: str, settings: Settings) -> dict[str, str]:
    """Return the `cases.csv` of every judged version here, by the seal of its evidence."""
    tracker = Tracker(name, settings)
    found = {}
    for version in Registry(name, settings).versions():
        evidence, text = (
            Path(tracker.client.download_artifacts(version.run_id, f"judgement/{file}")).read_text(encoding="utf-8")
            for file in ("evidence.json", "cases.csv")
        )
        found[str(json.loads(evidence)["seal"])] = text
    return found


def keep(name: str, role: str, tags: Mapping[str, str], document: Mapping[str, Any], settings: Settings) -> None:
    """Log a document as an MLflow run of its own."""
    tracker = Tracker(name, settings)
    every = {_ROLE: role, "mlflow.runName": role, **tags}
    run = tracker.client.create_run(tracker.experiment, run_name=role, tags=every)
    tracker.client.log_dict(run.info.run_id, dict(document), f"{role}.json")
    tracker.client.set_terminated(run.info.run_id)


def notes(name: str, settings: Settings) -> list[dict[str, Any]]:
    """Return every document that was kept, of each role the oldest first: `run_id`, `role`, `tags`, `document`."""
    tracker = Tracker(name, settings)
    found = []
    for role in ROLES:
        words = f"tags.`{_ROLE}` = '{role}' and attributes.status = 'FINISHED'"
        runs = tracker.client.search_runs([tracker.experiment], words, order_by=["attributes.start_time asc"], max_results=1000)
        found += [_note(run, tracker) for run in runs]
    return found


def _note(run: Run, tracker: Tracker) -> dict[str, Any]:
    role = run.data.tags[_ROLE]
    tags = {key: word for key, word in run.data.tags.items() if key.startswith("radloop.") and key != _ROLE}
    document = _document(tracker.client.download_artifacts(run.info.run_id, f"{role}.json"))
    return {"run_id": run.info.run_id, "role": role, "tags": tags, "document": document}


def _document(path: str) -> dict[str, Any]:
    return dict(json.loads(Path(path).read_text(encoding="utf-8")))
