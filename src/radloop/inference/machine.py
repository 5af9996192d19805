"""The kind of processor, and the CUDA device: on the same kind, the same bundle gives the same bits."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

_NAMES = ("vendor_id", "cpu family", "model", "model name", "stepping", "CPU implementer", "CPU part")


@cache
def cpu_kind() -> str:
    """Return the machine's architecture, the processor's name, and 8 digits over what it is and can do.

    The digits cover vendor, family, model, stepping and the instructions that it has, for OpenVINO chooses its kernels
    by them.
    """
    known = _facts()
    identity = "\n".join([*(known.get(name, "") for name in _NAMES), *sorted(instructions())])
    name = known.get("model name") or platform.processor() or "unknown"
    return f"{platform.machine()} {name} {sha256(identity.encode()).hexdigest()[:8]}"


@cache
def instructions() -> frozenset[str]:
    """Return the names of the instruction sets that the processor has, as Linux writes them; elsewhere none is known."""
    known = _facts()
    return frozenset((known.get("flags") or known.get("Features") or "").split())


@cache
def cuda_device() -> str | None:
    """Return the name of the first CUDA device that this process may use; None where it has none.

    The driver is asked: it needs no package, and honours `CUDA_VISIBLE_DEVICES`.
    """
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    calls: tuple[Callable[[], int], ...] = (
        lambda: driver.cuInit(0),
        lambda: driver.cuDeviceGet(ctypes.byref(device), 0),
        lambda: driver.cuDeviceGetName(name, len(name), device),
    )
    return name.value.decode(errors="replace") if all(call() == 0 for call in calls) else None


def _facts() -> dict[str, str]:
    try:
        block = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return {}
    parts = (line.split(":", 1) for line in block.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in parts}
