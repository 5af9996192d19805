"""What MLflow holds of the results: the evidence of every judged version, the baselines, and what failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from radloop.governance.changes import today
from radloop.governance.registry import Registry
from radloop.records.seal import digest_document
from radloop.settings import Settings
from radloop.training.tracking import Tracker

_ROLE = "radloop.role"


def evidences(name: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the evidence of every judged version of a use case, the oldest first, with its `version` and `verdict`.

    `asked` is the digest of its configuration with the defaults of keys that it is too old to have: a new key that is not used
    makes no result old.
    """
    tracker = Tracker(name, settings)
    found = []
    for version in reversed(Registry(name, settings).versions()):
        path = tracker.client.download_artifacts(version.run_id, "judgement/evidence.json")
        with open(path, encoding="utf-8") as stream:  # noqa: PTH123 - MLflow gives a string
            evidence: dict[str, Any] = json.load(stream)
        asked = digest_document(today(evidence["use_case"]["config"]))
        found.append(evidence | {"version": version.version, "verdict": version.verdict, "asked": asked})
    return found


def keep(name: str, role: str, tags: Mapping[str, str], document: Mapping[str, Any], settings: Settings) -> None:
    """Log a document as an MLflow run of its own."""
    tracker = Tracker(name, settings)
    every = {_ROLE: role, "mlflow.runName": role, **tags}
    run = tracker.client.create_run(tracker.experiment, run_name=role, tags=every)
    tracker.client.log_dict(run.info.run_id, dict(document), f"{role}.json")
    tracker.client.set_terminated(run.info.run_id)


def kept(name: str, role: str, tags: Mapping[str, str], settings: Settings) -> dict[str, Any] | None:
    """Return the newest document of a role with these tags."""
    tracker = Tracker(name, settings)
    words = " and ".join(f"tags.`{key}` = '{value}'" for key, value in {_ROLE: role, **tags}.items())
    runs = tracker.client.search_runs([tracker.experiment], words, order_by=["attributes.start_time desc"], max_results=1)
    if not runs:
        return None
    with open(tracker.client.download_artifacts(runs[0].info.run_id, f"{role}.json"), encoding="utf-8") as stream:  # noqa: PTH123
        return dict(json.load(stream))
