"""Five use cases in one service: the time until it is ready, what the first answer of a resting network takes, and memory.

`radloop serve` in a folder of its own serves five use cases, each a network of its own (DenseNet-121 at 224 px with random weights, or
`--backbone`), as it comes: BentoML, decoders, the default budget of memory.

- **ready**: seconds from the start of the command until `/readyz` says so, and until a use case has answered.
- **on demand**: seconds of the first answer of a use case whose network rests (`RADLOOP_IDLE_SECONDS=1`), by HTTP.
- **memory**: the sum of the PSS of all processes after each use case has answered with and without a heat map, a batch of eight images was
  sent and the reading page was opened; MiB.

    OMP_NUM_THREADS=1 python -m benchmarks.footprint [--backbone densenet121] [--rounds 5]

Prints them and one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

from radloop.settings import SILENCE
from tests.bundles import make_bundle, make_images
from tests.image_files import make_raster
from tests.services import free_port, point

NAMES = ("tb-cxr", "pneumonia-cxr", "covid-cxr", "thorax-cxr", "icu-cxr")
SIZE = 224


def make_home(folder: Path, backbone: str) -> Path:
    """Make an installation that serves five networks, and return its `.radloop` folder."""
    import torch

    from radloop.models.backbones import build_backbone
    from radloop.models.network import Head, Network
    from radloop.use_case import ImageSpec

    home, image = folder / ".radloop", ImageSpec(modalities=("CR", "DX"), body_parts=("CHEST",), size=SIZE)
    for seed, name in enumerate(NAMES, start=1):
        torch.manual_seed(seed)
        features = build_backbone(backbone, pretrained=False, size=SIZE)
        network = Network(features, Head(features.channels, 1)).eval()
        point(make_bundle(home / "bundles", seed=seed, network=network, size=SIZE, image=image, use_case=name))
    return home


@contextlib.contextmanager
def serving(home: Path, **variables: str) -> Iterator[tuple[httpx.Client, int, float]]:
    """Run `radloop serve` until the block ends; yield a client, the process and the seconds until it was ready."""
    port = free_port()
    command = [sys.executable, "-m", "radloop", "serve", "--port", str(port)]
    environment = os.environ | SILENCE | {"RADLOOP_HOME": str(home), "RADLOOP_ROOT": str(home.parent)} | variables
    with (home.parent / "service.log").open("wb") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=environment, cwd=home.parent, stdout=log, stderr=log, start_new_session=True)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                while not _ready(http):
                    if process.poll() is not None or time.perf_counter() - begun > 120:
                        raise SystemExit(f"the service did not start:\n{(home.parent / 'service.log').read_text()[-2000:]}")
                    time.sleep(0.02)
                yield http, process.pid, time.perf_counter() - begun
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def _ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").is_success
    except httpx.TransportError:
        return False


def ask(http: httpx.Client, name: str, image: bytes, **form: str) -> float:
    """Return the seconds of one answer."""
    begun = time.perf_counter()
    http.post("/v1/predict", files={"image": image}, data={"use_case": name, **form}).raise_for_status()
    return time.perf_counter() - begun


def pss(pid: int) -> dict[str, float]:
    """Return the MiB of a process and of all below it, by pid and command."""
    found, root = {}, psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            words = " ".join(process.cmdline()[1:5])[:60]
            found[f"{process.pid} {words}"] = process.memory_full_info().pss / 2**20
    return found


def starts(home: Path, image: bytes, rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds until ready, and until an answer, of some starts."""
    ready, answered = [], []
    for turn in range(rounds):
        with serving(home) as (http, _, seconds):
            ready.append(seconds)
            answered.append(seconds + ask(http, NAMES[turn % len(NAMES)], image))
    return ready, answered


def on_demand(home: Path, image: bytes, rounds: int) -> list[float]:
    """Return the seconds of first answers of networks that rest."""
    with serving(home, RADLOOP_IDLE_SECONDS="1") as (http, _, _):
        for name in NAMES:
            ask(http, name, image)
        found = []
        for turn in range(rounds):
            time.sleep(4.0)  # all rest since
            found.append(ask(http, NAMES[turn % len(NAMES)], image))
    log = (home.parent / "service.log").read_text()
    if log.count(" rests: nobody asked") < rounds:
        raise SystemExit("networks did not rest: what was measured is no first answer")
    return found


def memory(home: Path, image: bytes) -> dict[str, float]:
    """Return the MiB of each process once everything was asked."""
    with serving(home) as (http, pid, _):
        for name in (*NAMES, *NAMES):
            ask(http, name, image)
            ask(http, name, image, explain="true")
        batch = [("images", image) for _ in range(8)]
        http.post("/v1/predict_batch", files=batch, data={"use_case": NAMES[0]}).raise_for_status()
        http.get("/read", follow_redirects=True).raise_for_status()
        time.sleep(5.0)
        return pss(pid)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="densenet121")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    image = make_raster(make_images(1, seed=9, size=512)[0])
    with tempfile.TemporaryDirectory() as name:
        home = make_home(Path(name), options.backbone)
        ready, answered = starts(home, image, options.rounds)
        first = on_demand(home, image, options.rounds)
        processes = memory(home, image)
    for what, mebibytes in processes.items():
        print(f"{mebibytes:7.0f} MiB  {what}")
    result = {
        "backbone": options.backbone,
        "use_cases": len(NAMES),
        "ready_s": _of(ready),
        "first_answer_s": _of(answered),
        "on_demand_s": _of(first),
        "pss_mib": round(sum(processes.values())),
    }
    for what in ("ready_s", "first_answer_s", "on_demand_s"):
        print(f"{what}: median {result[what]['median']}, largest {result[what]['largest']}")
    print(f"memory of {len(processes)} processes: {result['pss_mib']} MiB")
    print(json.dumps(result))


def _of(seconds: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds), 2), "largest": round(max(seconds), 2)}


if __name__ == "__main__":
    main()
