"""Clinical values beside the image: encoded, joined with the image's embedding, and hidden at random while training.

Both ways of joining give the gradient of a logit towards the image's embedding in closed form, so that Grad-CAM needs no
autograd and is exported with the network. Each has `channels`, of what it gives to the head, and `places`, D, the clinical
input that it takes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


def encoder(places: int, width: int, channels: int) -> nn.Sequential:
    """Return a perceptron with one hidden layer from clinical inputs [N, places] to [N, channels]."""
    return nn.Sequential(nn.Linear(places, width), nn.ReLU(), nn.Linear(width, channels))


class Concat(nn.Module):
    """The clinical embedding behind the image's: the plain alternative."""

    def __init__(self, embedding: int, places: int, width: int) -> None:
        super().__init__()
        self.places = places
        self.channels = embedding + width
        self.clinical = encoder(places, width, width)

    def forward(self, embedding: Tensor, clinical: Tensor, blind: Tensor | None = None) -> Tensor:
        """Map embeddings [N, C] and clinical inputs [N, D] to [N, C + width]."""
        if blind is not None:
            embedding = embedding * (~blind)[:, None]
        return torch.cat([embedding, self.clinical(clinical)], dim=1)

    def gradient(self, embedding: Tensor, clinical: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002 - linear: the same everywhere
        """Return the gradient [N, K, C] towards the embedding of K linear outputs, weight [K, C + width]: their own weights."""
        return weight[None, :, : embedding.shape[1]].expand(len(embedding), -1, -1)


class Gated(nn.Module):
    """Gated attention over two modalities, the image and the clinical values.

    Ilse et al., "Attention-based Deep Multiple Instance Learning", ICML 2018, equations 7 and 9: a modality h has the score
    s(h) = w . (tanh(V h) * sigmoid(U h)), the softmax of the scores weighs the modalities. Here the weights add up to the
    number of modalities at hand, not to 1: evidence adds up, and the image counts the same with values beside it or without
    (the scores begin equal, so that training begins with the plain sum). An image without a known value has the weight 1
    by itself: the network then answers exactly as one without fusion.
    """

    def __init__(self, embedding: int, places: int, width: int) -> None:
        super().__init__()
        self.places = places
        self.channels = embedding
        self.clinical = encoder(places, width, embedding)
        self.content = nn.Linear(embedding, width)
        self.gate = nn.Linear(embedding, width)
        self.score = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, embedding: Tensor, clinical: Tensor, blind: Tensor | None = None) -> Tensor:
        """Map embeddings [N, C] and clinical inputs [N, D] to [N, C]."""
        other = self.clinical(clinical)
        share, known = self._share(embedding, other, clinical)
        image, values = (1 + known) * (1 - share), (1 + known) * share
        if blind is not None:
            image, values = torch.where(blind[:, None], 0.0, image), torch.where(blind[:, None], known, values)
        joint: Tensor = image * embedding + values * other
        return joint

    def gradient(self, embedding: Tensor, clinical: Tensor, weight: Tensor) -> Tensor:
        """Return the gradient [N, K, C] towards the embedding of K linear outputs over the joint, weight [K, C].

        With the share a = sigmoid(s(h) - s(e)) of the clinical embedding h, a linear output over 2 ((1 - a) e + a h) has
        the gradient 2 (1 - a) w - 2 a (1 - a) (w . (h - e)) s'(e), where
        s'(e) = V'((1 - tanh^2) sigmoid w_s) + U'(tanh sigmoid (1 - sigmoid) w_s).
        """
        other = self.clinical(clinical)
        share, known = self._share(embedding, other, clinical)
        direct = ((1 + known) * (1 - share))[:, :, None] * weight[None]
        slope = (-2 * share * (1 - share)) * ((other - embedding) @ weight.T)
        gradient: Tensor = direct + slope[:, :, None] * self._score_gradient(embedding)[:, None, :]
        return gradient

    def _share(self, embedding: Tensor, other: Tensor, clinical: Tensor) -> tuple[Tensor, Tensor]:
        """Return the share of the clinical embedding [N, 1], and 1 where any value is known, otherwise 0, [N, 1]."""
        known = any_known(clinical).to(embedding.dtype)[:, None]
        return known * torch.sigmoid(self._scored(other) - self._scored(embedding)), known

    def _scored(self, modality: Tensor) -> Tensor:
        scored: Tensor = self.score(torch.tanh(self.content(modality)) * torch.sigmoid(self.gate(modality)))
        return scored

    def _score_gradient(self, embedding: Tensor) -> Tensor:
        """Return the gradient [N, C] of the image's score."""
        content, gate = torch.tanh(self.content(embedding)), torch.sigmoid(self.gate(embedding))
        towards_content = ((1 - content.square()) * gate * self.score.weight) @ self.content.weight
        towards_gate = (content * gate * (1 - gate) * self.score.weight) @ self.gate.weight
        return towards_content + towards_gate


class Dropped(NamedTuple):
    """A batch after modality dropout: the clinical inputs [N, D], and where the image is left out, bool [N]."""

    clinical: Tensor
    blind: Tensor


def drop_modalities(clinical: Tensor, hidden: float, blind: float, generator: torch.Generator) -> Dropped:
    """Hide all clinical values of some images of a batch, and the image of some others.

    So the network learns to answer from either alone (Neverova et al., ModDrop, IEEE TPAMI 2016). No image loses both:
    one whose values are unknown keeps its picture.

    Args:
        clinical: inputs [N, D], zeros where unknown.
        hidden: the share of images whose values are hidden.
        blind: the share of images whose embedding is hidden; with `hidden` at most 1, beyond that `hidden` goes first.
        generator: on the CPU, one draw an image, so that a batch is dropped alike on every device.
    """
    draw = torch.rand(len(clinical), generator=generator).to(clinical.device)
    kept = draw >= hidden
    return Dropped(clinical * kept[:, None], kept & (draw >= 1 - blind) & any_known(clinical))


def any_known(clinical: Tensor) -> Tensor:
    """Tell, bool [N], which rows [N, D] have a known value: a known value's own place, at least, is not zero."""
    return clinical.abs().amax(dim=1) > 0
