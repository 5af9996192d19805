"""MLflow runs: one parent a search, one child a trial. The only file of training that names MLflow."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radloop.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

UNFINISHED = ("RUNNING", "SCHEDULED", "FAILED", "KILLED")


class Tracker:
    """The runs of one use case in MLflow."""

    def __init__(self, use_case: str, settings: Settings) -> None:
        self._use_case = use_case
        self._settings = settings

    @property
    def uri(self) -> str:
        """Return the tracking URI."""
        return self._settings.tracking_uri

    @cached_property
    def client(self) -> MlflowClient:
        """Return the client, making the embedded database's folder at its first use."""
        os.environ.update(self._settings.environment())
        (self._settings.place / "mlflow").mkdir(parents=True, exist_ok=True)
        # Its first lines tell of tables and migrations, which no user of Radloop has to read.
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        logging.getLogger("alembic").setLevel(logging.WARNING)
        import mlflow
        from mlflow import MlflowClient

        mlflow.set_tracking_uri(self._settings.tracking_uri)
        return MlflowClient(self._settings.tracking_uri)

    @cached_property
    def experiment(self) -> str:
        """Return the id of the use case's experiment."""
        found = self.client.get_experiment_by_name(self._use_case)
        if found is not None:
            return str(found.experiment_id)
        location = f"{self._settings.artifact_root}/{self._use_case}"
        return str(self.client.create_experiment(self._use_case, artifact_location=location))

    def parent(self, run_name: str, tags: Mapping[str, str]) -> str:
        """Return the id of the search's run, found again after a crash by its name."""
        found = self._find({"radloop.run": run_name, "radloop.role": "search"})
        if found:
            return str(found[0].info.run_id)
        every = {"radloop.run": run_name, "radloop.role": "search", "mlflow.runName": run_name, **tags}
        return str(self.client.create_run(self.experiment, run_name=run_name, tags=every).info.run_id)

    def child(self, parent: str, trial: int, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
        """Start a trial's run anew: what a crash left of it is deleted, so that nothing is counted twice."""
        for old in self._find({"radloop.trial": str(trial), "mlflow.parentRunId": parent}):
            for fold in self._find({"mlflow.parentRunId": old.info.run_id}):
                self.client.delete_run(fold.info.run_id)
            self.client.delete_run(old.info.run_id)
        own = {"radloop.trial": str(trial), "radloop.role": "trial", "mlflow.parentRunId": parent}
        return self._start(f"trial {trial}", {**own, **tags}, params)

    def fold(self, trial_run: str, fold: int, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
        """Start the run of one fold of a trial, below the trial's."""
        own = {"radloop.fold": str(fold), "radloop.role": "fold", "mlflow.parentRunId": trial_run}
        return self._start(f"fold {fold}", {**own, **tags}, params)

    def labels(self, parent: str, number: int, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
        """Start the run of a network that judges the labels anew: what a crash left of it is deleted."""
        own = {"radloop.role": "labels", "radloop.round": str(number), "mlflow.parentRunId": parent}
        for old in self._find(own):
            self.client.delete_run(old.info.run_id)
        return self._start(f"labels {number}", {**own, **tags}, params)

    def _start(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
        run_id = str(self.client.create_run(self.experiment, run_name=name, tags=dict(tags)).info.run_id)
        from mlflow.entities import Param

        # One write: one for each of them would take longer than a small trial.
        self.client.log_batch(run_id, params=[Param(param, str(value)) for param, value in params.items()])
        return run_id

    def finish(
        self,
        run_id: str,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        status: str = "FINISHED",
    ) -> None:
        """Write a run's last numbers and close it."""
        self.numbers(run_id, metrics or {}, tags)
        self.client.set_terminated(run_id, status)

    def numbers(self, run_id: str, metrics: Mapping[str, float], tags: Mapping[str, str] | None = None) -> None:
        """Write numbers, and tags, on a run in one go."""
        from mlflow.entities import Metric, RunTag

        now = time.time_ns() // 1_000_000
        self.client.log_batch(
            run_id,
            metrics=[Metric(name, number, now, 0) for name, number in metrics.items()],
            tags=[RunTag(name, text) for name, text in (tags or {}).items()],
        )

    def has_run(self, run_id: str) -> bool:
        """Tell whether MLflow holds a run that nobody deleted."""
        from mlflow.exceptions import MlflowException

        try:
            return str(self.client.get_run(run_id).info.lifecycle_stage) == "active"
        except MlflowException:
            return False

    def artifacts(self, run_id: str, folder: Path, name: str) -> None:
        """Upload a folder's files."""
        self.client.log_artifacts(run_id, str(folder), name)

    def artifact(self, run_id: str, file: Path, folder: str) -> None:
        """Upload one file."""
        self.client.log_artifact(run_id, str(file), folder)

    def verdict(self, run_name: str, tags: Mapping[str, str], verdict: Mapping[str, Any]) -> None:
        """Keep the data's verdict with the search's run: `data/verdict.json`, its counts as metrics, its answer as a tag.

        Doing it again writes the same again, so that a resumed run may.

        Args:
            run_name: of the search's run, which is made if it is not there.
            tags: of the search's run.
            verdict: `DataVerdict.as_dict()`; the places of its pages are left out, they are this machine's.
        """
        run_id = self.parent(run_name, tags)
        kept = {key: value for key, value in verdict.items() if key not in ("page", "sheet", "seconds")}
        self.client.log_dict(run_id, kept, "data/verdict.json")
        sheet = Path(str(verdict.get("sheet") or ""))
        if sheet.is_file():
            self.client.log_artifact(run_id, str(sheet), "data")
        for name in ("checks", "failed", "warnings", "leaks"):
            self.client.log_metric(run_id, f"data_{name}", float(len(verdict[name])))
        self.client.set_tag(run_id, "radloop.data_verdict", "passed" if verdict["success"] else "refused")

    def _find(self, tags: Mapping[str, str]) -> list[Any]:
        query = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        return list(self.client.search_runs([self.experiment], query))
