"""From a file to a number: the one path that fitting, evaluation and serving share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radloop.images.decode import Decoded, decode
from radloop.images.header import Header
from radloop.images.preprocessing import prepare
from radloop.images.quality import Quality
from radloop.inference.calibration import probability
from radloop.inference.engine import Engine
from radloop.use_case import ImageSpec


@dataclass(frozen=True, slots=True)
class Scored:
    """One image as the network sees it; nothing was refused yet.

    Attributes:
        logit: of the positive label, before calibration.
        probability: calibrated, of the positive label.
        embedding: float32 [C].
        cam: float32 [h, w].
        quality: of the displayed image at its own resolution.
        header: what the file says about itself.
    """

    logit: float
    probability: float
    embedding: NDArray[np.float32] = field(repr=False)
    cam: NDArray[np.float32] = field(repr=False)
    quality: Quality
    header: Header


class Scorer:
    """An engine with its preprocessing and calibration.

    Packaging uses one with temperature 1 to fit the temperature.
    """

    def __init__(self, engine: Engine, image: ImageSpec, temperature: float = 1.0) -> None:
        self.engine = engine
        self.image = image
        self.temperature = temperature

    def score(self, source: Path | bytes | Decoded) -> Scored:
        """Decode, prepare and run one image.

        Raises:
            Refusal: it cannot be read.
        """
        decoded = source if isinstance(source, Decoded) else decode(source, self.image)
        output = self.engine.run(prepare(decoded.pixels, self.image))
        return Scored(
            logit=output.logit,
            probability=float(probability(output.logit, self.temperature)),
            embedding=output.embedding,
            cam=output.cam,
            quality=decoded.quality,
            header=decoded.header,
        )
