"""The loop that all tests share ran without a network: nobody of its process tree tried to reach out.

That the numbers are those of a run with a network is shown where the stages run again, in `tests/flows/test_pipeline.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from conftest import Loop, need, need_command
from cut_network import PACKAGES, attempts_beyond_loopback, possible, run_without_network


def _need_a_namespace() -> None:
    for name, package in PACKAGES.items():
        need_command(name, package)
    need(possible(), "network namespaces are not allowed here")


def test_the_loop_reached_nobody(loop: Loop) -> None:
    _need_a_namespace()
    assert loop.summary["verdict"] == "passed"
    assert len(list(loop.trace.iterdir())) > 3, "strace saw too few processes"  # the command, Prefect's server, DVC, the decoders
    assert attempts_beyond_loopback(loop.trace) == []


def test_the_counter_counts(tmp_path: Path) -> None:
    """A counter that cannot find an attempt would prove nothing."""
    _need_a_namespace()
    script = "import socket\ntry: socket.create_connection(('192.0.2.1', 443), 1)\nexcept OSError: pass"
    run_without_network([sys.executable, "-c", script], tmp_path, tmp_path / "trace")
    assert len(attempts_beyond_loopback(tmp_path / "trace")) == 1
