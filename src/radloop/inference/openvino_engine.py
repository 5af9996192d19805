"""OpenVINO as the engine, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.inference.bundle import MODEL, WEIGHTS
from radloop.inference.engine import STREAMS, Engine, Port, Ports, Read, Request, asked_for
from radloop.inference.precision import Precision, runs_natively
from radloop.inference.runtime import load_openvino


class OpenVINOEngine(Engine):
    """A network that OpenVINO compiled from `model.xml` and `model.bin`."""

    kind = "openvino"

    def __init__(
        self,
        content: Path,
        size: int,
        *,
        precision: Precision = "f32",
        streams: int = STREAMS,
        cache: Path | None = None,
        read: Read | None = None,
    ) -> None:
        """Compile the network.

        Args:
            content: the folder with `model.xml` and `model.bin`.
            size: side of the input, pixels.
            precision: that of the bundle.
            streams: how many requests run side by side.
            cache: a folder for compiled networks, which starts faster. It is outside what a
                digest protects: only for a folder that nobody else writes to.
            read: as for `Engine`.

        Raises:
            IntegrityError: as `Engine`.
        """
        self.precision = precision if runs_natively(precision) else "f32"
        self._cache = cache
        super().__init__(content, size, streams, read)

    def _load(self) -> tuple[Ports, Ports, Sequence[Request]]:
        core = _core()
        try:
            model = self._model(core)
            inputs, outputs = _ports(model.inputs), _ports(model.outputs)
            self._check_contract(inputs, outputs)
            compiled = core.compile_model(model, "CPU", self._options(self.streams, self.streams, self._cache))
        except RuntimeError as error:
            raise self._invalid(str(error).strip().splitlines()[-1][:200]) from error
        names = asked_for(outputs)
        return inputs, outputs, [partial(_infer, compiled.create_infer_request(), names) for _ in range(self.streams)]

    def _quick(self, threads: int) -> Request:
        core = _core()
        model = self._model(core)
        request = core.compile_model(model, "CPU", self._options(1, threads, None)).create_infer_request()
        return partial(_infer, request, asked_for(_ports(model.outputs)))

    def _model(self, core: Any) -> Any:
        return core.read_model(self._read(MODEL), self._read(WEIGHTS))

    def _options(self, streams: int, threads: int, cache: Path | None) -> dict[str, Any]:
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": threads,
            # Pinned threads of two processes on one machine would fight for the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        return options if cache is None else options | {"CACHE_DIR": str(cache)}


def _infer(request: Any, names: tuple[str, ...], given: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    request.infer(given)
    # Copied: the request's own memory is overwritten by the next image.
    return {name: np.array(request.get_tensor(name).data) for name in names}


def _ports(ports: Any) -> Ports:
    return {name: _port(port) for port in ports for name in port.names}


def _port(port: Any) -> Port:
    shape = port.get_partial_shape()
    sides = () if shape.rank.is_dynamic else tuple(None if side.is_dynamic else int(side.get_length()) for side in shape)
    return Port(port.get_element_type().get_type_name(), sides)


def _core() -> Any:
    """Return OpenVINO's core, which is to read files whole.

    A network that maps its weights' file computes with what the file holds at that moment: whoever writes to it would change the
    answers of a model that was verified, and is approved under the digest of other bytes.
    """
    core = load_openvino().Core()
    core.set_property({"ENABLE_MMAP": False})
    return core
