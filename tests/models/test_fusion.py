"""Clinical values beside the image."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from radloop.models.fusion import Concat, Gated, drop_modalities

EMBEDDING = torch.tensor([[0.0, 2.0]])
KNOWN = torch.tensor([[0.5, 1.0]])
UNKNOWN = torch.zeros(1, 2)
# What the clinical encoder is made to give; tanh of its first value is 1/2.
OTHER = torch.tensor([[math.atanh(0.5), -1.0]])


@pytest.fixture
def gated() -> Gated:
    """Return a fusion whose score is ln 3 for OTHER and 0 for EMBEDDING, so that the shares are 3/4 and 1/4."""
    fusion = Gated(embedding=2, places=2, width=1)
    with torch.no_grad():
        for weights in fusion.parameters():
            weights.zero_()
        fusion.clinical[2].bias.copy_(OTHER[0])
        fusion.content.weight.copy_(torch.tensor([[1.0, 0.0]]))
        fusion.score.weight.fill_(4 * math.log(3))  # times tanh = 1/2, times the gate's sigmoid(0) = 1/2
    return fusion


def test_shares_by_hand(gated: Gated) -> None:
    torch.testing.assert_close(gated(EMBEDDING, KNOWN), 2 * (0.25 * EMBEDDING + 0.75 * OTHER))


def test_without_a_known_value_the_image_stands_alone(gated: Gated) -> None:
    assert torch.equal(gated(EMBEDDING, UNKNOWN), EMBEDDING)


def test_a_blind_image_leaves_the_values_alone(gated: Gated) -> None:
    torch.testing.assert_close(gated(EMBEDDING, KNOWN, torch.tensor([True])), OTHER)
    torch.testing.assert_close(gated(EMBEDDING, KNOWN, torch.tensor([False])), gated(EMBEDDING, KNOWN))


def test_training_begins_with_the_sum() -> None:
    fusion = Gated(embedding=2, places=2, width=4)
    torch.testing.assert_close(fusion(EMBEDDING, KNOWN), EMBEDDING + fusion.clinical(KNOWN))


def test_concat_puts_one_behind_the_other() -> None:
    fusion = Concat(embedding=2, places=2, width=3)
    assert fusion.channels == 5
    joint = fusion(EMBEDDING, KNOWN)
    assert torch.equal(joint[:, :2], EMBEDDING)
    assert torch.equal(joint[:, 2:], fusion.clinical(KNOWN))
    assert fusion(EMBEDDING, KNOWN, torch.tensor([True]))[:, :2].tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("kind", [Gated, Concat])
def test_the_gradient_is_autograds(kind: type[Gated | Concat]) -> None:
    torch.manual_seed(0)
    fusion = kind(embedding=6, places=3, width=4).double()
    if isinstance(fusion, Gated):
        nn.init.normal_(fusion.score.weight)
    embedding = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    clinical = torch.randn(5, 3, dtype=torch.float64)
    clinical[3] = 0
    weight = torch.randn(2, fusion.channels, dtype=torch.float64)
    logits = fusion(embedding, clinical) @ weight.T
    expected = torch.stack([torch.autograd.grad(logits[:, k].sum(), embedding, retain_graph=True)[0] for k in range(2)], dim=1)
    torch.testing.assert_close(fusion.gradient(embedding, clinical, weight), expected, rtol=1e-10, atol=1e-12)


def test_dropout_hides_one_modality_or_the_other() -> None:
    clinical = torch.ones(10_000, 2)
    dropped = drop_modalities(clinical, hidden=0.3, blind=0.1, generator=torch.Generator().manual_seed(1))
    hidden = dropped.clinical.sum(dim=1) == 0
    # Three standard errors: 3 * sqrt(0.3 * 0.7 / 10000) = 0.014 and 3 * sqrt(0.1 * 0.9 / 10000) = 0.009.
    assert hidden.float().mean().item() == pytest.approx(0.3, abs=0.014)
    assert dropped.blind.float().mean().item() == pytest.approx(0.1, abs=0.009)
    assert not (hidden & dropped.blind).any()
    again = drop_modalities(clinical, 0.3, 0.1, torch.Generator().manual_seed(1))
    assert torch.equal(dropped.clinical, again.clinical)
    assert torch.equal(dropped.blind, again.blind)


def test_dropout_never_takes_both() -> None:
    clinical = torch.tensor([[0.0, 0.0], [0.0, 1.0]]).repeat(50, 1)
    dropped = drop_modalities(clinical, hidden=0.0, blind=0.9, generator=torch.Generator().manual_seed(2))
    assert not dropped.blind[0::2].any()
    assert dropped.blind[1::2].any()
    everything = drop_modalities(clinical, hidden=1.0, blind=0.5, generator=torch.Generator().manual_seed(2))
    assert not everything.blind.any()
    assert not everything.clinical.any()


def test_no_share_changes_nothing() -> None:
    clinical = torch.randn(20, 3)
    dropped = drop_modalities(clinical, 0.0, 0.0, torch.Generator().manual_seed(3))
    assert torch.equal(dropped.clinical, clinical)
    assert not dropped.blind.any()


def planted(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return embeddings, clinical inputs and labels: the log-odds are 2 x of the embedding and 2 y of the value."""
    generator = torch.Generator().manual_seed(seed)
    embedding, value = torch.randn(n, 4, generator=generator), torch.randn(n, 1, generator=generator)
    odds = 2 * embedding[:, :1] + 2 * value
    return (
        embedding,
        torch.cat([value, torch.ones(n, 1)], dim=1),
        (torch.rand(n, 1, generator=generator) < odds.sigmoid()).float(),
    )


@pytest.mark.parametrize("kind", [Gated, Concat])
def test_it_learns_a_planted_effect_and_answers_without_it(kind: type[Gated | Concat]) -> None:
    torch.manual_seed(0)
    embedding, clinical, labels = planted(2000, seed=4)
    fusion = kind(embedding=4, places=2, width=8)
    head = nn.Linear(fusion.channels, 1)
    optimiser = torch.optim.Adam([*fusion.parameters(), *head.parameters()], lr=0.03)
    generator = torch.Generator().manual_seed(5)
    for _ in range(120):
        dropped = drop_modalities(clinical, 0.3, 0.0, generator)
        loss = functional.binary_cross_entropy_with_logits(head(fusion(embedding, dropped.clinical, dropped.blind)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    embedding, clinical, labels = planted(4000, seed=6)

    def right(values: Tensor) -> float:
        with torch.no_grad():
            return float(((head(fusion(embedding, values)) > 0) == (labels > 0)).float().mean())

    # The best that can be had: with the value, from the true odds; without it, from the embedding's side of 0.
    best = float(((2 * embedding[:, :1] + 2 * clinical[:, :1] > 0) == (labels > 0)).float().mean())
    alone = float(((embedding[:, :1] > 0) == (labels > 0)).float().mean())
    assert best > alone + 0.1
    assert right(clinical) > best - 0.02
    assert right(torch.zeros_like(clinical)) > alone - 0.02
