"""ONNX Runtime, imported on first use and without its telemetry, and where it computes."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from radloop.errors import ToolError
from radloop.inference.machine import cuda_device

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

_OLDEST = (1, 24)
"""1.22 reads weights from whatever file a graph names, which no digest covers; 1.24.1 refuses."""


def load_onnxruntime() -> Any:
    """Return the `onnxruntime` module.

    From 1.29 its builds for Linux send events to a server of their maker, and keep an id of the machine in the user's folder,
    unless a variable says otherwise before it is imported; its own switch comes after the first event.

    Raises:
        ToolError: `incomplete_installation`: it is not installed, or too old.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError:
        raise _incomplete("is not installed") from None
    if tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) < _OLDEST:
        raise _incomplete(f"is older here ({onnxruntime.__version__}) than it may be")
    onnxruntime.disable_telemetry_events()
    return onnxruntime


@cache
def provider() -> str:
    """Return where ONNX Runtime computes here: CUDA where the one that is installed offers it and there is a device.

    Raises:
        ToolError: as `load_onnxruntime`.
    """
    runtime = load_onnxruntime()
    if CUDA not in runtime.get_available_providers() or cuda_device() is None:
        return CPU
    runtime.preload_dlls()  # CUDA's libraries, where they were installed as packages beside it
    return CUDA


def _incomplete(reason: str) -> ToolError:
    return ToolError(
        "incomplete_installation",
        f"this bundle is run by ONNX Runtime, which {reason}",
        "pip install 'radloop[onnxruntime]', or 'onnxruntime-gpu[cuda,cudnn]' on a machine with CUDA",
    )
