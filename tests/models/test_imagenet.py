"""Pixel values in, pixel values out."""

from __future__ import annotations

import pytest
import torch

from radloop.models.imagenet import normalise, to_centred, to_symmetric


def test_grey_becomes_three_normalised_channels() -> None:
    image = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
    # (0 - 0.485) / 0.229 = -2.1179, (1 - 0.485) / 0.229 = 2.2489; and so on.
    expected = torch.tensor([[-2.1179, 2.2489], [-2.0357, 2.4286], [-1.8044, 2.6400]]).view(1, 3, 1, 2)
    torch.testing.assert_close(normalise()(image), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("grey", "centred"), [(0.0, -127 / 128), (127.0, 0.0), (255.0, 1.0)])
def test_centred_is_what_the_lite_networks_saw(grey: float, centred: float) -> None:
    pixels = to_centred()(normalise()(torch.full((1, 1, 2, 2), grey)))
    torch.testing.assert_close(pixels, torch.full((1, 3, 2, 2), centred), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("grey", "value"), [(0.0, -1.0), (127.5, 0.0), (255.0, 1.0)])
def test_symmetric_runs_from_minus_one_to_one(grey: float, value: float) -> None:
    pixels = to_symmetric()(normalise()(torch.full((1, 1, 2, 2), grey)))
    torch.testing.assert_close(pixels, torch.full((1, 3, 2, 2), value), atol=1e-6, rtol=0)


def test_the_constants_are_not_weights() -> None:
    assert not normalise().state_dict()
