"""An ordinal grade beside the diagnosis: cumulative logits that cannot contradict each other."""

from __future__ import annotations

import math
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional


class OrdinalHead(nn.Module):
    """P(level > g) = sigmoid(score - cut_g), with one score and rising cuts.

    The proportional-odds model (McCullagh, "Regression Models for Ordinal Data", JRSS B 1980) over an embedding. As one
    weight vector serves every cut, the probabilities fall with g whatever the weights (Cao et al., CORAL, Pattern Recognition
    Letters 2020, prove it at the optimum; here softplus steps between the cuts make it so at every moment of training).

    Args:
        channels: of the embedding.
        levels: G, at least 2.
        dropout: on the embedding, while training.
    """

    def __init__(self, channels: int, levels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, 1, bias=False)
        # Cuts one apart and centred on 0: at a score of 0 the middle levels are the likeliest.
        self.first = nn.Parameter(torch.tensor([1 - levels / 2]))
        self.steps = nn.Parameter(torch.full((levels - 2,), math.log(math.expm1(1.0))))

    def forward(self, embedding: Tensor) -> Tensor:
        """Map embeddings [N, C] to the cumulative logits [N, G - 1] of being above level 0, 1, ..., G - 2."""
        score: Tensor = self.linear(self.dropout(embedding))
        return score - self.cuts()

    def cuts(self) -> Tensor:
        """Return the rising cuts [G - 1]."""
        steps = functional.softplus(self.steps).unbind()
        # Added up one by one: torch's cumulative sum has no deterministic form on a GPU.
        return torch.stack(list(accumulate([self.first[0], *steps])))


def ordinal_loss(logits: Tensor, grades: Tensor) -> Tensor:
    """Return the mean binary cross-entropy over the cuts of the images whose grade is known; 0 where none is.

    Args:
        logits: cumulative, [N, G - 1].
        grades: levels [N], whole numbers from 0; -1 is unknown.
    """
    known = grades >= 0
    above = (grades[:, None] > torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    losses = functional.binary_cross_entropy_with_logits(logits, above, reduction="none") * known[:, None]
    return losses.sum() / (known.sum().clamp(min=1) * logits.shape[1])
