"""The loop without a network: the same result, and nobody of the process tree tried to reach out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import Loop, need, need_command
from cut_network import attempts_beyond_loopback, run_without_network
from installations import make_installation


def test_the_loop_runs_offline_with_the_same_numbers(loop: Loop, tmp_path: Path) -> None:
    for name, package in (("unshare", "util-linux"), ("ip", "iproute2"), ("strace", "strace")):
        need_command(name, package)
    allowed = subprocess.run(["unshare", "--map-root-user", "--net", "true"], capture_output=True, check=False)
    need(allowed.returncode == 0, "network namespaces are not allowed here")
    site = make_installation(tmp_path / "site")
    command = [sys.executable, "-m", "radloop", "retrain", "phantom-cxr", "--json", "--source", str(loop.source)]
    done = run_without_network(command, site.root, tmp_path / "trace", site.environment)
    assert done.returncode == 0, done.stderr[-4000:]
    summary = json.loads(done.stdout)
    assert summary["metrics"] == loop.summary["metrics"]
    assert summary["data_version"] == loop.summary["data_version"]
    assert list((tmp_path / "trace").iterdir()), "strace saw no process"
    assert attempts_beyond_loopback(tmp_path / "trace") == []


def test_the_counter_counts(tmp_path: Path) -> None:
    """A counter that cannot find an attempt would prove nothing."""
    for name, package in (("unshare", "util-linux"), ("ip", "iproute2"), ("strace", "strace")):
        need_command(name, package)
    script = "import socket\ntry: socket.create_connection(('192.0.2.1', 443), 1)\nexcept OSError: pass"
    run_without_network([sys.executable, "-c", script], tmp_path, tmp_path / "trace")
    assert len(attempts_beyond_loopback(tmp_path / "trace")) == 1
