"""Prefect's server for one run: on loopback, with its database in the home, gone when the run is.

Prefect can start such a server by itself, but imports the whole of it into the flow's process to do so,
and leaves it running for ever when that process is killed.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from radloop.errors import ToolError

_PR_SET_PDEATHSIG = 1
_PATIENCE = 180.0


class EmbeddedServer:
    """A Prefect server as a child process."""

    def __init__(self) -> None:
        """Start it; `wait` tells when it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api"
        factory = ["--factory", "prefect.server.api.server:create_app"]
        address = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "error", "--lifespan", "on"]
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "uvicorn", *factory, *address],
            env=os.environ | {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"},
            stdout=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,
        )

    def wait(self) -> None:
        """Return when it answers.

        Raises:
            ToolError: it ended, or says nothing for three minutes.
        """
        limit = time.monotonic() + _PATIENCE
        while time.monotonic() < limit and self._process.poll() is None:
            if self._answers():
                return
            time.sleep(0.05)
        hint = "run the command again, or set RADLOOP_PREFECT_API_URL"
        raise ToolError("prefect_failed", "Prefect's embedded server did not start", hint)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:  # noqa: S310 - our own loopback address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, however it ends: prctl(2)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start_unless(api_url: str | None) -> EmbeddedServer | None:
    """Point Prefect at a server: the given one, or one of our own that ends when this process does.

    Must run before Prefect is imported: handlers at exit run in reverse, and Prefect's send its last logs and events.
    """
    if api_url:
        return None
    server = EmbeddedServer()
    os.environ["PREFECT_API_URL"] = server.url
    atexit.register(server.stop)
    return server
