"""OpenVINO with two streams of one thread each: what the tuned peer and the bare engine share."""

from __future__ import annotations

import io
import threading

import numpy as np
import openvino
from PIL import Image

from benchmarks.serving.peers.network import SIZE, graph, precision


class Streams:
    """Each thread that asks has a request of its own."""

    def __init__(self) -> None:
        options = {
            "NUM_STREAMS": "2",
            "INFERENCE_NUM_THREADS": 2,
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": precision(),
        }
        self._compiled = openvino.Core().compile_model(graph(), "CPU", options)
        self._own = threading.local()

    def answer(self, file: io.BytesIO) -> float:
        """Decode, infer and return the probability."""
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        pixels = Image.open(file).convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        logit = float(self._own.request.infer({0: np.array(pixels)[None, None]})[0][0, 0])
        return float(1 / (1 + np.exp(-logit)))
