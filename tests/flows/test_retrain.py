"""The whole loop as a user runs it, and what it left in each tool."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from conftest import Loop
from installations import copy_installation
from mlflow import MlflowClient

from radloop.data.manifest import read_manifest
from radloop.records.seal import read_sealed
from radloop.statistics.discrimination import auroc, confusion


def test_the_summary_says_what_happened(loop: Loop) -> None:
    summary = loop.summary
    assert summary["verdict"] == "passed"
    assert [reason["status"] for reason in summary["reasons"]] == ["passed"] * 4
    assert set(summary["metrics"]["auroc"]) == {"value", "low", "high"}
    assert 0 <= summary["metrics"]["auroc"]["low"] <= summary["metrics"]["auroc"]["high"] <= 1
    assert summary["bundle"].startswith("sha256:")
    assert Path(summary["report"]).read_text().count("<img") >= 6
    assert set(summary["seconds"]) == {"ingest", "validate", "search", "package", "evaluate", "promote", "fit", "asked", "total"}


def test_prefect_holds_the_run_its_tasks_logs_and_the_verdict(loop: Loop) -> None:
    database = sqlite3.connect(loop.installation.root / ".radloop" / "prefect" / "prefect.db")
    assert database.execute("select name, state_type from flow_run").fetchall() == [("retrain-phantom-cxr", "COMPLETED")]
    tasks = dict(database.execute("select name, state_type from task_run").fetchall())
    assert {name.partition("-")[0] for name in tasks} >= {"ingest", "validate", "search", "package", "evaluate", "promote"}
    assert set(tasks.values()) == {"COMPLETED"}
    artifact = database.execute("select key, data from artifact where type = 'markdown'").fetchone()
    assert artifact[0] == "verdict-phantom-cxr"
    assert "auroc_lower" in artifact[1]
    assert database.execute("select count(*) from log where message like 'promote of phantom-cxr done%'").fetchone()[0] == 1


def test_mlflow_holds_one_parent_and_its_trials_with_curves(loop: Loop) -> None:
    client = MlflowClient(loop.installation.settings.tracking_uri)
    experiment = client.get_experiment_by_name("phantom-cxr")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if run.data.tags["radloop.role"] == "search"]
    trials = [run for run in runs if run.data.tags["radloop.role"] == "trial"]
    assert len(parents) == 1
    assert len(trials) == 2
    assert parents[0].info.run_id == loop.summary["run_id"]
    for trial in trials:
        assert trial.data.tags["mlflow.parentRunId"] == loop.summary["run_id"]
        assert trial.data.tags["radloop.data_version"] == loop.summary["data_version"]
        assert trial.info.status == "FINISHED"
        assert float(trial.data.params["learning_rate"]) > 0
        assert len(client.get_metric_history(trial.info.run_id, "tune_auroc")) == 1
        assert math.isfinite(trial.data.metrics["train_loss"])


def test_the_best_trials_own_checkpoint_was_packaged(loop: Loop) -> None:
    evidence = _evidence(loop)
    client = MlflowClient(loop.installation.settings.tracking_uri)
    best = client.get_run(evidence["training"]["trial_run_id"])
    experiment = best.info.experiment_id
    values = [
        run.data.metrics["best_value"] for run in client.search_runs([experiment]) if run.data.tags["radloop.role"] == "trial"
    ]
    assert best.data.metrics["best_value"] == min(values) == evidence["training"]["tune_value"]


def test_the_registry_holds_version_tags_and_alias(loop: Loop) -> None:
    client = MlflowClient(loop.installation.settings.tracking_uri)
    version = client.get_model_version_by_alias("phantom-cxr", "candidate")
    assert int(version.version) == loop.summary["model_version"] == 1
    assert version.tags["radloop.verdict"] == "passed"
    assert version.tags["radloop.bundle"] == loop.summary["bundle"]
    assert version.tags["radloop.evidence"] == loop.summary["evidence"] == _evidence(loop)["seal"]
    names = {item.path for item in client.list_artifacts(loop.summary["run_id"], "judgement")}
    assert {"judgement/evidence.json", "judgement/report.html", "judgement/roc.png", "judgement/confusion.png"} <= names


_AGAIN = """
import json, sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/phantom-cxr@candidate")
print(json.dumps(model.predict(pandas.read_csv(sys.argv[2]))["probability"].tolist()))
"""


def test_the_model_of_the_registry_gives_the_recorded_metrics_exactly(loop: Loop, tmp_path: Path) -> None:
    data = loop.installation.root / "data" / "phantom-cxr"
    test = read_manifest(data).query("split == 'test'")
    asked = {"image": [str(data / path) for path in test["path"]], "temperature": test["clinical_temperature"]}
    pd.DataFrame(asked).to_csv(tmp_path / "asked.csv", index=False)
    command = [sys.executable, "-c", _AGAIN, loop.installation.settings.tracking_uri, str(tmp_path / "asked.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = np.array(json.loads(done.stdout.strip().splitlines()[-1]))
    truth = (test["label"] == "opacity").to_numpy(np.float64)
    recorded = MlflowClient(loop.installation.settings.tracking_uri).get_run(loop.summary["run_id"]).data.metrics
    assert auroc(said, truth) == recorded["test_auroc"] == loop.summary["metrics"]["auroc"]["value"]
    called = confusion(said, truth, _evidence(loop)["bundle"]["threshold"])
    assert called.true_positives / truth.sum() == recorded["test_sensitivity"]
    assert recorded["test_auroc_low"] <= recorded["test_auroc"] <= recorded["test_auroc_high"]


def test_the_great_expectations_page_exists(loop: Loop) -> None:
    page = loop.installation.root / ".radloop" / "gx" / "gx" / "uncommitted" / "data_docs" / "local_site" / "index.html"
    assert "phantom-cxr-images" in page.read_text()


def test_dvc_is_clean_and_brings_the_exact_bytes_back(loop: Loop, tmp_path: Path) -> None:
    site = copy_installation(loop.installation, tmp_path / "site").root
    before = _hashes(site / "data")
    command = [sys.executable, "-m", "dvc"]
    status = subprocess.run([*command, "status", "data.dvc"], cwd=site, capture_output=True, text=True, check=True)
    assert "up to date" in status.stdout
    shutil.rmtree(site / "data")
    shutil.rmtree(site / ".radloop" / "dvc" / "cache")
    subprocess.run([*command, "pull", "-q"], cwd=site, check=True)
    assert _hashes(site / "data") == before


def test_no_identifier_of_the_source_is_kept_anywhere(loop: Loop) -> None:
    found = [
        path
        for path in loop.installation.root.rglob("*")
        if path.is_file() and (b"PHANTOM-0" in path.read_bytes() or b"SYNTHETIC^PHANTOM" in path.read_bytes())
    ]
    assert found == []


def _folder(loop: Loop) -> Path:
    return loop.installation.settings.bundles / "phantom-cxr" / str(loop.summary["bundle"]).removeprefix("sha256:")


def _evidence(loop: Loop) -> dict[str, Any]:
    return read_sealed(_folder(loop) / "evidence.json", "evidence")


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()
    }


def test_the_verdict_file_equals_the_summary(loop: Loop) -> None:
    verdict = json.loads((_folder(loop) / "verdict.json").read_bytes())
    assert verdict["reasons"] == loop.summary["reasons"]
