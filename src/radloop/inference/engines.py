"""Which engine runs a bundle: the one that its facts name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radloop.inference.engine import STREAMS, Engine, Read
from radloop.inference.machine import cuda_device
from radloop.inference.openvino_engine import OpenVINOEngine
from radloop.inference.precision import Precision
from radloop.inference.runtime import load_openvino
from radloop.use_case import EngineKind


def open_engine(
    kind: EngineKind,
    content: Path,
    size: int,
    *,
    precision: Precision = "f32",
    streams: int = STREAMS,
    cache: Path | None = None,
    read: Read | None = None,
) -> Engine:
    """Return the engine of a bundle, its network loaded.

    Args:
        kind: as the bundle's facts say it.
        content: the folder with the network's files.
        size: side of the input, pixels.
        precision: that of the bundle; ONNX Runtime computes in f32 only.
        streams: how many requests run side by side.
        cache: OpenVINO's, see `OpenVINOEngine`.
        read: as for `Engine`.

    Raises:
        IntegrityError: `invalid_model`, as `Engine`.
        ToolError: `incomplete_installation`: what runs it is not installed.
    """
    if kind == "onnxruntime":
        # An extra: most installations have no bundle that asks for it.
        from radloop.inference.onnxruntime_engine import OnnxRuntimeEngine

        return OnnxRuntimeEngine(content, size, streams=streams, read=read)
    return OpenVINOEngine(content, size, precision=precision, streams=streams, cache=cache, read=read)


def load_runtime(kind: EngineKind) -> Any:
    """Return the module that an engine runs on.

    Raises:
        ToolError: `incomplete_installation`: it is not installed.
    """
    if kind == "onnxruntime":
        from radloop.inference.providers import load_onnxruntime

        return load_onnxruntime()
    return load_openvino()


def provider_of(kind: EngineKind) -> str | None:
    """Return where an engine computes on this machine, as ONNX Runtime calls it; None of OpenVINO, which has one place.

    Raises:
        ToolError: `incomplete_installation`.
    """
    if kind == "onnxruntime":
        from radloop.inference.providers import provider

        return provider()
    return None


def runtime_facts(kind: EngineKind) -> dict[str, str | None]:
    """Return what a record says of an engine's runtime on this machine: `version`, and of ONNX Runtime `provider` and `device`.

    The device is the CUDA device's name, null on the CPU: another one rounds other numbers.
    """
    found: dict[str, str | None] = {"version": str(load_runtime(kind).__version__)}
    where = provider_of(kind)
    if where is None:
        return found
    return found | {"provider": where, "device": None if where.startswith("CPU") else cuda_device()}
