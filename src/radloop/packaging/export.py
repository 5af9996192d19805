"""From the trained network to the graph that is served."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from radloop.inference.runtime import load_openvino
from radloop.models.network import Network


class _Served(nn.Module):
    """The network as it is served: logits, embedding and Grad-CAM in one pass."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.network.explain(image)


OUTPUTS = ("logits", "embedding", "cam")


def export(network: Network, size: int, folder: Path) -> None:
    """Write `model.xml` and `model.bin`.

    The input `image` is uint8 [1, 1, size, size]; the outputs are `logits` float32 [1, K], `embedding`
    [1, C] and `cam` [1, K, h, w]. Normalisation is inside, the batch is fixed to 1: both were faster on
    few cores, and a graph without choices has one behaviour to test.
    """
    ov = load_openvino()
    example = torch.zeros(1, 1, size, size, dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's advice on shapes, which are fixed here, and on its own age
        model = ov.convert_model(
            _Served(network.eval()), example_input=example, input=[("image", [1, 1, size, size], ov.Type.u8)]
        )
    for output, name in zip(model.outputs, OUTPUTS, strict=True):
        output.get_tensor().set_names({name})
    model.inputs[0].get_tensor().set_names({"image"})
    ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
