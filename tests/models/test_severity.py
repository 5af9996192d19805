"""The ordinal head and its loss."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from radloop.models.severity import OrdinalHead, ordinal_loss


def test_it_begins_in_the_middle() -> None:
    assert OrdinalHead(1, levels=2).cuts().tolist() == [0.0]
    torch.testing.assert_close(OrdinalHead(1, levels=4).cuts(), torch.tensor([-1.0, 0.0, 1.0]))


def test_logits_by_hand() -> None:
    head = OrdinalHead(2, levels=3)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, -2.0]]))
    # The score is 3 - 2 = 1, the cuts -0.5 and 0.5.
    torch.testing.assert_close(head(torch.tensor([[3.0, 1.0]])), torch.tensor([[1.5, 0.5]]))


def test_probabilities_never_rise_with_the_level() -> None:
    torch.manual_seed(0)
    head = OrdinalHead(3, levels=6)
    with torch.no_grad():
        for weights in head.parameters():
            nn.init.normal_(weights, std=5.0) if weights.dim() > 1 else weights.normal_(std=5.0)
    logits = head(torch.randn(200, 3))
    assert (logits.diff(dim=1) <= 0).all()
    assert (head.cuts().diff() > 0).all()


def test_loss_by_hand() -> None:
    # Level 1 is above cut 0 and not above cut 1: (ln(1 + e^-2) + ln(1 + e^-1)) / 2.
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 2
    logits = torch.tensor([[2.0, -1.0], [7.0, 9.0]])
    assert ordinal_loss(logits[:1], torch.tensor([1])).item() == pytest.approx(expected, rel=1e-6)
    assert ordinal_loss(logits, torch.tensor([1, -1])).item() == pytest.approx(expected, rel=1e-6)


def test_nothing_known_gives_no_gradient() -> None:
    logits = torch.ones(2, 3, requires_grad=True)
    loss = ordinal_loss(logits, torch.tensor([-1, -1]))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_it_learns_the_planted_cuts() -> None:
    """Levels drawn from the model itself with score 2 x and cuts -1 and 2 give its parameters back."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(10_000, 1, generator=generator)
    noise = torch.logit(torch.rand(10_000, 1, generator=generator))
    grades = (2 * x + noise > torch.tensor([-1.0, 2.0])).sum(dim=1)
    torch.manual_seed(0)
    head = OrdinalHead(1, levels=3)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(120):
        optimiser.zero_grad()
        ordinal_loss(head(x), grades).backward()
        optimiser.step()
    # Three standard errors at 10000 images are about 0.1.
    torch.testing.assert_close(head.cuts().detach(), torch.tensor([-1.0, 2.0]), atol=0.1, rtol=0)
    assert head.linear.weight.item() == pytest.approx(2.0, abs=0.1)
