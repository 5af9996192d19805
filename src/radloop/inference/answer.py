"""The answer to one image, as the service and the command line print it."""

from __future__ import annotations

import base64
import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from radloop.inference.location import Box, Point


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Model(_Part):
    """Which model answered: from here back to the bytes it was trained on."""

    version: int | None
    bundle: str
    data_version: str
    evidence: str | None


class Finding(_Part):
    """One label's probability against its operating point.

    Attributes:
        threshold: null where the most probable label is the positive one, and where none could be fitted.
        positive: null where no threshold could be fitted.
        boxes: of a positive finding, the regions that show it, the largest first: x0, y0, x1, y1 in pixels of the
            image as it was sent; null where the model does not locate.
        point: likewise, the strongest place: x, y.
    """

    label: str
    probability: float
    threshold: float | None
    positive: bool | None
    boxes: tuple[Box, ...] | None = None
    point: Point | None = None


class Grade(_Part):
    """How grave it is.

    Attributes:
        grade: the level nearest to the score.
        score: the expected level, from 0 (the mildest).
    """

    grade: str
    score: float


class PredictionSet(_Part):
    """Labels that cannot be excluded at a coverage, the most probable first and always among them.

    Of findings, those whose presence cannot be excluded: perhaps none.
    """

    coverage: float
    labels: tuple[str, ...]


class Explanation(_Part):
    """Where the network looked for its target, at the resolution of its last feature map."""

    method: Literal["grad-cam"] = "grad-cam"
    target: str
    png: str
    """Base64 of an 8-bit grey PNG, the largest value white."""


class Segmentation(_Part):
    """The region of a positive finding, at the size of the image that was sent."""

    label: str
    png: str
    """Base64 of an 8-bit grey PNG: 255 inside, 0 elsewhere."""


class Answer(_Part):
    """The body of a prediction.

    Attributes:
        findings: one an output of the model.
        abstained: why the findings should not be relied on, a sentence after a stable code and a colon; null where the
            prediction set has one label, or the use case does not abstain.
        severity: null where the model does not grade.
        uncertainty: 0 (sure) to 1: the binary entropy of the probability in bits, of several findings the largest; of
            classes of which there is exactly one, their entropy as a share of the most there can be.
        segmentation: null where none was asked for, or the model does not locate.
        warnings: sentences, each after a stable code and a colon.
        recorded: whether the answer was written to the record.
    """

    schema_version: Literal[1] = 1
    request_id: str
    use_case: str
    model: Model
    findings: tuple[Finding, ...]
    prediction_set: PredictionSet | None = None
    abstained: str | None = None
    severity: Grade | None = None
    uncertainty: float
    explanation: Explanation | None = None
    segmentation: Segmentation | None = None
    warnings: tuple[str, ...] = ()
    recorded: bool = False


def heat_map(cam: NDArray[np.float32]) -> str:
    """Return a class activation map float32 [h, w] as base64 of an 8-bit grey PNG."""
    top = float(cam.max(initial=0.0))
    share = np.clip(cam / top, 0.0, 1.0) if top > 0 else np.zeros_like(cam)
    return grey_png(np.floor(share * 255.0 + 0.5).astype(np.uint8))


def grey_png(pixels: NDArray[np.uint8]) -> str:
    """Return an image uint8 [rows, columns] as base64 of a PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")
