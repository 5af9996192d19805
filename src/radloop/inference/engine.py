"""The engine that runs a bundle's network: OpenVINO on the CPU."""

from __future__ import annotations

import itertools
import os
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.errors import IntegrityError
from radloop.inference.bundle import MODEL, WEIGHTS, BundleFacts
from radloop.inference.precision import Precision, runs_natively
from radloop.inference.runtime import load_openvino

STREAMS = 2
"""Requests that run side by side, each on one thread: measured fastest for one worker."""

_ALWAYS = ("logits", "embedding", "cam")
_SOMETIMES = ("grades", "mask")


@dataclass(frozen=True, slots=True)
class Output:
    """What the network says about one image.

    Attributes:
        logits: float64 [K], before calibration.
        embedding: float32 [C], the pooled features.
        cam: float32 [K, h, w], the Grad-CAM of each output, not negative.
        grades: float64 [G - 1], the probability that the severity is above each level but the last; None without one.
        mask: float32 [h, w], the probability of the region at each place of the image; None without one.
    """

    logits: NDArray[np.float64]
    embedding: NDArray[np.float32] = field(repr=False)
    cam: NDArray[np.float32] = field(repr=False)
    grades: NDArray[np.float64] | None = None
    mask: NDArray[np.float32] | None = field(default=None, repr=False)


class Engine:
    """A compiled network that several threads may ask at once.

    One thread a request: the same image gives the same bits, however busy the machine is.

    Attributes:
        precision: in which it computes; f32 where bf16 was asked for and the processor has none of its own.

    Example:
        >>> engine = Engine(bundle.content, size=224)   # doctest: +SKIP
        >>> engine.run(image).logits                    # doctest: +SKIP
        array([-1.25])
    """

    def __init__(
        self,
        content: Path,
        size: int,
        *,
        precision: Precision = "f32",
        streams: int = STREAMS,
        cache: Path | None = None,
        read: Callable[[str], bytes] | None = None,
    ) -> None:
        """Compile the network.

        Args:
            content: the folder with `model.xml` and `model.bin`.
            size: side of the input, pixels.
            precision: that of the bundle.
            streams: how many requests run side by side.
            cache: a folder for compiled networks, which starts faster. It is outside what a
                digest protects: only for a folder that nobody else writes to.
            read: returns a file of the folder by its name, and `Bundle.read` only what was digested; without it, what lies there.

        Raises:
            IntegrityError: `invalid_model`: it cannot be compiled or breaks the contract of `bundle`; as `read`.
        """
        self._read = read or (lambda name: (content / name).read_bytes())
        self.precision: Precision = precision if runs_natively(precision) else "f32"
        core = _core()
        try:
            model = self._model(core)
            _check_contract(model, size)
            self._compiled = core.compile_model(model, "CPU", self._options(streams, streams, cache))
        except RuntimeError as error:
            raise _invalid(str(error).strip().splitlines()[-1][:200]) from error
        self.content = content
        self.streams = streams
        self.size = size
        self.width = _width(model)
        self._names = _ALWAYS + tuple(name for name in _SOMETIMES if name in _names(model.outputs))
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._requests.put(self._compiled.create_infer_request())
        self._lone: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def add_lone(self, images: NDArray[np.uint8], clinical: NDArray[np.float32]) -> bool:
        """Compile the network once more, for a request that is alone: every core works on it.

        It is kept only if it gives the same bits as the streams do, so that no answer depends on how busy the service is.

        Args:
            images: to try it on, uint8 [n, size, size].
            clinical: float32 [n, D].

        Returns:
            whether it is kept.
        """
        core, threads = _core(), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        if threads < 2:
            return False
        model = self._model(core)
        request = core.compile_model(model, "CPU", self._options(1, threads, None)).create_infer_request()
        for image, row in zip(images, clinical, strict=True):
            if not _same(self.run(image, row), self._asked(request, image, row)):
                return False
        self._lone.put(request)
        return True

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

    def check(self, facts: BundleFacts) -> None:
        """Refuse a network that is not the one its facts describe.

        Raises:
            IntegrityError: `invalid_model`.
        """
        grades = len(facts.severity.levels) - 1 if facts.severity else None
        wanted = {"logits": len(facts.outputs), "grades": grades, "mask": 1 if facts.location else None}
        found = {name: self._channels(name) for name in wanted}
        if self.width != facts.width or found != wanted:
            raise _invalid("its inputs and outputs are not those of its facts")

    def run(self, image: NDArray[np.uint8], clinical: NDArray[np.float32] | None = None, alone: bool = False) -> Output:
        """Ask the network about one prepared image; waits for a free request.

        Args:
            image: uint8 [size, size].
            clinical: float32 [D]; None where all values are unknown.
            alone: whether nobody else asks; see `add_lone`.
        """
        if image.shape != (self.size, self.size) or image.dtype != np.uint8:
            raise ValueError(f"expected uint8 {(self.size, self.size)}, not {image.dtype} {image.shape}")
        requests, request = self._taken(alone)
        try:
            return self._asked(request, image, clinical)
        finally:
            requests.put(request)

    def run_all(
        self, images: Iterable[NDArray[np.uint8]], clinical: Iterable[NDArray[np.float32] | None] | None = None
    ) -> list[Output]:
        """Ask about many prepared images, as many at a time as there are streams; the outputs come in their order.

        Args:
            images: uint8 [size, size] each.
            clinical: float32 [D] each; without them all values are unknown.
        """
        with ThreadPoolExecutor(self.streams) as threads:
            return list(threads.map(self.run, images, itertools.repeat(None) if clinical is None else clinical))

    def _asked(self, request: Any, image: NDArray[np.uint8], clinical: NDArray[np.float32] | None) -> Output:
        given: dict[str, NDArray[Any]] = {"image": np.ascontiguousarray(image)[None, None]}
        if self.width:
            given["clinical"] = _row(clinical, self.width)
        request.infer(given)
        found = {name: np.array(request.get_tensor(name).data)[0] for name in self._names}
        return Output(
            logits=found["logits"].astype(np.float64),
            embedding=found["embedding"],
            cam=found["cam"],
            grades=found["grades"].astype(np.float64) if "grades" in found else None,
            mask=found["mask"][0] if "mask" in found else None,
        )

    def _taken(self, alone: bool) -> tuple[queue.SimpleQueue[Any], Any]:
        """Return a free request, and where it goes back to."""
        if alone:
            with suppress(queue.Empty):
                return self._lone, self._lone.get_nowait()
        return self._requests, self._requests.get()

    def _channels(self, name: str) -> int | None:
        return int(self._compiled.output(name).shape[1]) if name in self._names else None


def _row(clinical: NDArray[np.float32] | None, width: int) -> NDArray[np.float32]:
    """Return the clinical input [1, D]."""
    if clinical is None:
        return np.zeros((1, width), np.float32)
    if clinical.shape != (width,) or clinical.dtype != np.float32:
        raise ValueError(f"expected float32 {(width,)}, not {clinical.dtype} {clinical.shape}")
    return np.ascontiguousarray(clinical)[None]


def _same(one: Output, other: Output) -> bool:
    """Tell whether two outputs are the same to the bit."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("logits", "embedding", "cam", "grades", "mask")]
    return all(a is b is None or np.array_equal(a, b) for a, b in pairs)


def _names(ports: Any) -> set[str]:
    return {name for port in ports for name in port.names}


def _width(model: Any) -> int:
    """Return D of the clinical input, 0 without one."""
    return next((int(port.get_partial_shape().to_shape()[1]) for port in model.inputs if "clinical" in port.names), 0)


def _core() -> Any:
    """Return OpenVINO's core, which is to read files whole.

    A network that maps its weights' file computes with what the file holds at that moment: whoever writes to it would change the
    answers of a model that was verified, and is approved under the digest of other bytes.
    """
    core = load_openvino().Core()
    core.set_property({"ENABLE_MMAP": False})
    return core


def _check_contract(model: Any, size: int) -> None:
    """Refuse a network whose inputs and outputs are not those that every bundle has."""
    missing = [name for name in _ALWAYS if name not in _names(model.outputs)]
    if missing:
        raise _invalid(f"it has no output {', '.join(missing)}")
    if "image" not in _names(model.inputs) or not _names(model.inputs) <= {"image", "clinical"}:
        raise _invalid("its inputs must be 'image' and at most 'clinical'")
    for port in model.inputs:
        shape, kind = port.get_partial_shape(), port.get_element_type().get_type_name()
        sides = [int(side) for side in shape.to_shape()] if shape.is_static else []
        if "image" in port.names and (sides != [1, 1, size, size] or kind != "u8"):
            raise _invalid(f"its input is {kind} {shape}, not u8 [1,1,{size},{size}]")
        if "clinical" in port.names and (len(sides) != 2 or sides[0] != 1 or kind != "f32"):
            raise _invalid(f"its clinical input is {kind} {shape}, not f32 [1,D]")


def _invalid(reason: str) -> IntegrityError:
    return IntegrityError("invalid_model", f"bundle: {MODEL} cannot be run: {reason}", "package the model again")
