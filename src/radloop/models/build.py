"""From a use case and a recipe to its network."""

from __future__ import annotations

from collections.abc import Sequence

from radloop.clinical import ClinicalInput
from radloop.models.backbones import Backbone, build_backbone
from radloop.models.decoder import Decoder
from radloop.models.fusion import Concat, Gated
from radloop.models.network import Head, Network, StrongestPlace
from radloop.models.severity import OrdinalHead
from radloop.use_case import Recipe, RegionLabels, UseCase
from radloop.use_case.families import backbone_problem


def build_network(use_case: UseCase, recipe: Recipe, inputs: Sequence[ClinicalInput], *, pretrained: bool) -> Network:
    """Build the network of a use case; new weights come from torch's global generator.

    Args:
        use_case: says what the network gives: outputs, severity, a mask.
        recipe: names the backbone and the dropout.
        inputs: the clinical inputs, fitted; empty without a fusion.
        pretrained: whether the backbone has ImageNet weights.

    Raises:
        ValueError: the backbone is not known, or cannot take images of this size or carry this decoder.
        FileNotFoundError: the weights are not on this machine and cannot be fetched.
        IntegrityError: the file of weights is not the one that was pinned.
    """
    problem = backbone_problem(recipe.backbone, use_case.image.size, use_case.location.stride if use_case.location else None)
    if problem:
        raise ValueError(problem)
    backbone = build_backbone(recipe.backbone, pretrained=pretrained, size=use_case.image.size)
    fusion = _fusion(use_case, backbone, inputs)
    channels = backbone.channels if fusion is None else fusion.channels
    head = (
        StrongestPlace() if isinstance(use_case.labels, RegionLabels) else Head(channels, len(use_case.outputs), recipe.dropout)
    )
    severity = OrdinalHead(channels, len(use_case.severity.levels), recipe.dropout) if use_case.severity else None
    decoder = Decoder(backbone, use_case.location.stride) if use_case.location else None
    return Network(backbone, head, fusion=fusion, severity=severity, decoder=decoder)


def _fusion(use_case: UseCase, backbone: Backbone, inputs: Sequence[ClinicalInput]) -> Gated | Concat | None:
    if use_case.fusion is None:
        return None
    kind = Gated if use_case.fusion.kind == "gated" else Concat
    return kind(backbone.channels, sum(item.width for item in inputs), use_case.fusion.width)
