"""FastAPI as fast as we could make it: two streams, and two threads that decode and infer beside the event loop."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from fastapi import FastAPI, File

from benchmarks.serving.peers.streams import Streams

app = FastAPI()
streams = Streams()
pool = ThreadPoolExecutor(2)


@app.post("/predict")
async def predict(image: Annotated[bytes, File()]) -> dict[str, float]:
    """Return the probability."""
    found = await asyncio.get_running_loop().run_in_executor(pool, streams.answer, io.BytesIO(image))
    return {"probability": found}
