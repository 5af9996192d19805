"""A network: a backbone, a head over its global average, and beside it what a use case asks for more."""

from __future__ import annotations

from typing import NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional

from radloop.models.backbones import Backbone
from radloop.models.decoder import Decoder
from radloop.models.fusion import Concat, Gated
from radloop.models.imagenet import normalise
from radloop.models.severity import OrdinalHead


class Outputs(NamedTuple):
    """What a network says of N images.

    Attributes:
        logits: [N, K], one an output of the use case.
        grades: cumulative logits [N, G - 1] of being above severity level 0, 1, ..., or None.
        mask: logits [N, 1, h, w] of a place belonging to the finding, or None.
    """

    logits: Tensor
    grades: Tensor | None
    mask: Tensor | None


class Explained(NamedTuple):
    """What a network says of N images, and why.

    Attributes:
        logits: [N, K].
        embedding: the image's alone, [N, C].
        cam: Grad-CAM of every logit, not scaled, none negative, [N, K, h', w'].
        grades: cumulative logits [N, G - 1], or None.
        mask: logits [N, 1, h, w], or None.
    """

    logits: Tensor
    embedding: Tensor
    cam: Tensor
    grades: Tensor | None
    mask: Tensor | None


class Features(nn.Module):
    """From grey values to the backbone's feature map."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.normalise = normalise()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Tensor:
        """Map grey values 0 to 255, uint8 or float [N, 1, H, W], to features [N, C, h, w]."""
        features: Tensor = self.backbone(self.normalise(x))
        return features

    def pyramid(self, x: Tensor, marks: tuple[int, ...]) -> list[Tensor]:
        """Return the backbone's maps at some levels; the last is the feature map."""
        return self.backbone.pyramid(self.normalise(x), marks)


class Head(nn.Module):
    """Dropout and one linear layer, so that each logit is an exact sum over places and channels."""

    def __init__(self, channels: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, classes)

    def forward(self, embedding: Tensor) -> Tensor:
        """Map embeddings [N, C] to logits [N, K]."""
        logits: Tensor = self.linear(self.dropout(embedding))
        return logits


class StrongestPlace(nn.Module):
    """The head of a segmentation: there may be no image without the region to learn another from."""

    def forward(self, mask: Tensor) -> Tensor:
        """Map the mask's logits [N, 1, h, w] to the largest, [N, 1]."""
        return mask.amax(dim=(2, 3))


class Network(nn.Module):
    """A backbone under one or more heads; `build_network` makes one for a use case.

    Args:
        backbone: the image's encoder.
        head: what gives the logits; `StrongestPlace` needs a decoder and uses no fusion.
        fusion: joins clinical values to the image's embedding before `head` and `severity`.
        severity: the ordinal head.
        decoder: the mask's.

    Example:
        >>> network = Network(build_backbone("efficientnet-lite0", pretrained=True), Head(1280, classes=1, dropout=0.2))
        >>> explained = network.eval().explain(images)     # uint8 [N, 1, 256, 256]
    """

    # What is declared here is for the type checker; torch registers the modules by the same names.
    fusion: Gated | Concat | None
    severity: OrdinalHead | None
    decoder: Decoder | None

    def __init__(
        self,
        backbone: Backbone,
        head: Head | StrongestPlace,
        *,
        fusion: Gated | Concat | None = None,
        severity: OrdinalHead | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        super().__init__()
        if isinstance(head, StrongestPlace) and decoder is None:
            raise ValueError("the strongest place of a mask needs a decoder that draws one")
        self.features = Features(backbone)
        self.head = head
        self.fusion = fusion
        self.severity = severity
        self.decoder = decoder

    def forward(self, images: Tensor, clinical: Tensor | None = None, blind: Tensor | None = None) -> Outputs:
        """Judge images, with or without clinical values.

        Args:
            images: grey values 0 to 255, uint8 or float [N, 1, S, S].
            clinical: float [N, D], zeros where unknown; None where all are. Without a fusion it is not looked at.
            blind: bool [N], the images that training leaves out of the fusion.
        """
        features, mask = self._seen(images)
        joint = self._joined(embed(features), clinical, blind)
        return Outputs(self._logits(joint, mask), self.severity(joint) if self.severity is not None else None, mask)

    def explain(self, images: Tensor, clinical: Tensor | None = None) -> Explained:
        """Return what a reader needs beside the logits, without a gradient, so that it can be exported.

        Grad-CAM weighs channel c of feature map F by the mean over places of d logit_k / d F_c (Selvaraju et al., ICCV 2017,
        equations 1 and 2). Under a linear head with weights w over the global average, this gradient is w_kc / (h w)
        everywhere; under a fusion it is the fusion's own, in closed form. A segmentation explains itself: its logit is
        one place of its mask, and the map is the mask's positive logits.

        Args:
            images: grey values 0 to 255, uint8 or float [N, 1, S, S].
            clinical: as for `forward`.
        """
        features, mask = self._seen(images)
        embedding = embed(features)
        joint = self._joined(embedding, clinical)
        grades = self.severity(joint) if self.severity is not None else None
        return Explained(self._logits(joint, mask), embedding, self._cam(features, embedding, clinical, mask), grades, mask)

    def _seen(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the feature map and the mask's logits, in one pass."""
        if self.decoder is None:
            return self.features(images), None
        pyramid = self.features.pyramid(images, self.decoder.marks)
        return pyramid[-1], self.decoder(pyramid)

    def _joined(self, embedding: Tensor, clinical: Tensor | None, blind: Tensor | None = None) -> Tensor:
        if self.fusion is None:
            return embedding
        joint: Tensor = self.fusion(embedding, _values(self.fusion, embedding, clinical), blind)
        return joint

    def _logits(self, joint: Tensor, mask: Tensor | None) -> Tensor:
        logits: Tensor = self.head(mask if isinstance(self.head, StrongestPlace) else joint)
        return logits

    def _cam(self, features: Tensor, embedding: Tensor, clinical: Tensor | None, mask: Tensor | None) -> Tensor:
        if isinstance(self.head, StrongestPlace):
            return functional.relu(cast("Tensor", mask))
        places = features.shape[-2] * features.shape[-1]
        weight = self.head.linear.weight
        if self.fusion is None:
            return functional.relu(functional.conv2d(features, weight[:, :, None, None] / places))
        gradient = self.fusion.gradient(embedding, _values(self.fusion, embedding, clinical), weight) / places
        maps = gradient @ features.flatten(2)
        return functional.relu(maps.reshape(*maps.shape[:2], *features.shape[2:]))


def _values(fusion: Gated | Concat, embedding: Tensor, clinical: Tensor | None) -> Tensor:
    return embedding.new_zeros(len(embedding), fusion.places) if clinical is None else clinical.to(embedding.dtype)


def embed(features: Tensor) -> Tensor:
    """Return the global average [N, C] of a feature map [N, C, h, w]."""
    return features.mean(dim=(2, 3))
