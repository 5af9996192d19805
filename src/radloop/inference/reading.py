"""From the network's numbers to the parts of an answer."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radloop.inference.answer import Explanation, Finding, Grade, PredictionSet, Segmentation
from radloop.inference.bundle import BundleFacts
from radloop.inference.conformal import abstention, prediction_set
from radloop.inference.heat import RegionKind, heat_map, png, region_of
from radloop.inference.location import outline, regions, strongest
from radloop.inference.scoring import Scored


def findings(scored: Scored, facts: BundleFacts) -> tuple[Finding, ...]:
    """Return one finding an output; a positive one says where it is, if the network has a mask."""
    parts = zip(facts.outputs, scored.probabilities.tolist(), scored.thresholds, scored.decisions, strict=True)
    return tuple(_finding(*part, scored) for part in parts)


def _finding(label: str, probability: float, threshold: float | None, positive: bool | None, scored: Scored) -> Finding:
    located = scored.mask if positive else None
    return Finding(
        label=label,
        probability=probability,
        threshold=threshold,
        positive=positive,
        boxes=None if located is None else regions(located, *scored.shape),
        point=None if located is None else strongest(located, *scored.shape),
    )


def prediction(scored: Scored, facts: BundleFacts) -> PredictionSet | None:
    """Return the labels that cannot be excluded; None where only a region is outlined."""
    if facts.conformal is None:
        return None
    return prediction_set(scored.probabilities.tolist(), facts.labels, facts.outputs, facts.conformal)


def abstained(found: PredictionSet | None, facts: BundleFacts) -> str | None:
    """Return why the answer should not be relied on, None where it may be."""
    return None if found is None or facts.conformal is None else abstention(found, facts.conformal)


def severity(scored: Scored, facts: BundleFacts) -> Grade | None:
    """Return the level nearest to the expected one; halfway it is the worse."""
    if facts.severity is None or scored.grade is None:
        return None
    return Grade(grade=facts.severity.levels[math.floor(scored.grade + 0.5)], score=scored.grade)


def method_of(facts: BundleFacts) -> Literal["grad-cam", "token-grad-cam"]:
    """Return how the heat map of a network is made."""
    return "token-grad-cam" if facts.network.backbone.startswith("vit_") else "grad-cam"


def explanation(
    scored: Scored, facts: BundleFacts, target: str | None, region: RegionKind | None = None, withheld: str | None = None
) -> Explanation:
    """Return the heat map of a finding, of the most probable one where none is named.

    Args:
        scored: the image.
        facts: of the bundle.
        target: the finding.
        region: what is wanted beside the map.
        withheld: why the map is not shown.
    """
    chosen = int(scored.probabilities.argmax()) if target is None else facts.outputs.index(target)
    cam, shown = scored.cam[chosen], withheld is None
    return Explanation(
        method=method_of(facts),
        target=facts.outputs[chosen],
        png=heat_map(cam) if shown else None,
        withheld=withheld,
        region=region_of(cam, scored.shape, region) if shown and region is not None else None,
    )


def region(scored: Scored) -> NDArray[np.bool_] | None:
    """Return the region of the image's size, empty where no finding is positive; None where the model does not locate."""
    if scored.mask is None:
        return None
    found = outline(scored.mask, *scored.shape)
    return found if any(scored.decisions) else np.zeros_like(found)


def segmentation(scored: Scored, facts: BundleFacts) -> Segmentation | None:
    """Return the region as a picture; None where the model does not locate."""
    found = region(scored)
    return None if found is None else Segmentation(label=facts.outputs[0], png=png(found.astype(np.uint8) * np.uint8(255)))
