"""ONNX Runtime as the engine, on a CUDA device or the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from radloop.errors import ToolError
from radloop.inference.bundle import GRAPH
from radloop.inference.engine import STREAMS, Engine, Port, Ports, Read, Request, asked_for
from radloop.inference.providers import CPU, CUDA, load_onnxruntime, provider

_TYPES = {"tensor(uint8)": "u8", "tensor(float)": "f32"}
_ERRORS_ONLY = 3
_NOWHERE = "/dev/null"
"""Where a graph may look for weights outside itself: no file can lie below it."""
_CUDA_OPTIONS = {
    # TF32 keeps 10 of 23 bits: it would not be the precision that the bundle was judged in.
    "use_tf32": "0",
    # The default tries algorithms against the clock: each start could choose others, and give other bits.
    "cudnn_conv_algo_search": "HEURISTIC",
}


class OnnxRuntimeEngine(Engine):
    """A network that ONNX Runtime runs from `model.onnx`, in 32 bits.

    Attributes:
        provider: ONNX Runtime's name for where it computes: `CUDAExecutionProvider` or `CPUExecutionProvider`.
    """

    kind = "onnxruntime"

    def __init__(self, content: Path, size: int, *, streams: int = STREAMS, read: Read | None = None) -> None:
        """Load the network.

        Args:
            content: the folder with `model.onnx`.
            size: side of the input, pixels.
            streams: how many requests run side by side.
            read: as for `Engine`.

        Raises:
            IntegrityError: as `Engine`.
            ToolError: `incomplete_installation`: ONNX Runtime, or what it needs for the CUDA device, is not installed.
        """
        self.provider = provider()
        super().__init__(content, size, streams, read)

    def _load(self) -> tuple[Ports, Ports, Sequence[Request]]:
        session = self._session(1)
        inputs, outputs = _ports(session.get_inputs()), _ports(session.get_outputs())
        self._check_contract(inputs, outputs)
        # One session, its weights in memory once: a run on one thread computes in the thread that asks.
        return inputs, outputs, [partial(_run, session, asked_for(outputs))] * self.streams

    def _quick(self, threads: int) -> Request | None:
        if self.provider != CPU:  # a device is not shared out by threads
            return None
        return partial(_run, self._session(threads), asked_for(self._outputs))

    def _session(self, threads: int) -> Any:
        """Return a session over the digested bytes.

        ONNX Runtime takes weights from files beside the working folder where a graph says so, which no digest covers: it is
        told to look where nothing can lie.
        """
        ort = load_onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.use_deterministic_compute = True
        options.log_severity_level = _ERRORS_ONLY
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", _NOWHERE)
        # Threads that spin while they wait would take the cores from those that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = [(CUDA, _CUDA_OPTIONS), CPU] if self.provider == CUDA else [CPU]
        try:
            session = ort.InferenceSession(self._read(GRAPH), options, providers=providers, enable_fallback=0)
        except Exception as error:  # its errors share no base but this
            if type(error).__module__.partition(".")[0] != "onnxruntime":
                raise
            raise self._invalid(str(error).strip().splitlines()[0][:200]) from error
        if self.provider not in session.get_providers():
            raise ToolError(
                "incomplete_installation",
                f"this machine has a CUDA device and ONNX Runtime cannot use it: {self.provider} did not load",
                "pip install 'onnxruntime-gpu[cuda,cudnn]', or CUDA_VISIBLE_DEVICES=-1 to answer on the CPU",
            )
        return session


def _run(session: Any, names: tuple[str, ...], given: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return dict(zip(names, session.run(names, given), strict=True))


def _ports(arguments: Any) -> Ports:
    return {argument.name: _port(argument) for argument in arguments}


def _port(argument: Any) -> Port:
    sides = tuple(side if isinstance(side, int) else None for side in argument.shape)
    return Port(_TYPES.get(argument.type, argument.type), sides)
