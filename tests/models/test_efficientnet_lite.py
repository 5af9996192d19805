"""EfficientNet-Lite0 and its published weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from radloop.models.efficientnet_lite import Convolution, EfficientNetLite0, Unit, from_published


def assert_same(found: Tensor, expected: Tensor, wanted: list[Tensor]) -> None:
    """Fail unless both have the same values, and in one random direction the same gradients of what is wanted."""
    torch.testing.assert_close(found, expected)
    toward = torch.randn_like(found)
    for ours, plain in zip(
        torch.autograd.grad(found, wanted, toward), torch.autograd.grad(expected, wanted, toward), strict=True
    ):
        torch.testing.assert_close(ours, plain)


def test_it_has_the_published_size_and_stride() -> None:
    network = EfficientNetLite0().eval()
    # Liu 2020 gives 4.65 million with the classifier, which is 1280 x 1000 + 1000.
    assert sum(weight.numel() for weight in network.parameters()) == 4_652_008 - 1_281_000
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 96, 65)).shape == (1, 1280, 3, 3)


def test_stride_two_pads_right_and_below() -> None:
    convolution = Convolution(1, 1, kernel=3, stride=2)
    torch.nn.init.ones_(convolution.weight)
    image = torch.arange(16.0).view(1, 1, 4, 4)
    with torch.no_grad():
        # Rows 0-2 x columns 0-2: 3 * (0 + 1 + 2) + 3 * 4 * 3 = 45; columns 2-3 and a zero column: 3 * (2 + 3) + 2 * 4 * 3 = 39.
        assert convolution(image)[0, 0].tolist() == [[45.0, 39.0], [66.0, 50.0]]


@pytest.mark.parametrize("side", [1, 2, 4, 5])
def test_a_map_smaller_than_the_kernel_has_the_same_values_and_gradients(side: int) -> None:
    torch.manual_seed(0)
    convolution = Convolution(3, 3, kernel=5, groups=3).double()
    x = torch.randn(2, 3, side, side, dtype=torch.float64, requires_grad=True)

    plain = torch.nn.functional.conv2d(x, convolution.weight, padding=2, groups=3)
    assert_same(convolution(x), plain, [x, convolution.weight])


def test_only_training_pads_a_small_map_beforehand() -> None:
    """What is exported and served keeps one operation: a padding of its own would cost a pass."""
    convolution = Convolution(3, 3, kernel=5, groups=3).eval()
    with torch.no_grad():
        exported = torch.export.export(convolution, (torch.zeros(1, 3, 2, 2),))
    operations = [str(node.target) for node in exported.graph.nodes if node.op == "call_function"]
    assert operations == ["aten.conv2d.default"]


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 4)])
def test_statistics_that_stand_still_cost_no_pass_and_change_no_gradient(stride: int, groups: int) -> None:
    torch.manual_seed(0)
    unit = Unit(4, 4, 3, stride, groups).double()
    unit(5 * torch.randn(8, 4, 9, 9, dtype=torch.float64) + 1)  # statistics far from those it begins with
    unit.eval()
    with torch.no_grad():
        unit.norm.weight.uniform_(0.5, 2)
        unit.norm.bias.uniform_(-1, 1)
    x = torch.randn(2, 4, 7, 7, dtype=torch.float64, requires_grad=True)

    plain = torch.nn.functional.relu6(unit.norm(unit.conv(x)))
    assert_same(unit(x), plain, [x, unit.conv.weight, unit.norm.weight, unit.norm.bias])


def test_published_names_become_ours() -> None:
    names = [
        "_conv_stem.weight",
        "_bn1.bias",
        "_blocks.0._bn1.weight",
        "_blocks.12._bn0.running_mean",
        "_blocks.3._project_conv.weight",
    ]
    renamed = from_published({name: torch.zeros(1) for name in [*names, "_fc.weight"]})
    assert list(renamed) == [
        "stem.conv.weight",
        "top.norm.bias",
        "blocks.0.depthwise.norm.weight",
        "blocks.12.expand.norm.running_mean",
        "blocks.3.project.conv.weight",
    ]


def test_an_unknown_published_name_is_refused() -> None:
    with pytest.raises(KeyError, match="_se_reduce"):
        from_published({"_blocks.0._se_reduce.weight": torch.zeros(1)})
