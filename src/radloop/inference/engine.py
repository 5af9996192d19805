"""The engine that runs a bundle's network: OpenVINO on the CPU, in 32-bit arithmetic."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.errors import IntegrityError
from radloop.inference.bundle import MODEL, WEIGHTS
from radloop.inference.runtime import load_openvino

STREAMS = 2
"""Requests that run side by side, each on one thread: measured fastest for one worker."""

_OUTPUTS = ("logits", "embedding", "cam")


@dataclass(frozen=True, slots=True)
class Output:
    """What the network says about one image.

    Attributes:
        logit: of the positive label, before calibration.
        embedding: float32 [C], the pooled features.
        cam: float32 [h, w], the Grad-CAM of the positive label, not negative.
    """

    logit: float
    embedding: NDArray[np.float32] = field(repr=False)
    cam: NDArray[np.float32] = field(repr=False)


class Engine:
    """A compiled network that several threads may ask at once.

    One thread a request and no bf16: the same image gives the same bits, however busy the
    machine is.

    Example:
        >>> engine = Engine(bundle.content, size=224)   # doctest: +SKIP
        >>> engine.run(image).logit                     # doctest: +SKIP
        -1.25
    """

    def __init__(self, content: Path, size: int, *, streams: int = STREAMS, cache: Path | None = None) -> None:
        """Compile the network.

        Args:
            content: the folder with `model.xml` and `model.bin`.
            size: side of the input, pixels.
            streams: how many requests run side by side.
            cache: a folder for compiled networks, which starts faster. It is outside what a
                digest protects: only for a folder that nobody else writes to.

        Raises:
            IntegrityError: `invalid_model`: it cannot be compiled or breaks the contract of `bundle`.
        """
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": streams,
            # Pinned threads of two processes on one machine would fight for the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        if cache is not None:
            options["CACHE_DIR"] = str(cache)
        core = load_openvino().Core()
        try:
            model = core.read_model(str(content / MODEL), str(content / WEIGHTS))
            _check_contract(model, size)
            self._compiled = core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise _invalid(str(error).strip().splitlines()[-1][:200]) from error
        self.size = size
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._requests.put(self._compiled.create_infer_request())

    def run(self, image: NDArray[np.uint8]) -> Output:
        """Ask the network about one prepared image uint8 [size, size]; waits for a free request."""
        if image.shape != (self.size, self.size) or image.dtype != np.uint8:
            raise ValueError(f"expected uint8 {(self.size, self.size)}, not {image.dtype} {image.shape}")
        request = self._requests.get()
        try:
            request.infer({"image": np.ascontiguousarray(image)[None, None]})
            logits, embedding, cam = (np.array(request.get_tensor(name).data) for name in _OUTPUTS)
        finally:
            self._requests.put(request)
        return Output(logit=float(logits[0, 0]), embedding=embedding[0], cam=cam[0, 0])


def _check_contract(model: Any, size: int) -> None:
    """Refuse a network whose inputs and outputs are not those that every bundle has."""
    names = {name for port in model.outputs for name in port.names}
    missing = [name for name in _OUTPUTS if name not in names]
    if missing:
        raise _invalid(f"it has no output {', '.join(missing)}")
    ports = [port for port in model.inputs if "image" in port.names]
    if len(model.inputs) != 1 or not ports:
        raise _invalid("its one input must be 'image'")
    shape, kind = ports[0].get_partial_shape(), ports[0].get_element_type().get_type_name()
    if not shape.is_static or [int(side) for side in shape.to_shape()] != [1, 1, size, size] or kind != "u8":
        raise _invalid(f"its input is {kind} {shape}, not u8 [1,1,{size},{size}]")


def _invalid(reason: str) -> IntegrityError:
    return IntegrityError("invalid_model", f"bundle: {MODEL} cannot be run: {reason}", "package the model again")
