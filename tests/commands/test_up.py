"""`radloop up`: the three servers start, answer, and stop on a signal."""

from __future__ import annotations

import os
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest
from installations import Installation


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


def test_up_starts_all_three_and_a_signal_stops_them_quietly(installation: Installation) -> None:
    prefect, mlflow, service = free_port(), free_port(), free_port()
    process = installation.start("up", "--prefect-port", str(prefect), "--mlflow-port", str(mlflow), "--port", str(service))
    urls = [f"http://127.0.0.1:{prefect}/api/health", f"http://127.0.0.1:{mlflow}/health", f"http://127.0.0.1:{service}/livez"]
    try:
        limit = time.monotonic() + 120
        while not all(answers(url) for url in urls):
            assert process.poll() is None, "it stopped by itself"
            assert time.monotonic() < limit, [url for url in urls if not answers(url)]
            time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0
    assert "stopping" in err
    assert "Aborted" not in err
    assert not any(answers(url) for url in urls)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # nobody is left
