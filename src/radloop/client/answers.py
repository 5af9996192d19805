"""What the service answers; members that a newer service adds are ignored."""

from __future__ import annotations

import base64

from pydantic import BaseModel, ConfigDict


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Model(_Body):
    """Which model answered."""

    version: int | None
    bundle: str
    data_version: str
    evidence: str | None


class Finding(_Body):
    """One label's calibrated probability against its operating point.

    Attributes:
        threshold: None where the most probable label is the positive one, and where none could be fitted.
        positive: None where no threshold could be fitted.
        boxes: of a positive finding that the model locates, its regions, the largest first: x0, y0, x1, y1 in pixels of
            the image that was sent.
        point: likewise, the strongest place: x, y.
    """

    label: str
    probability: float
    threshold: float | None
    positive: bool | None
    boxes: tuple[tuple[int, int, int, int], ...] | None = None
    point: tuple[int, int] | None = None


class Grade(_Body):
    """How grave it is: a level, and the expected level counted from 0 (the mildest)."""

    grade: str
    score: float


class PredictionSet(_Body):
    """Labels that cannot be excluded at a coverage."""

    coverage: float
    labels: tuple[str, ...]


class Region(_Body):
    """Where a heat map is hot, in pixels of the image that was sent: boxes, closed contours, or a picture to lay over it.

    Attributes:
        kind: `box`, `contour` or `overlay`.
        png: base64, RGBA.
    """

    kind: str
    boxes: tuple[tuple[int, int, int, int], ...] | None = None
    contours: tuple[tuple[tuple[int, int], ...], ...] | None = None
    png: str | None = None


class Explanation(_Body):
    """Where the network looked for its target.

    Attributes:
        withheld: why there is no map; None where there is one.
    """

    method: str
    target: str
    png: str | None
    withheld: str | None = None
    region: Region | None = None

    @property
    def image(self) -> bytes:
        """Return the heat map as the bytes of an 8-bit grey PNG, at network resolution; none where it is withheld."""
        return base64.b64decode(self.png or "")


class Segmentation(_Body):
    """The region of a positive finding at the size of the image that was sent."""

    label: str
    png: str

    @property
    def image(self) -> bytes:
        """Return the region as the bytes of an 8-bit grey PNG: 255 inside, 0 elsewhere."""
        return base64.b64decode(self.png)


class Answer(_Body):
    """The answer for one image.

    Attributes:
        findings: one an output of the model.
        abstained: why the findings should not be relied on; None where they may be.
        severity: None where the model does not grade.
        uncertainty: 0 (sure) to 1, an entropy of the probabilities.
        warnings: sentences, each after a stable code and a colon.
        recorded: whether the service wrote the answer to its record.
    """

    schema_version: int
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


class ServedFinding(_Body):
    """One output of a model; its threshold is None where the most probable one is positive, or where none is known."""

    label: str
    threshold: float | None


class ServedValue(_Body):
    """A clinical value that a model takes beside the image: one of its words, or a number within its limits."""

    name: str
    words: tuple[str, ...] = ()
    unit: str | None = None
    low: float | None = None
    high: float | None = None


class ServedUseCase(_Body):
    """A use case that the service answers for.

    Attributes:
        threshold: of the one finding; None where there are several.
        findings: what it answers about.
        levels: of severity, from the mildest; empty where the model does not grade.
        clinical: what the model takes beside the image; age and sex are always understood.
        frames_per_second: of a clip, that are looked at where none is asked for; None where still images only are taken.
    """

    use_case: str
    title: str
    synthetic: bool
    threshold: float | None
    findings: tuple[ServedFinding, ...] = ()
    levels: tuple[str, ...] = ()
    clinical: tuple[ServedValue, ...] = ()
    modalities: tuple[str, ...]
    body_parts: tuple[str, ...]
    frames_per_second: float | None = None
    model: Model


class UseCases(_Body):
    """The list of them."""

    use_cases: tuple[ServedUseCase, ...]


class Problem(_Body):
    """Why one image of a batch has no answer."""

    code: str
    status: int
    detail: str
    hint: str
    request_id: str


class BatchItem(_Body):
    """One image of a batch; `name` is its number as the images were sent, from 0."""

    name: int
    answer: Answer | None
    problem: Problem | None


class SeriesFinding(_Body):
    """One label over a series: the largest mean of a slice and its neighbours, and the number of the image in their middle."""

    label: str
    probability: float
    slice: int


class SeriesAnswer(_Body):
    """The slices of one DICOM series: numbers of images in the order in which they lie in the patient."""

    use_case: str
    images: tuple[int, ...]
    regular: bool
    findings: tuple[SeriesFinding, ...]


class BatchAnswer(_Body):
    """What came of a batch; `most_urgent` are the numbers of the answered images, the most urgent first."""

    request_id: str
    results: tuple[BatchItem, ...]
    most_urgent: tuple[int, ...]
    series: tuple[SeriesAnswer, ...] = ()


class Job(_Body):
    """How far a video is: `waiting`, `running`, `done`, `failed` or `cancelled`, and how many frames were looked at."""

    job: str
    status: str
    frames: int
    code: str | None = None

    @property
    def finished(self) -> bool:
        """Tell whether nothing more happens to it."""
        return self.status not in ("waiting", "running")


class Frame(_Body):
    """One frame of a timeline; a refused one has a code and no numbers."""

    seconds: float
    probabilities: tuple[float, ...] | None = None
    positive: tuple[bool | None, ...] | None = None
    refused: str | None = None


class Peak(_Body):
    """Where in a clip a label is most probable."""

    label: str
    seconds: float
    probability: float


class ClipAnswer(_Body):
    """The answer for a video: of the whole clip, and frame by frame; `labels` are those of the timeline's numbers."""

    answer: Answer
    frames_per_second: float
    labels: tuple[str, ...]
    timeline: tuple[Frame, ...]
    peaks: tuple[Peak, ...]
    refused: int


class Receipt(_Body):
    """What became of feedback.

    Attributes:
        status: `new`; `duplicate`, the same reader said so before; `contradicts`, readers differ: the request counts for
            nothing until one of them changes it or it is settled.
    """

    request_id: str
    accepted: bool
    status: str
