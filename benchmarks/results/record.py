"""What MLflow holds of the results: the evidence of every judged version, the baselines, and what failed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from radloop.governance.registry import Registry, Version
from radloop.settings import Settings
from radloop.training.tracking import Tracker

_ROLE = "radloop.role"
ROLES = ("baselines", "half", "seconds", "failure")
"""`half`: the metrics of a judged version where it is cut at 0.5 instead of at its own threshold."""


def evidences(name: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the evidence of every judged version of a use case, the oldest first, with its `version` and `verdict`."""
    return [
        json.loads(evidence) | {"version": version.version, "verdict": version.verdict}
        for version, (evidence,) in _judged(name, settings, "evidence.json")
    ]


def cases(name: str, settings: Settings) -> dict[str, str]:
    """Return the `cases.csv` of every judged version here, by the seal of its evidence."""
    files = _judged(name, settings, "evidence.json", "cases.csv")
    return {str(json.loads(evidence)["seal"]): text for _, (evidence, text) in files}


def _judged(name: str, settings: Settings, *files: str) -> Iterator[tuple[Version, list[str]]]:
    """Yield every judged version whose files are there, the oldest first, with some files of its judgement."""
    tracker = Tracker(name, settings)
    for version in reversed(Registry(name, settings).versions()):
        texts = [_text(tracker, version.run_id, f"judgement/{file}") for file in files]
        if None not in texts:
            yield version, [text for text in texts if text is not None]


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
        found += [note for run in runs if (note := _note(run, tracker)) is not None]
    return found


def _note(run: Run, tracker: Tracker) -> dict[str, Any] | None:
    role = run.data.tags[_ROLE]
    tags = {key: word for key, word in run.data.tags.items() if key.startswith("radloop.") and key != _ROLE}
    text = _text(tracker, run.info.run_id, f"{role}.json")
    return None if text is None else {"run_id": run.info.run_id, "role": role, "tags": tags, "document": json.loads(text)}


def _text(tracker: Tracker, run_id: str, file: str) -> str | None:
    """Return a file of a run, or None, told of, where it is gone.

    What was judged stands in `docs/results/` too, and is not lost with a folder of artifacts that was moved or removed.
    """
    try:
        return Path(tracker.client.download_artifacts(run_id, file)).read_text(encoding="utf-8")
    except (MlflowException, OSError):
        print(f"{tracker.experiment}: {file} of run {run_id} is not where MLflow says; left out", file=sys.stderr)
        return None
