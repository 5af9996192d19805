"""DVC's command, forked: its own folder, environment and output each time, and nothing lost when the process dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from radloop.data.dvc_process import DvcProcess
from radloop.errors import ToolError
from radloop.settings import SILENCE

ENVIRONMENT = dict(os.environ) | SILENCE


@pytest.fixture(scope="module")
def dvc() -> DvcProcess:
    return DvcProcess()


def test_each_command_has_its_own_folder_and_output(tmp_path: Path, dvc: DvcProcess) -> None:
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        done = dvc.run(["init", "-q", "--no-scm"], folder, ENVIRONMENT)
        assert (done.returncode, done.stdout) == (0, "")
        assert (folder / ".dvc" / "config").is_file()
    (tmp_path / "a" / "x").write_text("1")
    assert dvc.run(["add", "-q", "x"], tmp_path / "a", ENVIRONMENT).returncode == 0
    assert "x" in dvc.run(["list", "."], tmp_path / "a", ENVIRONMENT).stdout
    assert "x" not in dvc.run(["list", "."], tmp_path / "b", ENVIRONMENT).stdout


def test_a_failure_has_its_code_and_words(tmp_path: Path, dvc: DvcProcess) -> None:
    done = dvc.run(["status"], tmp_path, ENVIRONMENT)
    assert done.returncode != 0
    assert "not inside of a DVC repository" in done.stderr
    wrong = dvc.run(["no-such-command"], tmp_path, ENVIRONMENT)
    assert wrong.returncode != 0
    assert "no-such-command" in wrong.stderr


def test_the_second_command_costs_no_import(tmp_path: Path, dvc: DvcProcess) -> None:
    dvc.run(["version"], tmp_path, ENVIRONMENT)
    seconds = []
    for _ in range(5):  # the quickest of a few: other tests run beside this one
        started = time.monotonic()
        dvc.run(["config", "-l"], tmp_path, ENVIRONMENT)
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 0.7


def test_several_threads_take_turns(tmp_path: Path, dvc: DvcProcess) -> None:
    found: dict[int, str] = {}

    def ask(number: int) -> None:
        place = tmp_path / str(number)
        place.mkdir()
        dvc.run(["init", "-q", "--no-scm"], place, ENVIRONMENT)
        (place / f"file-{number}").write_text(str(number))
        found[number] = dvc.run(["list", "."], place, ENVIRONMENT).stdout

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f"file-{number}" in found[number] for number in range(4))


def test_a_dead_process_is_an_error_and_the_next_command_works(tmp_path: Path) -> None:
    own = DvcProcess()
    own.run(["version"], tmp_path, ENVIRONMENT)
    assert own._process is not None
    os.kill(own._process.pid, signal.SIGKILL)
    own._process.wait()
    with pytest.raises(ToolError) as caught:
        own.run(["version"], tmp_path, ENVIRONMENT)
    assert caught.value.code == "dvc_failed"
    assert own.run(["version"], tmp_path, ENVIRONMENT).returncode == 0


def _hold(folder: Path, pid: int) -> None:
    """Note a path as being written by a process, as DVC does while it adds."""
    (folder / ".dvc" / "tmp" / "rwlock").write_text(
        json.dumps({"write": {str(folder / "x"): {"pid": pid, "cmd": "dvc add x"}}, "read": {}})
    )


@pytest.fixture
def project(tmp_path: Path, dvc: DvcProcess) -> Path:
    assert dvc.run(["init", "-q", "--no-scm"], tmp_path, ENVIRONMENT).returncode == 0
    (tmp_path / "x").write_text("1")
    return tmp_path


def test_a_killed_command_that_nobody_reaped_holds_nothing(project: Path, dvc: DvcProcess) -> None:
    dead = subprocess.Popen([sys.executable, "-c", "'dvc'"])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # ended, and not reaped
    _hold(project, dead.pid)
    os.kill(dead.pid, 0)  # the number is in use
    assert dvc.run(["add", "-q", "x"], project, ENVIRONMENT).returncode == 0
    dead.wait()


def test_another_program_with_its_number_holds_nothing(project: Path, dvc: DvcProcess) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        _hold(project, other.pid)
        assert dvc.run(["add", "-q", "x"], project, ENVIRONMENT).returncode == 0
        other.kill()


def test_a_command_at_work_keeps_its_path(project: Path, dvc: DvcProcess) -> None:
    with subprocess.Popen([sys.executable, "-c", "'dvc'; import time; time.sleep(60)"]) as other:
        _hold(project, other.pid)
        done = dvc.run(["add", "x"], project, ENVIRONMENT)
        other.kill()
    assert done.returncode != 0
    assert "is busy, it is being blocked by" in done.stderr
