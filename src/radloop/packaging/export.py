"""From the trained network to the graph that is served."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from radloop.inference.bundle import GRAPH, MODEL
from radloop.inference.runtime import load_openvino
from radloop.models.network import Network
from radloop.packaging.onnx_graph import onnx_graph
from radloop.use_case import EngineKind

_INPUTS = ("image", "clinical")


class _Served(nn.Module):
    """The network as it is served: everything that an answer needs in one pass, heads beside the diagnosis as probabilities."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, clinical: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return logits, embedding and cam, and grades and mask where the network has them."""
        found = self.network.explain(image, clinical)
        beside = [torch.sigmoid(head) for head in (found.grades, found.mask) if head is not None]
        return (found.logits, found.embedding, found.cam, *beside)


def export(network: Network, size: int, width: int, folder: Path, kind: EngineKind = "openvino") -> None:
    """Write the files that an engine reads, see `NETWORK_FILES`, in the form that `inference.bundle` describes.

    Normalisation is inside, the batch is fixed to 1: both were faster on few cores, and a graph without choices has
    one behaviour to test.

    Args:
        network: trained.
        size: side of its input, pixels.
        width: D of its clinical input; 0 without one.
        folder: to write to.
        kind: of the engine.

    Raises:
        ToolError: `incomplete_installation`: what writes ONNX is not installed.
    """
    example: tuple[Tensor, ...] = (torch.zeros(1, 1, size, size, dtype=torch.uint8),)
    if width:
        example += (torch.zeros(1, width),)
    served = _Served(network).eval()
    with torch.no_grad():
        probe = network.explain(*example)
    outputs = ["logits", "embedding", "cam"] + [name for name in ("grades", "mask") if getattr(probe, name) is not None]
    inputs = _INPUTS[: len(example)]
    if kind == "onnxruntime":
        (folder / GRAPH).write_bytes(onnx_graph(served, example, inputs, outputs))
    else:
        _write_openvino(served, example, inputs, outputs, folder)


def _write_openvino(
    served: nn.Module, example: tuple[Tensor, ...], inputs: tuple[str, ...], outputs: list[str], folder: Path
) -> None:
    ov = load_openvino()
    types = (ov.Type.u8, ov.Type.f32)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's advice on shapes, which are fixed here, and on its own age
        shapes = [(list(tensor.shape), type_) for tensor, type_ in zip(example, types, strict=False)]
        model = ov.convert_model(served, example_input=example, input=shapes)
    for ports, known in ((model.inputs, inputs), (model.outputs, outputs)):
        for port, name in zip(ports, known, strict=True):
            port.get_tensor().set_names({name})
    ov.save_model(model, folder / MODEL, compress_to_fp16=False)
