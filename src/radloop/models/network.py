"""A classifier: a backbone, and a linear head over its global average."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from radloop.models.backbones import Backbone
from radloop.models.imagenet import normalise


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


class Network(nn.Module):
    """A backbone under a linear head.

    Example:
        >>> network = Network(build_backbone("efficientnet-lite0", pretrained=True), classes=1, dropout=0.2)
        >>> logits, embedding, cam = network.eval().explain(images)     # uint8 [N, 1, 256, 256]
    """

    def __init__(self, backbone: Backbone, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = Features(backbone)
        self.head = Head(backbone.channels, classes, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map grey values 0 to 255, uint8 or float [N, 1, H, W], to logits [N, K]."""
        logits: Tensor = self.head(embed(self.features(x)))
        return logits

    def explain(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what a reader needs beside the logits, without a gradient, so that it can be exported.

        Grad-CAM weighs channel c of feature map F by the mean over places of d logit_k / d F_c (Selvaraju et al., ICCV 2017,
        equations 1 and 2). Under a linear head with weights w over the global average, this gradient is w_kc / (h w) everywhere.

        Args:
            x: grey values 0 to 255, uint8 or float [N, 1, H, W].

        Returns:
            Logits [N, K], embeddings [N, C] and, for every logit, its Grad-CAM [N, K, h, w], not scaled.
        """
        features = self.features(x)
        embedding = embed(features)
        weight = self.head.linear.weight[:, :, None, None] / (features.shape[-2] * features.shape[-1])
        return self.head(embedding), embedding, functional.relu(functional.conv2d(features, weight))


def embed(features: Tensor) -> Tensor:
    """Return the global average [N, C] of a feature map [N, C, h, w]."""
    return features.mean(dim=(2, 3))
