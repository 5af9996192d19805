"""What all tests share: capabilities that skip by name, an installation of their own, and one loop for all."""

from __future__ import annotations

import ast
import fcntl
import functools
import gc
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cut_network import possible, run_without_network
from installations import ROOT, SMALL_N, Installation, forget_artifacts, make_installation

from radloop.settings import SILENCE
from tests.databases import Databases

gc.set_threshold(100_000, 50, 100)  # as the command does: the tools' objects are many and stay
os.environ.update(SILENCE)
if sys.version_info < (3, 11, 8):
    # There CPython counts the depth of a parse for all threads together, and one that a switch interrupts fails with a
    # SystemError (python/cpython#106905). Hypothesis switches within garbage collections, while a service's thread reads arrays.
    _parse, _parsing = ast.parse, threading.RLock()

    @functools.wraps(_parse)
    def _parse_alone(*args: Any, **options: Any) -> Any:
        with _parsing:
            return _parse(*args, **options)

    ast.parse = _parse_alone  # type: ignore[assignment]  # the only way for pytest's and NumPy's own calls to wait
for name in [name for name in os.environ if name.startswith("RADLOOP_") and name not in ("RADLOOP_FULL", "RADLOOP_REAL_DATA")]:
    del os.environ[name]


def need(condition: bool, what: str) -> None:
    """Skip a test by the name of what is missing; under RADLOOP_FULL=1 fail instead."""
    if not condition:
        if os.environ.get("RADLOOP_FULL") == "1":
            pytest.fail(f"RADLOOP_FULL=1 and {what}")
        pytest.skip(what)


def need_command(name: str, package: str) -> None:
    """Skip without a system command, naming the package that has it."""
    need(shutil.which(name) is not None, f"{name} is missing: apt-get install {package}")


_LONGEST = ("training", "flows", "governance", "browser", "offline", "serving", "packaging", "data")
"""The folders whose tests begin first, so that no worker is left with them at the end; `training` asks nothing of the loop,
which is made meanwhile."""


def _place(item: pytest.Item) -> tuple[bool, int]:
    """Return where a test stands: first what makes the loop, or the others would wait for it; then what takes longest."""
    folder = item.path.parent.name
    return item.path.name != "test_pipeline.py", _LONGEST.index(folder) if folder in _LONGEST else len(_LONGEST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=_place)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: workers must agree on names, and what is made while collecting may hold the time (a zip does)."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def _own_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget which MLflow a test before this one used in the same process."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    forget_artifacts()


def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return the folder of this session that all workers share."""
    return tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent


@pytest.fixture(scope="session", autouse=True)
def _databases(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> None:
    Databases.place = shared_folder(tmp_path_factory, worker_id) / "databases"


@pytest.fixture
def real_data() -> Path:
    """The folder of real images; without the variable the test skips and says how to get data."""
    value = os.environ.get("RADLOOP_REAL_DATA")
    if not value:
        pytest.skip("RADLOOP_REAL_DATA is not set: point it at a folder that holds tb_shenzhen_256/ with manifest.csv and images")
    folder = (ROOT / value).resolve()
    assert folder.is_dir(), f"RADLOOP_REAL_DATA is set and {value} is no folder"
    return folder


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set of clean phantoms: DICOM files and manifest.csv."""
    from radloop.data.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms") / "source"
    write_phantoms(folder, n=SMALL_N, seed=5)
    return folder


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An empty installation."""
    return make_installation(tmp_path / "site", databases=False)


@dataclass(frozen=True)
class Loop:
    """An installation after `radloop retrain`, with what the command printed, and what its processes called of the network."""

    installation: Installation
    summary: dict[str, Any]
    source: Path
    trace: Path


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory, phantoms: Path, worker_id: str) -> Loop:
    """One small loop up to a candidate, run once as a user runs it, for all workers. Tests that change it copy it first.

    Where this machine allows it, it runs without a network.
    """
    shared = shared_folder(tmp_path_factory, worker_id)
    known, trace = shared / "loop.json", shared / "loop-trace"
    with (shared / "loop.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if not known.exists():
            place = make_installation(shared / "loop" / "site", databases=False)
            command = place.command("retrain", "phantom-cxr", "--source", str(phantoms), "--json")
            if possible():
                done = run_without_network(command, place.root, trace, place.environment)
            else:
                done = subprocess.run(command, cwd=place.root, env=place.environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-4000:]
            known.write_text(json.dumps({"summary": json.loads(done.stdout), "source": str(phantoms)}))
    document = json.loads(known.read_text())
    return Loop(Installation(shared / "loop" / "site"), document["summary"], Path(document["source"]), trace)
