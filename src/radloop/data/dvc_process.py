"""DVC's command at a twentieth of its cost: each call is a fork of a process that has DVC imported.

DVC has no stable Python API, so its command line is what we call; but starting Python and importing DVC takes
20 times as long as most of what it then does. One child imports it once and forks for every command, so
that each still runs in a process of its own, with its own environment, folder and output.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

from radloop.errors import ToolError

_PRELOADED = (
    "dvc.cli.parser dvc.cachemgr dvc.data_cloud dvc.dirs dvc.repo.add dvc.repo.artifacts dvc.repo.brancher dvc.repo.checkout "
    "dvc.repo.datasets dvc.repo.fetch dvc.repo.graph dvc.repo.index dvc.repo.open_repo dvc.repo.plots dvc.repo.push "
    "dvc.repo.stage dvc.repo.status dvc.repo.trie dvc.repo.worktree dvc.utils.strictyaml dvc_data.hashfile.db.index "
    "dvc_data.hashfile.db.local dvc_data.hashfile.status dvc_data.index.checkout dvc_data.index.collect dvc_data.index.fetch "
    "dvc_data.index.push networkx rich.console rich.live ruamel.yaml"
)
"""What DVC imports only when it works: a module that a release has not costs nothing but time."""


@dataclass(frozen=True)
class Finished:
    """A command's end."""

    returncode: int
    stdout: str
    stderr: str


class DvcProcess:
    """The process that forks; it starts at the first command and ends with this one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._line: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def run(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Finished:
        """Run `dvc ARGUMENTS` in a folder with an environment.

        Raises:
            ToolError: `dvc_failed`: the process behind it died.
        """
        question = json.dumps({"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)})
        with self._guard:
            try:
                line = self._line if self._owner == os.getpid() and self._line is not None else self._start(environment)
                line.send_bytes(question.encode())
                return Finished(**json.loads(line.recv_bytes()))
            except (EOFError, OSError) as error:
                self._stop()
                raise ToolError("dvc_failed", "dvc ended without an answer", "run the command again") from error
            except BaseException:  # an interrupt: the next command must not get this one's answer
                self._stop()
                raise

    def _start(self, environment: Mapping[str, str]) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "radloop.data.dvc_process", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=dict(environment),
            )
        self._line, self._owner = Connection(ours.detach()), os.getpid()
        return self._line

    def _stop(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=60)  # it lets a command that is under way end
        self._line = self._process = None


dvc = DvcProcess()
"""This process's own."""


def main() -> None:
    """Answer commands from the socket whose descriptor is the first argument, until it closes."""
    line = Connection(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command that runs, and for our parent
    gc.disable()  # nothing that is imported is garbage
    for module in _PRELOADED.split():
        with suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()  # else the first collection of a fork copies every page
    gc.enable()
    while True:
        try:
            question = json.loads(line.recv_bytes())
        except (EOFError, OSError):
            return
        answer = _forked(question["arguments"], question["folder"], question["environment"])
        with suppress(OSError):
            line.send_bytes(json.dumps(answer).encode())


def _forked(arguments: list[str], folder: str, environment: dict[str, str]) -> dict[str, int | str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(_command(arguments, folder, environment))
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
        return {"returncode": os.waitstatus_to_exitcode(status), "stdout": texts[0], "stderr": texts[1]}


def _command(arguments: list[str], folder: str, environment: dict[str, str]) -> int:
    """Run one command in the fork; return its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code: object = 1
    try:
        import dvc.rwlock
        from dvc.cli import main as command

        dvc.rwlock.psutil = SimpleNamespace(pid_exists=_at_work)
        code = command(arguments)
    except SystemExit as end:
        code = end.code
    except BaseException as error:  # noqa: BLE001 - nothing may unwind into the process that forks
        sys.stderr.write(f"ERROR: {type(error).__name__}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def _at_work(pid: int) -> bool:
    """Whether a process that DVC noted as holding a path can still be the one that noted it.

    DVC asks only whether the number is in use. That of a killed command is: by its zombie, for as long as no parent
    reaps it (forever in a container whose first process does not), or by another program that got it since.
    """
    import psutil

    try:
        return any("dvc" in word for word in psutil.Process(pid).cmdline())  # a zombie has no words
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
    except psutil.AccessDenied:
        return True


if __name__ == "__main__":
    main()
