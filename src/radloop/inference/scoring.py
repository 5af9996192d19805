"""From a file to numbers: the one path that evaluation and serving share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.clinical import vector
from radloop.images.decode import Decoded, decode
from radloop.images.header import Header
from radloop.images.preprocessing import prepare
from radloop.images.quality import Quality
from radloop.inference.bundle import BundleFacts
from radloop.inference.calibration import decisions, probabilities
from radloop.inference.engine import Engine
from radloop.inference.group_thresholds import Cuts


@dataclass(frozen=True, slots=True)
class Scored:
    """One image as the network sees it; nothing was refused yet.

    Attributes:
        probabilities: calibrated, of each output, float64 [K].
        logits: before calibration, float64 [K].
        embedding: float32 [C].
        cam: float32 [K, h, w].
        thresholds: of each output, of the patient's group where groups have their own; None where it has none.
        decisions: whether each output is positive; None where it has no threshold.
        grade: the expected level of severity, from 0; None without a severity.
        mask: the probability of the region at each place of the image, float32 [h, w]; None without a location.
        shape: rows and columns of the displayed image.
        quality: of the displayed image at its own resolution.
        header: what the file says about itself.
    """

    probabilities: NDArray[np.float64]
    logits: NDArray[np.float64]
    embedding: NDArray[np.float32] = field(repr=False)
    cam: NDArray[np.float32] = field(repr=False)
    thresholds: Cuts
    decisions: tuple[bool | None, ...]
    grade: float | None
    mask: NDArray[np.float32] | None = field(repr=False)
    shape: tuple[int, int]
    quality: Quality
    header: Header


class Scorer:
    """An engine with its preprocessing and calibration."""

    def __init__(self, engine: Engine, facts: BundleFacts) -> None:
        """Join an engine and its facts.

        Raises:
            IntegrityError: `invalid_model`: they describe different networks.
        """
        engine.check(facts)
        self.engine = engine
        self.facts = facts

    def score(self, source: Path | bytes | Decoded, clinical: Mapping[str, Any] | None = None, alone: bool = False) -> Scored:
        """Decode, prepare and run one image.

        Args:
            source: a DICOM, PNG or JPEG, as a path, as its bytes or decoded.
            clinical: values by name as the network takes them, and age and sex for the thresholds; what is absent is
                unknown, and the file is not asked.
            alone: whether nobody else asks; see `Engine.add_lone`.

        Raises:
            Refusal: it cannot be read.
        """
        facts = self.facts
        decoded = source if isinstance(source, Decoded) else decode(source, facts.image)
        output = self.engine.run(prepare(decoded.pixels, facts.image), vector(facts.clinical, clinical or {}), alone)
        found = probabilities(output.logits, facts.labels.kind, facts.calibration.temperatures)
        cuts = facts.cuts(clinical or {})
        rows, columns = decoded.pixels.shape
        return Scored(
            probabilities=found,
            logits=output.logits,
            embedding=output.embedding,
            cam=output.cam,
            thresholds=cuts,
            decisions=decisions(found.tolist(), facts.labels.kind, cuts),
            # The mean of a whole number from 0 is the sum of the chances of being above each.
            grade=None if output.grades is None else float(sum(output.grades.tolist())),
            mask=output.mask,
            shape=(rows, columns),
            quality=decoded.quality,
            header=decoded.header,
        )
