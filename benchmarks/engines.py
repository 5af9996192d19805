"""ONNX Runtime beside OpenVINO: what one image costs, in 32 bits, heat map and all.

    OMP_NUM_THREADS=1 python -m benchmarks.engines [--rounds 15] [--images 8] [BACKBONE...]

Networks at 224 px, of random weights where ImageNet's are not on this machine, through the exporters and engines that serve. Both
engines stand ready; in each round they are asked about the same images in a random order, so that what else runs meets both
alike. `one`: an image at a time on one thread. `lone`: an image at a time on every core, where that gives the same bits. `cpu`:
CPU time of an image on one thread, which a busy machine changes least. Milliseconds are medians over the rounds; ratios (ONNX
Runtime to OpenVINO) are made within a round, and their median is told. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from radloop.inference.bundle import NETWORK_FILES
from radloop.inference.engine import Engine
from radloop.inference.engines import open_engine, runtime_facts
from radloop.inference.machine import cpu_kind
from radloop.models.backbones import build_backbone, pretrained_available
from radloop.models.network import Head, Network
from radloop.packaging.export import export
from radloop.use_case import EngineKind

SIZE = 224
Images = NDArray[np.uint8]


def engines(backbone: str, images: Images) -> tuple[dict[EngineKind, Engine], dict[str, Any]]:
    """Return both engines of one network, and what making them took and gave."""
    torch.manual_seed(1)
    features = build_backbone(backbone, pretrained=pretrained_available(backbone), size=SIZE)
    network = Network(features, Head(features.channels, 1)).eval()
    made: dict[EngineKind, Engine] = {}
    said: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in NETWORK_FILES:
            start = time.perf_counter()
            export(network, SIZE, 0, Path(folder), kind)
            exported = time.perf_counter()
            made[kind] = open_engine(kind, Path(folder), SIZE)
            loaded = time.perf_counter()
            lone = made[kind].add_lone(images, np.zeros((len(images), 0), np.float32))
            said[kind] = {"export_s": round(exported - start, 2), "load_s": round(loaded - exported, 2), "lone": lone}
    logits = [[float(engine.run(image).logits[0]) for image in images] for engine in made.values()]
    return made, said | {"logits_differ_by": float(np.abs(np.subtract(*logits)).max())}


def asked(engine: Engine, images: Images, alone: bool, clock: Callable[[], float]) -> float:
    """Return milliseconds an image by a clock."""
    start = clock()
    for image in images:
        engine.run(image, alone=alone)
    return 1000 * (clock() - start) / len(images)


def measured(made: dict[EngineKind, Engine], images: Images, rounds: int) -> dict[str, Any]:
    """Return medians and ratios of the ways to ask."""
    ways = {"one": (False, time.perf_counter), "lone": (True, time.perf_counter), "cpu": (False, time.process_time)}
    taken: dict[str, list[dict[EngineKind, float]]] = {way: [] for way in ways}
    turns = random.Random(1)
    for _ in range(rounds):
        for way, (alone, clock) in ways.items():
            order = turns.sample(list(made), len(made))
            taken[way].append({kind: asked(made[kind], images, alone, clock) for kind in order})
    found: dict[str, Any] = {}
    for way, times in taken.items():
        medians = {f"{kind}_ms": round(statistics.median(row[kind] for row in times), 1) for kind in made}
        found[way] = medians | {"ratio": round(statistics.median(row["onnxruntime"] / row["openvino"] for row in times), 2)}
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbones", nargs="*", default=["densenet121", "efficientnet-lite0"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--images", type=int, default=8)
    options = parser.parse_args()
    images = np.random.default_rng(1).integers(0, 256, (options.images, SIZE, SIZE), np.uint8)
    document: dict[str, Any] = {"cpu": cpu_kind()} | {kind: runtime_facts(kind) for kind in NETWORK_FILES}
    for backbone in options.backbones:
        made, said = engines(backbone, images)
        document[backbone] = said | measured(made, images, options.rounds)
        print(backbone, json.dumps(document[backbone]), flush=True)
    print(json.dumps(document))


if __name__ == "__main__":
    main()
