"""Frames a second of a video from the upload to its answer, and whether memory stays flat on the way.

A service of its own (DenseNet-121 at 224 px with random weights, OpenVINO, BentoML left out) and a synthetic clip of 512 px at 15
frames a second as MP4, of which 10 a second are looked at. Memory is the sum of the PSS of the service and its decoders, sampled
while the job runs: the median of the second and of the last fifth, megabytes. On a machine that others use too, frames a second
of processor time say more than those of the clock. Prints them and one JSON object.

    OMP_NUM_THREADS=1 python -m benchmarks.video [--seconds 300] [--rate 10] [--tiny]

`--seconds 60` is the quick form; `--tiny` takes a network of two convolutions, which leaves the decoding.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import httpx
import numpy as np
import psutil

from radloop.client import Client
from radloop.settings import Settings

SIDE = 512
SPEED = 15


def serve(home: Path, port: int) -> None:
    """Run the service."""
    import uvicorn

    from radloop.serving.app import create_app

    uvicorn.run(create_app(Settings(root=home.parent, home=home)), port=port, log_level="error")


def make_home(folder: Path, tiny: bool) -> Path:
    """Make an installation that serves one use case of video."""
    import torch

    from radloop.models.backbones import build_backbone
    from radloop.models.network import Head, Network
    from tests.bundles import SIZE, make_bundle
    from tests.services import point

    home, size = folder / ".radloop", SIZE if tiny else 224
    changes = {
        "use_case": "lung-us",
        "image": {"modalities": ("US",), "body_parts": ("LUNG",), "size": size, "frames_per_second": 2.0},
    }
    if tiny:
        point(make_bundle(home / "bundles", **changes))
        return home
    torch.manual_seed(1)
    backbone = build_backbone("densenet121", pretrained=False, size=size)
    network = Network(backbone, Head(backbone.channels, 1)).eval()
    point(make_bundle(home / "bundles", network=network, size=size, **changes))
    return home


def make_video(seconds: int) -> bytes:
    """Return an MP4 of slowly moving speckle."""
    speckle = np.random.default_rng(1).normal(110, 40, (SIDE // 4, SIDE // 4)).clip(0, 255).astype(np.uint8)
    large = np.kron(speckle, np.ones((4, 4), np.uint8))
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        track = container.add_stream("mpeg4", rate=SPEED, options={"qscale": "12"})
        track.width = track.height = SIDE
        for k in range(seconds * SPEED):
            frame = av.VideoFrame.from_ndarray(np.roll(large, k // 3, axis=1), format="gray")
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return stream.getvalue()


def pss(pid: int) -> float:
    """Return the megabytes of a process and its children, what they share counted once."""
    root = psutil.Process(pid)
    return sum(process.memory_full_info().pss for process in (root, *root.children(recursive=True))) / 1e6


def cpu(pid: int) -> float:
    """Return the processor seconds of a process and its children, those that ended included."""
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    own = root.cpu_times()
    return sum(time_.user + time_.system for time_ in times) + own.children_user + own.children_system


def measure(client: Client, pid: int, video: bytes, rate: float) -> dict[str, float]:
    """Send the clip and watch the service until it has its answer."""
    start, used, memory = time.perf_counter(), cpu(pid), []
    job = client.send_video(video, "lung-us", frames_per_second=rate)
    while not job.finished:
        memory.append(pss(pid))
        time.sleep(1.0)  # reading the maps of a process holds it up
        job = client.job(job.job)
    taken, worked = time.perf_counter() - start, cpu(pid) - used
    if job.status != "done":
        raise SystemExit(f"the job {job.status}: {job.code}")
    fifth = max(1, len(memory) // 5)
    return {
        "frames": job.frames,
        "seconds": round(taken, 2),
        "frames_per_second": round(job.frames / taken, 1),
        "frames_per_cpu_second": round(job.frames / worked, 1) if worked > 0 else 0.0,
        "memory_first_mb": round(statistics.median(memory[fifth : 2 * fifth] or memory)),
        "memory_last_mb": round(statistics.median(memory[-fifth:])),
        "memory_most_mb": round(max(memory)),
        "video_mb": round(len(video) / 1e6, 1),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--serve", nargs=2, metavar=("HOME", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(Path(given.serve[0]), int(given.serve[1]))
        return
    from tests.services import free_port

    with tempfile.TemporaryDirectory() as folder:
        home, port = make_home(Path(folder), given.tiny), free_port()
        video = make_video(given.seconds)
        command = [sys.executable, "-m", "benchmarks.video", "--serve", str(home), str(port)]
        process = subprocess.Popen(command)
        try:
            url = f"http://127.0.0.1:{port}"
            while True:
                try:
                    httpx.get(f"{url}/v1/use_cases")
                    break
                except httpx.TransportError:
                    time.sleep(0.2)
            with Client(url) as client:
                measure(client, process.pid, make_video(2), given.rate)  # loads the network
                found = measure(client, process.pid, video, given.rate)
        finally:
            process.terminate()
            process.wait()
    for name, value in found.items():
        print(f"{name:>18}  {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
