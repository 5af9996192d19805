"""Kill the loop in the middle, run the same command again: the result is an uninterrupted run's."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

from conftest import Loop
from installations import Installation, make_installation
from mlflow import MlflowClient

COMMAND = ["retrain", "phantom-cxr"]


def kill_when(site: Installation, source: Path, line: str) -> None:
    """Start the command and kill its whole process group when its progress shows a line."""
    process = site.start(*COMMAND, "--source", str(source))
    assert process.stderr is not None
    seen = []
    for text in process.stderr:
        seen.append(text)
        if line in text:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert line in seen[-1], "".join(seen[-30:])


def trials_of(site: Installation) -> list[tuple[int, str]]:
    database = sqlite3.connect(site.root / ".radloop" / "optuna" / "optuna.db")
    return database.execute("select number, state from trials order by number").fetchall()


def test_a_kill_during_a_trial_loses_nothing_and_counts_nothing_twice(loop: Loop, tmp_path: Path) -> None:
    broken = make_installation(tmp_path / "broken")
    kill_when(broken, loop.source, "trial 2/2 epoch 1/1")
    time.sleep(0.2)
    assert trials_of(broken)[0] == (0, "COMPLETE")
    resumed = broken.call(*COMMAND, "--source", str(loop.source))
    assert resumed["metrics"] == loop.summary["metrics"]
    assert resumed["model_version"] == 1
    assert trials_of(broken) == trials_of(loop.installation) == [(0, "COMPLETE"), (1, "COMPLETE")]
    client = MlflowClient(broken.settings.tracking_uri)
    experiment = client.get_experiment_by_name("phantom-cxr")
    assert experiment is not None
    roles = [run.data.tags["radloop.role"] for run in client.search_runs([experiment.experiment_id])]
    assert sorted(roles) == ["search"] + ["trial"] * 2
