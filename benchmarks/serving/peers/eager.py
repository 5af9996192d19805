"""FastAPI with PyTorch in eager mode, as the documentation of both shows: a plain function, the upload, the network."""

from __future__ import annotations

import numpy as np
import torch
from fastapi import FastAPI, UploadFile
from PIL import Image

from benchmarks.serving.peers.network import SIZE, build

app = FastAPI()
network = build()


@app.post("/predict")
def predict(image: UploadFile) -> dict[str, float]:
    """Return the probability."""
    pixels = Image.open(image.file).convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    with torch.no_grad():
        logits = network(torch.from_numpy(np.array(pixels))[None, None]).logits
    return {"probability": float(torch.sigmoid(logits)[0, 0])}
