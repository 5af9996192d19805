"""Where the finding is."""

from __future__ import annotations

import pytest
import torch
from models.cases import REGION, use_case
from torch.nn import functional

from radloop.models.backbones import build_backbone
from radloop.models.build import build_network
from radloop.models.decoder import Decoder
from radloop.use_case import Recipe


@pytest.mark.parametrize(
    ("name", "stride", "side"),
    [("mobilenet_v3_small", 2, 64), ("mobilenet_v3_small", 4, 72), ("resnet18", 8, 72), ("convnext_tiny", 4, 64)],
)
def test_the_mask_has_its_stride(name: str, stride: int, side: int) -> None:
    backbone = build_backbone(name, pretrained=False).eval()
    decoder = Decoder(backbone, stride).eval()
    with torch.no_grad():
        mask = decoder(backbone.pyramid(torch.randn(2, 3, side, side), decoder.marks))
    assert mask.shape == (2, 1, side // stride, side // stride)


def test_it_learns_where_a_bright_square_is() -> None:
    torch.manual_seed(0)
    case = use_case(labels=REGION, location={"stride": 4})
    network = build_network(case, Recipe(backbone="mobilenet_v3_small", dropout=0.0), (), pretrained=False)
    images = torch.full((4, 1, 64, 64), 60, dtype=torch.uint8)
    truth = torch.zeros(4, 1, 16, 16)
    for number in range(4):
        row, column = 2 + 2 * number, 9 - 2 * number
        images[number, :, 4 * row : 4 * row + 16, 4 * column : 4 * column + 16] = 200
        truth[number, :, row : row + 4, column : column + 4] = 1
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(25):
        mask = network.train()(images).mask
        assert mask is not None
        loss = functional.binary_cross_entropy_with_logits(mask, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        outputs = network(images)
    assert outputs.mask is not None
    inside = (outputs.mask > 0).float()
    dice = 2 * (inside * truth).sum() / (inside.sum() + truth.sum())
    assert dice > 0.9
    # The logit is that of the strongest place, and it lies in the square.
    places = outputs.mask.flatten(1).argmax(dim=1)
    assert torch.equal(outputs.logits, outputs.mask.flatten(1).gather(1, places[:, None]))
    assert truth.flatten(1).gather(1, places[:, None]).all()
