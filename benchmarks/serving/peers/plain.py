"""FastAPI with OpenVINO: the LATENCY hint and one lock, the plain strong alternative."""

from __future__ import annotations

import threading

import numpy as np
import openvino
from fastapi import FastAPI, UploadFile
from PIL import Image

from benchmarks.serving.peers.network import SIZE, graph, precision

app = FastAPI()
compiled = openvino.Core().compile_model(graph(), "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision()})
request = compiled.create_infer_request()
lock = threading.Lock()


@app.post("/predict")
def predict(image: UploadFile) -> dict[str, float]:
    """Return the probability."""
    pixels = Image.open(image.file).convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    with lock:
        logit = float(request.infer({0: np.array(pixels)[None, None]})[0][0, 0])
    return {"probability": float(1 / (1 + np.exp(-logit)))}
