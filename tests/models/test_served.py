"""What OpenVINO makes of a network's explanation: the numbers that torch gives."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from models.cases import CLASSES, REGION, SEVERITY, images, use_case
from torch import Tensor, nn

from radloop.clinical import ClinicalInput
from radloop.inference.runtime import load_openvino
from radloop.models.build import build_network
from radloop.models.fusion import Gated
from radloop.models.network import Network
from radloop.use_case import Recipe

INPUTS = (ClinicalInput(name="age", mean=50.0, deviation=10.0), ClinicalInput(name="sex", words=("F", "M", "O")))
FUSION = {"values": ["age", "sex"]}


class Served(nn.Module):
    """`explain` as a graph: its tensors in order, without those that the network does not give."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, clinical: Tensor) -> tuple[Tensor, ...]:
        """Return every output that there is."""
        explained = self.network.explain(image, clinical)
        return tuple(value for value in explained if value is not None)


@pytest.mark.parametrize(
    ("backbone", "sections", "outputs"),
    [
        ("resnet18", {"labels": CLASSES, "fusion": FUSION, "severity": SEVERITY, "location": {"stride": 4}}, 5),
        ("mobilenet_v3_small", {"labels": REGION, "location": {"stride": 4}}, 4),
    ],
)
def test_the_graph_says_what_the_network_says(backbone: str, sections: dict[str, Any], outputs: int) -> None:
    torch.manual_seed(0)
    case = use_case(**sections)
    network = build_network(case, Recipe(backbone=backbone), INPUTS if case.fusion else (), pretrained=False).eval()
    if isinstance(network.fusion, Gated):
        nn.init.normal_(network.fusion.score.weight, std=3.0)
    ov = load_openvino()
    served = Served(network)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's advice on shapes, which are fixed here
        graph = ov.convert_model(served, example_input=(images(1), torch.zeros(1, 6)))
        compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert len(compiled.outputs) == outputs
    for number, clinical in enumerate([torch.zeros(1, 6), torch.tensor([[0.7, 1.0, 0.0, 1.0, 0.0, 1.0]])]):
        image = images(1, seed=number)
        found = compiled([image.numpy(), clinical.numpy()][: len(compiled.inputs)])
        with torch.no_grad():
            expected = served(image, clinical)
        for ours, output in zip(expected, compiled.outputs, strict=True):
            theirs = torch.from_numpy(found[output])
            torch.testing.assert_close(theirs, ours, atol=1e-4 * max(1e-3, float(ours.abs().max())), rtol=1e-4)
