"""Real servers for tests: BentoML in its own processes, or the bare application in a thread."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from radloop.inference.pointer import Pointer, replace_pointer
from radloop.settings import SILENCE


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        url: its address.
        home: its `.radloop` folder.
        log: what it wrote.
    """

    url: str
    home: Path
    log: Path

    @property
    def bundles(self) -> Path:
        """Return its folder of bundles."""
        return self.home / "bundles"

    @property
    def workers(self) -> Path:
        """Return the folder of its workers."""
        return self.home / "serving" / "workers"


def point(folder: Path, version: int = 1) -> Pointer:
    """Point at a bundle's folder and return the pointer."""
    pointer = Pointer(use_case=folder.parent.name, bundle=f"sha256:{folder.name}", version=version)
    replace_pointer(folder.parent.parent, pointer)
    return pointer


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def bentoml_service(target: str, home: Path, **variables: str) -> Iterator[Service]:
    """Run `bentoml serve TARGET` until the block ends.

    Args:
        target: a service or the tag of a Bento.
        home: its `.radloop` folder; its log is written beside it.
        variables: of its environment.
    """
    port = free_port()
    log = home.with_suffix(".log")
    environment = os.environ | SILENCE | {"RADLOOP_HOME": str(home), "RADLOOP_ROOT": str(home.parent)} | variables
    command = [sys.executable, "-m", "bentoml", "serve", target, "--port", str(port), "--host", "127.0.0.1"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env=environment, cwd=home.parent, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        service = Service(f"http://127.0.0.1:{port}", home, log)
        wait_until_live(service, process)
        yield service
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_live(service: Service, process: subprocess.Popen[bytes]) -> None:
    """Wait for the first answer of a service that was started."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{service.url}/livez").is_success:
                return
        time.sleep(0.1)
    raise AssertionError(f"the service did not start:\n{service.log.read_text()}")


@contextlib.contextmanager
def thread_service(app: FastAPI) -> Iterator[str]:
    """Serve an application in a thread and yield its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=free_port(), log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.config.port}"
    finally:
        server.should_exit = True
        thread.join()
