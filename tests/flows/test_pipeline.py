"""DVC's pipeline and Prefect's deployments: the same stages for people who prefer them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from conftest import Loop
from installations import ROOT, copy_installation

from radloop.monitoring.notify import EVENT


def test_dvc_repro_runs_the_stages_and_changes_only_its_lock(loop: Loop, tmp_path: Path) -> None:
    site = copy_installation(loop.installation, tmp_path / "site")
    for name in ("dvc.yaml", ".gitignore"):
        shutil.copy(ROOT / name, site.root / name)
    shutil.copytree(
        ROOT / ".dvc", site.root / ".dvc", ignore=shutil.ignore_patterns("tmp", "config.local", "cache"), dirs_exist_ok=True
    )
    git = ["git", "-C", str(site.root), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "start"], check=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = site.environment | {"PATH": path, "RADLOOP_HOME": str(site.root / ".radloop")}
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"], cwd=site.root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    assert changed == "?? dvc.lock\n"
    shown = subprocess.run(
        [sys.executable, "-m", "dvc", "metrics", "show", "--json"],
        cwd=site.root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "auroc" in json.dumps(json.loads(shown.stdout))
    assert (site.root / "results" / "phantom-cxr" / "roc.csv").read_text().startswith("fpr,tpr\n")
    promoted = json.loads((site.root / "results" / "phantom-cxr" / "promote.json").read_text())
    assert promoted["verdict"] == "passed"
    # The same steps again are a version of their own, with the same numbers.
    judged = json.loads((site.root / "results" / "phantom-cxr" / "evaluate.json").read_text())
    assert judged["metrics"] == loop.summary["metrics"]
    assert promoted["model_version"] == loop.summary["model_version"] + 1


def test_prefect_yaml_names_flows_that_exist_with_their_parameters() -> None:
    import importlib

    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert {item["name"] for item in deployments} == {"phantom-cxr", "deploy", "monitor", "retrain-when-due"}
    for item in deployments:
        file, _, name = item["entrypoint"].partition(":")
        assert (ROOT / file).is_file()
        flow = getattr(importlib.import_module(f"radloop.flows.{Path(file).stem}"), name)
        assert set(item["parameters"]) == set(flow.parameters.properties)
    assert deployments[0]["schedules"][0]["cron"]
    from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger

    (alarm,) = [DeploymentEventTrigger.model_validate(trigger) for trigger in deployments[-1]["triggers"]]
    assert alarm.expect == {EVENT}, "what `monitor` emits"
