"""The bundles that are served and the graph that the peers run: one network, DenseNet-121 at 224 px."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.serving.peers.network import SIZE, build
from radloop.inference.bundle import EngineFacts
from radloop.inference.openvino_engine import OpenVINOEngine
from radloop.inference.precision import Precision
from radloop.inference.runtime import load_openvino
from radloop.models.network import Network
from radloop.use_case import ImageSpec
from tests.bundles import make_bundle
from tests.services import point


class Plain(nn.Module):
    """The logits and nothing else: no embedding, no heat map."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return logits [1, 1]."""
        logits: Tensor = self.network(image).logits
        return logits


def write_plain(folder: Path) -> None:
    """Write the peers' graph, `plain.xml`."""
    ov = load_openvino()
    example = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's advice on shapes, which are fixed here
        model = ov.convert_model(Plain(build()), example_input=(example,), input=[([1, 1, SIZE, SIZE], ov.Type.u8)])
    ov.save_model(model, folder / "plain.xml", compress_to_fp16=False)


def make_home(folder: Path, precision: Precision) -> Path:
    """Make an installation that serves the network in a precision, and return its `.radloop` folder."""
    home = folder / precision / ".radloop"
    spec = ImageSpec(modalities=("CR", "DX"), body_parts=("CHEST",), size=SIZE)
    engine = EngineFacts(precision=precision).model_dump()
    point(make_bundle(home / "bundles", network=build(), size=SIZE, image=spec, engine=engine))
    return home


def change(home: Path, pixels: list[np.ndarray]) -> float:
    """Return the largest change of a probability from 32 bits to bf16 over some images."""
    content = next(home.glob("bundles/*/*/bundle"))
    images = [np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR)) for image in pixels]
    names: tuple[Precision, ...] = ("f32", "bf16")
    engines = (OpenVINOEngine(content, SIZE, precision=name) for name in names)
    f32, bf16 = (np.array([engine.run(image).logits[0] for image in images]) for engine in engines)
    return float(np.max(np.abs(1 / (1 + np.exp(-f32)) - 1 / (1 + np.exp(-bf16)))))
