"""The engine that runs a bundle's network: what every kind of it is asked and gives."""

from __future__ import annotations

import itertools
import os
import queue
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from radloop.errors import IntegrityError
from radloop.inference.bundle import NETWORK_FILES, BundleFacts
from radloop.inference.precision import Precision
from radloop.use_case import EngineKind

STREAMS = 2
"""Requests that run side by side, each on one thread: measured fastest for one worker."""

_ALWAYS = ("logits", "embedding", "cam")
_SOMETIMES = ("grades", "mask")

Read = Callable[[str], bytes]
"""Returns a file of the folder by its name; `Bundle.read` only what was digested."""
Request = Callable[[dict[str, NDArray[Any]]], dict[str, NDArray[Any]]]
"""Runs the network once: arrays by the name of the input to arrays by the name of the output, each of a batch of one."""


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


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a network.

    Attributes:
        type: of its numbers, `u8` or `f32`; anything else as the runtime calls it.
        shape: None where a side is not fixed.
    """

    type: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.type} [{','.join('?' if side is None else str(side) for side in self.shape)}]"


Ports = Mapping[str, Port]
"""By name."""


class Engine(ABC):
    """A compiled network that several threads may ask at once; `engines.open_engine` makes that of a bundle.

    One thread a request: the same image gives the same bits, however busy the machine is.

    Attributes:
        kind: as the bundle's facts say it.
        precision: in which it computes; f32 where bf16 was asked for and the processor has none of its own.
        content: the folder that its network lies in.
        size: side of the input, pixels.
        streams: how many requests run side by side.
        width: D of the clinical input, 0 without one.

    Example:
        >>> engine = open_engine("openvino", bundle.content, size=224)   # doctest: +SKIP
        >>> engine.run(image).logits                                     # doctest: +SKIP
        array([-1.25])
    """

    kind: ClassVar[EngineKind]
    precision: Precision = "f32"

    def __init__(self, content: Path, size: int, streams: int, read: Read | None) -> None:
        """Load the network.

        Args:
            content: the folder with the network's files.
            size: side of the input, pixels.
            streams: how many requests run side by side.
            read: what reads them; without it, what lies there is taken.

        Raises:
            IntegrityError: `invalid_model`: it cannot be loaded or breaks the contract of `bundle`; as `read`.
        """
        self.content = content
        self.size = size
        self.streams = streams
        self._read = read or (lambda name: (content / name).read_bytes())
        inputs, self._outputs, requests = self._load()
        self.width = int(inputs["clinical"].shape[1] or 0) if "clinical" in inputs else 0
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        for request in requests:
            self._requests.put(request)
        self._lone: queue.SimpleQueue[Request] = queue.SimpleQueue()

    @abstractmethod
    def _load(self) -> tuple[Ports, Ports, Sequence[Request]]:
        """Return the network's inputs, its outputs, and as many requests as there are streams, each on one thread."""

    @abstractmethod
    def _quick(self, threads: int) -> Request | None:
        """Return one more request that computes on many threads; None where that gains nothing."""

    def add_lone(self, images: NDArray[np.uint8], clinical: NDArray[np.float32]) -> bool:
        """Compile the network once more, for a request that is alone: every core works on it.

        It is kept only if it gives the same bits as the streams do, so that no answer depends on how busy the service is.

        Args:
            images: to try it on, uint8 [n, size, size].
            clinical: float32 [n, D].

        Returns:
            whether it is kept.
        """
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        request = self._quick(threads) if threads > 1 else None
        if request is None:
            return False
        for image, row in zip(images, clinical, strict=True):
            if not _same(self.run(image, row), self._asked(request, image, row)):
                return False
        self._lone.put(request)
        return True

    def check(self, facts: BundleFacts) -> None:
        """Refuse a network that is not the one its facts describe.

        Raises:
            IntegrityError: `invalid_model`.
        """
        grades = len(facts.severity.levels) - 1 if facts.severity else None
        wanted = {"logits": len(facts.outputs), "grades": grades, "mask": 1 if facts.location else None}
        found = {name: self._outputs[name].shape[1] if name in self._outputs else None for name in wanted}
        if self.width != facts.width or found != wanted:
            raise self._invalid("its inputs and outputs are not those of its facts")

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

    def _asked(self, request: Request, image: NDArray[np.uint8], clinical: NDArray[np.float32] | None) -> Output:
        given: dict[str, NDArray[Any]] = {"image": np.ascontiguousarray(image)[None, None]}
        if self.width:
            given["clinical"] = _row(clinical, self.width)
        found = {name: values[0] for name, values in request(given).items()}
        return Output(
            logits=found["logits"].astype(np.float64),
            embedding=found["embedding"],
            cam=found["cam"],
            grades=found["grades"].astype(np.float64) if "grades" in found else None,
            mask=found["mask"][0] if "mask" in found else None,
        )

    def _taken(self, alone: bool) -> tuple[queue.SimpleQueue[Request], Request]:
        """Return a free request, and where it goes back to."""
        if alone:
            with suppress(queue.Empty):
                return self._lone, self._lone.get_nowait()
        return self._requests, self._requests.get()

    def _check_contract(self, inputs: Ports, outputs: Ports) -> None:
        """Refuse a network whose inputs and outputs are not those that every bundle has."""
        missing = [name for name in _ALWAYS if name not in outputs]
        if missing:
            raise self._invalid(f"it has no output {', '.join(missing)}")
        if "image" not in inputs or not set(inputs) <= {"image", "clinical"}:
            raise self._invalid("its inputs must be 'image' and at most 'clinical'")
        wanted = Port("u8", (1, 1, self.size, self.size))
        if inputs["image"] != wanted:
            raise self._invalid(f"its input is {inputs['image']}, not {wanted}")
        clinical = inputs.get("clinical", Port("f32", (1, 1)))
        if clinical.type != "f32" or len(clinical.shape) != 2 or clinical.shape[0] != 1 or clinical.shape[1] is None:
            raise self._invalid(f"its clinical input is {clinical}, not f32 [1,D]")

    def _invalid(self, reason: str) -> IntegrityError:
        name = NETWORK_FILES[self.kind][0]
        return IntegrityError("invalid_model", f"bundle: {name} cannot be run: {reason}", "package the model again")


def asked_for(outputs: Iterable[str]) -> tuple[str, ...]:
    """Return those of a network's outputs that an answer is made of."""
    held = set(outputs)
    return _ALWAYS + tuple(name for name in _SOMETIMES if name in held)


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
