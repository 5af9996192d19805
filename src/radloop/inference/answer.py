"""The answer to one image, as the service and the command line print it."""

from __future__ import annotations

from typing import Literal

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


class Region(_Part):
    """Where a heat map is at least half as hot as at its hottest, in pixels of the image as it was sent.

    Attributes:
        boxes: x0, y0, x1, y1, the largest region first.
        contours: closed polygons of corners x, y; outer borders run clockwise, those of holes the other way.
        png: base64 of an RGBA picture of the image's size to lay over it: the whole map, transparent where it is cold.
    """

    kind: Literal["overlay", "box", "contour"]
    boxes: tuple[Box, ...] | None = None
    contours: tuple[tuple[Point, ...], ...] | None = None
    png: str | None = None


class Explanation(_Part):
    """Where the network looked for its target.

    Attributes:
        method: `grad-cam`; of a vision transformer `token-grad-cam`, the same over its last tokens, each of which has seen
            the whole image.
        png: base64 of an 8-bit grey PNG at the resolution of the network's last feature map, the largest value white.
        withheld: why there is no map, null where there is one.
        region: null where none was asked for.
    """

    method: Literal["grad-cam", "token-grad-cam"] = "grad-cam"
    target: str
    png: str | None
    withheld: str | None = None
    region: Region | None = None


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
