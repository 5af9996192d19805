"""Run a command without a network, and read from strace whom its process tree tried to reach."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

PACKAGES = {"unshare": "util-linux", "ip": "iproute2", "strace": "strace"}
"""The commands that it takes, and which packages have them."""

_LOOPBACK = re.compile(
    r'inet_addr\("127\.|inet_pton\(AF_INET6, "::1"|inet_pton\(AF_INET6, "::ffff:127\.|inet_addr\("0\.0\.0\.0"\)'
)


def possible() -> bool:
    """Return whether the commands are here and network namespaces are allowed."""
    if not all(map(shutil.which, PACKAGES)):
        return False
    return subprocess.run(["unshare", "--map-root-user", "--net", "true"], capture_output=True, check=False).returncode == 0


def run_without_network(
    command: list[str], folder: Path, trace: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a namespace with only loopback, under strace; `trace` gets one file a process."""
    trace.mkdir()
    # --seccomp-bpf stops only at the traced calls: the run keeps nearly its usual speed.
    strace = ["strace", "-f", "-ff", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace / "calls")]
    inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", *strace, *command]
    return subprocess.run(
        ["unshare", "--map-root-user", "--net", *inside], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def attempts_beyond_loopback(trace: Path) -> list[str]:
    """Return every traced call that names an internet address other than loopback."""
    lines = [line for path in trace.iterdir() for line in path.read_text(errors="replace").splitlines()]
    return [line for line in lines if "AF_INET" in line and not _LOOPBACK.search(line)]
