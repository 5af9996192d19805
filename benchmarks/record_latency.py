"""What the record of answers adds to an answer's time, with an API key and without one.

One service (DenseNet-121 at 224 px, random weights, OpenVINO) and one client on the same machine; an image of 512 px as
PNG. Requests without the record, with it, and with the disk first follow each other in random order, so that what else runs on
the machine meets all alike. Prints medians over the rounds, milliseconds: of each round's p50 and p99, and of what a
request took more than the one without the record beside it; the record's own time, called by itself; and one
JSON object.

    OMP_NUM_THREADS=1 python -m benchmarks.record_latency [--rounds 7] [--requests 100] [--tiny]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

from radloop.settings import Settings

# The first is what the others are compared with.
MODES = ("without", "with", "disk first")


def serve(home: Path, port: int) -> None:
    """Run the service with one more address that changes how it records."""
    import uvicorn
    from fastapi import FastAPI

    from radloop.serving.app import create_app

    settings = Settings(root=home.parent, home=home)
    first = settings.model_copy(update={"record_fsync_first": True})
    app: FastAPI = create_app(settings)

    @app.post("/bench/{mode}")
    async def switch(mode: int) -> dict[str, str]:
        recorder = app.state.recorder
        recorder.__dict__.pop("hashed", None)
        if MODES[mode] == "without":
            recorder.hashed = lambda _: None  # nothing is hashed, built or written then
        app.state.settings = first if MODES[mode] == "disk first" else settings
        return {"mode": MODES[mode]}

    uvicorn.run(app, port=port, log_level="error")


def make_home(folder: Path, tiny: bool) -> Path:
    """Make an installation that serves one DenseNet-121, or a network of two convolutions."""
    import torch

    from radloop.models.backbones import build_backbone
    from radloop.models.network import Head, Network
    from radloop.use_case import ImageSpec
    from tests.bundles import make_bundle
    from tests.services import point

    home = folder / ".radloop"
    if tiny:
        point(make_bundle(home / "bundles"))
        return home
    torch.manual_seed(1)
    backbone = build_backbone("densenet121", pretrained=False, size=224)
    network = Network(backbone, Head(backbone.channels, 1)).eval()
    spec = ImageSpec(modalities=("CR", "DX"), body_parts=("CHEST",), size=224)
    point(make_bundle(home / "bundles", network=network, size=224, image=spec))
    return home


def radiograph() -> bytes:
    """Return a PNG of 512 px that weighs what a radiograph's does."""
    from tests.bundles import make_images
    from tests.image_files import make_raster

    noise = np.random.default_rng(3).normal(0, 4, (512, 512))
    return make_raster(np.clip(make_images(1, seed=9, size=512)[0] + noise, 0, 255).astype(np.uint8))


def ask(http: httpx.Client, image: bytes, mode: int) -> float:
    """Return the milliseconds of one request."""
    http.post(f"/bench/{mode}")
    start = time.perf_counter()
    response = http.post("/v1/predict", files={"image": image}, data={"use_case": "tb-cxr"})
    taken = 1000 * (time.perf_counter() - start)
    response.raise_for_status()
    return taken


def alone(home: Path, image: bytes) -> dict[str, float]:
    """Return p50 and p99 of hashing, writing down and handing over one answer, with nothing else to do."""
    from radloop.inference.predictor import Predictor
    from radloop.inference.recorded import Observed
    from radloop.serving.recording import Recorder

    predictor, observed = Predictor(next(home.glob("bundles/*/*/bundle")).parent), Observed()
    answer = predictor.predict(image, observed=observed)
    recorder, taken = Recorder(Settings(root=home.parent, home=home)), []
    for _ in range(2000):
        start = time.perf_counter()
        recorder.write("0" * 32, recorder.hashed(image), {"age": 54}, observed, answer)
        taken.append(1000 * (time.perf_counter() - start))
    recorder.close()
    return {f"p{share}": round(float(np.percentile(taken, share)), 3) for share in (50, 99)}


def _each(http: httpx.Client, image: bytes, order: np.random.Generator) -> list[float]:
    """Return the milliseconds of one request of each mode, asked in a random order."""
    taken = {int(mode): ask(http, image, int(mode)) for mode in order.permutation(len(MODES))}
    return [taken[mode] for mode in range(len(MODES))]


def measure(url: str, image: bytes, rounds: int, requests: int, headers: dict[str, str]) -> dict[str, dict[str, float]]:
    """Return p50, p99 and the median of what a request takes more than the one without the record beside it, by mode."""
    with httpx.Client(base_url=url, timeout=60, headers=headers) as http:
        order = np.random.default_rng(5)
        for _ in range(10):
            _each(http, image, order)
        turns = [np.array([_each(http, image, order) for _ in range(requests)]) for _ in range(rounds)]
    found = {}
    for n, mode in enumerate(MODES):
        p50, p99 = (statistics.median(float(np.percentile(taken[:, n], share)) for taken in turns) for share in (50, 99))
        more = statistics.median(float(np.median(taken[:, n] - taken[:, 0])) for taken in turns)
        found[mode] = {"p50": round(p50, 3), "p99": round(p99, 3), "more": round(more, 3)}
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--tiny", action="store_true", help="a network that takes no time, to see what is left")
    parser.add_argument("--serve", nargs=2, metavar=("HOME", "PORT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(Path(asked.serve[0]), int(asked.serve[1]))
        return
    from radloop.inference.api_keys import issue
    from tests.services import free_port

    image, port = radiograph(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder), asked.tiny)
        command = [sys.executable, "-m", "benchmarks.record_latency", "--serve", str(home), str(port)]
        server = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
        url = f"http://127.0.0.1:{port}"
        try:
            while not _answers(url):
                time.sleep(0.2)
            result = {"open": measure(url, image, asked.rounds, asked.requests, {})}
            _, key = issue("bench", Settings(root=home.parent, home=home), rate=10**6)
            result["key"] = measure(url, image, asked.rounds, asked.requests, {"authorization": f"Bearer {key}"})
        finally:
            server.terminate()
            server.wait()
        record = alone(home, image)
    for access, modes in result.items():
        for mode, taken in modes.items():
            print(f"{access:5} {mode:10} p50 {taken['p50']:7.3f} ms   p99 {taken['p99']:7.3f} ms   more {taken['more']:6.3f} ms")
    print(f"the record alone: p50 {record['p50']:.3f} ms, p99 {record['p99']:.3f} ms")
    print(json.dumps({"alone": record, "image_bytes": len(image), "rounds": asked.rounds, "requests": asked.requests, **result}))


def _answers(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/v1/use_cases").json()["use_cases"])
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
