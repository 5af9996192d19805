"""Installations of their own for tests: a working folder, a home, use cases, and commands run as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from radloop.cli import main
from radloop.settings import Settings
from tests.databases import Databases, readdress

ROOT = Path(__file__).resolve().parents[1]
SMALL_N = 120


@dataclass(frozen=True)
class Installation:
    """A working folder with its own home and use cases; commands run in it as a user runs them."""

    root: Path

    @property
    def settings(self) -> Settings:
        """Return the settings that the commands see."""
        return Settings(root=self.root, home=self.root / ".radloop", use_cases=self.root / "configs" / "use_cases")

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a command."""
        keep = {
            name: value for name, value in os.environ.items() if not name.startswith(("RADLOOP_", "PREFECT_API", "MLFLOW_TR"))
        }
        return keep | {"OMP_NUM_THREADS": "1"}  # the tests run side by side

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of `radloop ARGUMENTS`."""
        return [sys.executable, "-m", "radloop", *arguments]

    def start(self, *arguments: str, quiet: bool = False) -> subprocess.Popen[str]:
        """Start `radloop ARGUMENTS` in a process group of its own, which a test may kill whole; `quiet` drops its progress."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, timeout: float = 400, check: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run `radloop ARGUMENTS`; with `check`, assert its exit code."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check is not None:
            assert done.returncode == check, f"{arguments}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    def call(self, *arguments: str, check: int = 0) -> dict[str, Any]:
        """Run `radloop ARGUMENTS --json` in this process and return its one object: a new process would import for seconds."""
        before, kept = dict(os.environ), os.dup(1)
        with chdir(self.root), tempfile.TemporaryFile("w+") as out:
            become(self.environment)
            os.dup2(out.fileno(), 1)  # the command writes to the descriptor, past whatever stands for standard output
            try:
                main([*arguments, "--json"])
            except SystemExit as end:
                code = end.code
            finally:
                os.dup2(kept, 1)
                os.close(kept)
                become(before)
            out.seek(0)
            text = out.read()
        assert code == check, f"{arguments}: exit {code}\n{text[-4000:]}"
        document = json.loads(text)
        assert isinstance(document, dict)
        return document

    def json(self, *arguments: str, check: int = 0, timeout: float = 400) -> dict[str, Any]:
        """Run `radloop ARGUMENTS --json` and return its one object."""
        done = self.run(*arguments, "--json", check=check, timeout=timeout)
        document = json.loads(done.stdout)
        assert isinstance(document, dict)
        return document


def become(environment: dict[str, str]) -> None:
    """Give this process another environment."""
    os.environ.clear()
    os.environ.update(environment)


def small_phantom_config(**changes: Any) -> dict[str, Any]:
    """Return phantom-cxr made small: a small network on few pixels, and a policy that it can pass."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "configs" / "use_cases" / "phantom-cxr.yaml").read_text())
    config["image"]["size"] = 64
    config["search"] |= {"trials": 2, "max_epochs": 1, "pruner": "none"}
    config["search"]["recipe"] |= {"backbone": "resnet18", "pretrained": False, "head_epochs": 0, "average_decay": 0.0}
    config["validation"] |= {"min_images": 20, "min_per_label_and_split": 2}
    config["conformal"] = {"coverage": 0.9}  # tests ask other kinds of questions too, of which not all may abstain
    config["policy"]["draws"] = 200
    config["policy"]["rules"] = [
        {"kind": "data_verdict", "name": "data_verdict"},
        {"kind": "lower_bound", "name": "auroc_lower", "metric": "auroc", "limit": 0.0},
        {"kind": "parity", "name": "parity", "max_difference": 0.001, "max_flips": 0},
    ]
    return config | changes


def write_use_case(folder: Path, config: dict[str, Any]) -> Path:
    """Write a use case's YAML under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{config['name']}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def make_installation(root: Path, config: dict[str, Any] | None = None, *, databases: bool = True) -> Installation:
    """Make a working folder with the small phantom use case; without `databases` its first commands make them, as a user's do."""
    (root / ".radloop").mkdir(parents=True)
    if databases:
        Databases.copy_to(root)
    write_use_case(root / "configs" / "use_cases", config or small_phantom_config())
    return Installation(root)


def forget_artifacts() -> None:
    """Let MLflow look up anew where a run's artifacts lie: it remembers that by the run alone, which copies share."""
    known = sys.modules.get("mlflow.tracking._tracking_service.utils")
    if known is not None:
        known._artifact_repos_cache.clear()


def copy_installation(source: Installation, root: Path) -> Installation:
    """Copy an installation whole, so that a test may change it: MLflow's addresses are absolute, and would lead back."""
    shutil.copytree(source.root, root, symlinks=True)
    forget_artifacts()
    copy = Installation(root)
    database = copy.settings.place / "mlflow" / "mlflow.db"
    if not database.is_file():
        return copy
    readdress(database, source.root, root)
    return copy
