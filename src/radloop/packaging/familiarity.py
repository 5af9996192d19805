"""What images a bundle is familiar with: fitted on the embeddings of `train`, its limit on images that nothing was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.inference.engine import Engine
from radloop.inference.familiarity import FamiliarityFacts
from radloop.statistics.familiarity import Familiar, fit_familiar, upper_limit
from radloop.training.pixels import Pixels

SHARE = 0.99
MOST_COMPONENTS = 64
MOST_IMAGES = 128
"""Of either sample: more only take time."""
_COARSE = 4
"""Every image is shown a second time at a quarter of its resolution: what is only coarse is no stranger."""


@dataclass(frozen=True)
class Familiarity:
    """What was fitted."""

    familiar: Familiar
    facts: FamiliarityFacts


def fit_familiarity(engine: Engine, pixels: Pixels, seed: int) -> Familiarity | None:
    """Fit the distance on `train` and its limit on `tune` and `calibrate`; None where these are too few to set one.

    Args:
        engine: of the bundle.
        pixels: of the data version.
        seed: of which images are taken.
    """
    random = np.random.default_rng(seed)
    learnt = _taken(pixels.indices("train"), random)
    held = _taken(np.concatenate([pixels.indices("tune"), pixels.indices("calibrate")]), random)
    if not len(learnt) or upper_limit(np.zeros(len(held)), SHARE) is None:
        return None
    both = np.concatenate([_embeddings(engine, pixels, learnt, coarse=coarse) for coarse in (False, True)])
    components = min(MOST_COMPONENTS, len(learnt) // 4, both.shape[1] // 2)
    try:
        familiar = fit_familiar(both, components)
    except ValueError:  # a network whose embeddings hardly vary tells no stranger apart
        return None
    limits = [upper_limit(familiar.distance(_embeddings(engine, pixels, held, coarse=coarse)), SHARE) for coarse in (False, True)]
    facts = FamiliarityFacts(
        share=SHARE, limit=max(limit or 0.0 for limit in limits), components=components, n=len(learnt), held=len(held)
    )
    return Familiarity(familiar, facts)


def _taken(rows: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(random.permutation(rows)[:MOST_IMAGES])


def _embeddings(engine: Engine, pixels: Pixels, rows: NDArray[np.int64], *, coarse: bool) -> NDArray[np.float64]:
    images = (np.asarray(pixels.images[row]) for row in rows)
    shown = (_coarse(image) for image in images) if coarse else images
    outputs = engine.run_all(shown, None if pixels.clinical is None else pixels.clinical[rows])
    return np.stack([output.embedding for output in outputs]).astype(np.float64)


def _coarse(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = max(image.shape[0] // _COARSE, 8)
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(small.resize(image.shape[::-1], Image.Resampling.BILINEAR))
