"""How fast the service answers, beside the ways in which models are usually served.

DenseNet-121 at 224 px everywhere, the same radiographs of 512 px as PNG and JPEG in turn (DICOM is told apart), clients and
server on the same cores. The service is the real one: BentoML, decoding in processes, admissibility, the record. Beside it
FastAPI with eager PyTorch, FastAPI with OpenVINO (LATENCY, one lock), FastAPI with two streams, and the bare engine
without HTTP. All stand ready; in each round they are asked in a random order, so that what else runs meets all alike.
Ratios are made within a round, and their median over the rounds is told.

    OMP_NUM_THREADS=1 python -m benchmarks.serving [--rounds 5] [--seconds 3] [--quick]

RADLOOP_REAL_DATA is a folder that holds tb_shenzhen_256/; without it phantoms are sent. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.serving import images, load
from benchmarks.serving.bundles import change, make_home, write_plain
from benchmarks.serving.peers.network import FOLDER, PRECISION
from radloop.inference.machine import cpu_kind
from radloop.inference.precision import Precision, runs_natively
from radloop.models.backbones import pretrained_available
from tests.services import bentoml_service, free_port

SERVICE = "radloop.serving.service:Radloop"
PEERS = ("eager", "plain", "tuned")
Round = dict[str, dict[str, Any]]
"""By `server precision`, then by what was asked: what `Load.as_dict` gives."""


@dataclass(frozen=True)
class Server:
    """Something that answers.

    Attributes:
        name: `radloop`, one of the peers, or `engine`.
        port: 0 of the bare engine, which has none.
        process: the bare engine's.
    """

    name: str
    precision: str
    port: int = 0
    process: subprocess.Popen[str] | None = None

    @property
    def key(self) -> str:
        """Return its name and precision."""
        return f"{self.name} {self.precision}"

    def requests(self, files: list[bytes], **fields: str) -> list[bytes]:
        """Return the requests that send it some files."""
        if self.name != "radloop":
            return load.form("/predict", files, self.port)
        return load.form("/v1/predict", files, self.port, use_case="tb-cxr", **fields)


@contextlib.contextmanager
def peer(name: str, precision: str, folder: Path) -> Iterator[Server]:
    """Run one of the peers under uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"benchmarks.serving.peers.{name}:app", "--port", str(port), "--no-access-log"]
    with (folder / f"{name}-{precision}.log").open("wb") as log:
        process = subprocess.Popen(command, env=_environment(folder, precision), stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/docs", process)
        yield Server(name, precision, port)
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def bare(precision: str, folder: Path, files: Path) -> Iterator[Server]:
    """Run the engine without HTTP."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serving.peers.engine", str(files)],
        env=_environment(folder, precision),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if _line(process) != "ready":
            raise SystemExit("the bare engine did not start")
        yield Server("engine", precision, process=process)
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def radloop(precision: Precision, folder: Path) -> Iterator[Server]:
    """Run the service itself."""
    home = make_home(folder, precision)
    with bentoml_service(SERVICE, home) as service:
        _wait(f"{service.url}/readyz")
        yield Server("radloop", precision, int(service.url.rpartition(":")[2]))


def _environment(folder: Path, precision: str) -> dict[str, str]:
    # The peers' libraries choose their threads themselves, as they do for who follows their documentation.
    own = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return own | {FOLDER: str(folder), PRECISION: precision}


def _wait(address: str, process: subprocess.Popen[bytes] | None = None) -> None:
    limit = time.monotonic() + 120
    while time.monotonic() < limit and (process is None or process.poll() is None):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(address).is_success:
                return
        time.sleep(0.2)
    raise SystemExit(f"{address} did not answer")


def _line(process: subprocess.Popen[str], question: str | None = None) -> str:
    """Write a line to a process, if there is one to write, and return the next that it writes."""
    if question is not None and process.stdin is not None:
        process.stdin.write(question + "\n")
        process.stdin.flush()
    return process.stdout.readline().strip() if process.stdout is not None else ""


def ask(server: Server, files: dict[str, list[bytes]], clients: tuple[int, ...], seconds: float) -> dict[str, Any]:
    """Return what one round says of one server."""
    if server.process is not None:
        return {"8": {"per_second": round(float(_line(server.process, str(seconds))), 2)}}
    requests = server.requests(files["mixed"])
    load.run(server.port, requests, 2, 0.3)
    found: dict[str, Any] = {}
    for count in clients:
        met = load.run(server.port, requests, count, seconds)
        found[str(count)] = met.as_dict()
        if server.name == "radloop":
            found[str(count)]["answers"] = _distinct(met)
    if server.name == "radloop":
        found |= _explained(server, files["mixed"], seconds)
        found["dicom"] = load.run(server.port, server.requests(files["dicom"]), 1, seconds).as_dict()
    return found


def _explained(server: Server, files: list[bytes], seconds: float) -> dict[str, Any]:
    """Return what answers cost with and without the heat map, in turns so short that both meet the same machine."""
    asked = {"without": server.requests(files), "with": server.requests(files, explain="true")}
    met = {name: load.Load() for name in asked}
    for turn in range(6):
        for name in sorted(asked, reverse=bool(turn % 2)):
            found = load.run(server.port, asked[name], 1, seconds / 6)
            met[name].milliseconds += found.milliseconds
            met[name].seconds += found.seconds
            met[name].errors += found.errors
    return {f"explain_{name}": found.as_dict() for name, found in met.items()}


def _distinct(met: load.Load) -> float:
    """Return how many different probabilities each image got on average: 1 where answers do not depend on the load."""
    seen: dict[int, set[float]] = {}
    for number, body in met.bodies:
        seen.setdefault(number, set()).add(json.loads(body)["findings"][0]["probability"])
    return sum(map(len, seen.values())) / max(len(seen), 1)


def ratios(rounds: list[Round], precision: str) -> dict[str, float]:
    """Return the medians over the rounds of what the service does beside the others."""
    radloop_, eager = f"radloop {precision}", "eager f32"

    def median(ours: tuple[str, str, str], theirs: tuple[str, str, str]) -> float:
        values = [one[ours[0]][ours[1]][ours[2]] / one[theirs[0]][theirs[1]][theirs[2]] for one in rounds]
        return round(statistics.median(values), 4)

    found = {
        "p50_vs_eager": median((radloop_, "1", "p50"), (eager, "1", "p50")),
        "p50_vs_plain_openvino": median((radloop_, "1", "p50"), (f"plain {precision}", "1", "p50")),
        "explain_cost": median((radloop_, "explain_with", "p50"), (radloop_, "explain_without", "p50")),
        "p99_over_p50_8": median((radloop_, "8", "p99"), (radloop_, "8", "p50")),
        "throughput_vs_engine_8": median((radloop_, "8", "per_second"), (f"engine {precision}", "8", "per_second")),
    }
    for count in (word for word in ("8", "32") if all(word in one[radloop_] for one in rounds)):
        for name, other in (("eager", eager), ("plain_openvino", f"plain {precision}"), ("tuned", f"tuned {precision}")):
            found[f"throughput_vs_{name}_{count}"] = median((radloop_, count, "per_second"), (other, count, "per_second"))
    return found


def medians(rounds: list[Round]) -> dict[str, Any]:
    """Return the medians over the rounds of every number; of errors the sum."""
    found: dict[str, Any] = {}
    for server, asked in rounds[0].items():
        for what, numbers in asked.items():
            for name in numbers:
                values = [one[server][what][name] for one in rounds]
                told = sum(values) if name == "errors" else round(statistics.median(values), 3)
                found.setdefault(server, {}).setdefault(what, {})[name] = told
    return found


def measure(precisions: list[Precision], rounds: int, seconds: float, quick: bool) -> dict[str, Any]:
    """Start everything, ask, and return the object that is printed."""
    origin, pixels = images.sources()
    files = images.encoded(pixels)
    files["mixed"] = [file for pair in zip(files["png"], files["jpeg"], strict=True) for file in pair]
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder, sent = Path(place), Path(place) / "files"
        sent.mkdir()
        for number, content in enumerate(files["mixed"]):
            (sent / f"{number:02}").write_bytes(content)
        write_plain(folder)
        servers = [stack.enter_context(peer("eager", "f32", folder))]
        for precision in precisions:
            servers += [stack.enter_context(peer(name, precision, folder)) for name in PEERS[1:]]
            servers += [stack.enter_context(bare(precision, folder, sent)), stack.enter_context(radloop(precision, folder))]
        moved = change(folder / precisions[0] / ".radloop", pixels)
        clients = (1, 8) if quick else (1, 8, 32)
        found: list[Round] = []
        for number in range(rounds):
            order = random.Random(number).sample(servers, len(servers))
            found.append({server.key: ask(server, files, clients, seconds) for server in order})
            print(f"round {number + 1} of {rounds}", flush=True)
    for server, asked in medians(found).items():
        for what, numbers in asked.items():
            print(f"{server:14} {what:16} " + "  ".join(f"{name} {value}" for name, value in numbers.items()))
    return {
        "ratios": ratios(found, precisions[0]),
        "precision": precisions[0],
        "ratios_f32": ratios(found, "f32"),
        "medians": medians(found),
        "weights": "ImageNet" if pretrained_available("densenet121") else "random",
        "bundle": "packaged for this benchmark",
        "bf16_change": round(moved, 5),
        "images": origin,
        "bytes": {kind: round(statistics.mean(map(len, files[kind]))) for kind in ("png", "jpeg", "dicom")},
        "rounds": rounds,
        "seconds": seconds,
        "machine": cpu_kind(),
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load in each round")
    parser.add_argument("--quick", action="store_true", help="two rounds of a second a load, no 32 clients: to try it")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends too
    precisions: list[Precision] = ["bf16", "f32"] if runs_natively("bf16") else ["f32"]
    if asked.quick:
        result = measure(precisions, 2, 1.0, quick=True)
    else:
        result = measure(precisions, asked.rounds, asked.seconds, quick=False)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
