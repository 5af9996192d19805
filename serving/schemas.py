"""The bodies of the service besides the answer itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from radloop.inference.answer import Answer, Model
from radloop.inference.api_keys import NAME as READER
from radloop.inference.series import SeriesAnswer
from radloop.use_case import IntendedUse, Labels


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class ServedFinding(_Body):
    """One output of a model.

    Attributes:
        threshold: probability from which it is positive; null where the most probable one is, or where none is known.
    """

    label: str
    threshold: float | None


class ServedValue(_Body):
    """A clinical value that a model takes beside the image.

    Attributes:
        words: of a category; empty for a number.
        unit: of a number, a UCUM code.
        low: the least number that is understood, null where there is none.
        high: the largest, likewise.
    """

    name: str
    words: tuple[str, ...]
    unit: str | None
    low: float | None
    high: float | None


class ServedEngine(_Body):
    """What runs a model's network here.

    Attributes:
        provider: where ONNX Runtime computes here, `CUDAExecutionProvider` or `CPUExecutionProvider`; null of OpenVINO.
        precision: in which it computes on this machine.
        sealed: that of the bundle; `bf16` is run in `f32` where the processor has none of its own.
        reason: why the bundle has it, null of an older one.
    """

    kind: str
    provider: str | None
    precision: str
    sealed: str
    reason: str | None


class ServedUseCase(_Body):
    """A use case that answers.

    Attributes:
        threshold: of the one finding; null where there are several.
        levels: of severity, from the mildest; empty where the model does not grade.
        clinical: what the model takes beside the image; age and sex are always understood.
        modalities: DICOM modalities that are admitted.
        body_parts: DICOM body parts that are admitted.
        frames_per_second: of a clip, that are looked at where none is asked for; null where still images only are taken.
        pending: why a newer bundle that was deployed does not answer, null normally.
    """

    use_case: str
    title: str
    synthetic: bool
    intended_use: IntendedUse
    labels: Labels
    findings: tuple[ServedFinding, ...]
    levels: tuple[str, ...]
    clinical: tuple[ServedValue, ...]
    modalities: tuple[str, ...]
    body_parts: tuple[str, ...]
    frames_per_second: float | None
    threshold: float | None
    model: Model
    engine: ServedEngine
    pending: str | None = None


class UseCases(_Body):
    """What this service answers for."""

    schema_version: int = 1
    use_cases: tuple[ServedUseCase, ...]


class Feedback(BaseModel):
    """The true label of an image that was answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: str = Field(pattern=r"^[0-9a-f]{32}$", description="of the answer")
    label: Annotated[str, Field(min_length=1, max_length=200)] | Annotated[list[str], Field(max_length=100)] = Field(
        description="a word of the use case; of findings, the list of those that are present"
    )
    reader: str | None = Field(
        default=None,
        pattern=READER,
        description="who read, never a patient; without it the API key's name. Readers that differ contradict each other",
    )
    note: str | None = Field(
        default=None, max_length=500, description="is read by nobody and not kept: free text could name a patient"
    )


class FeedbackReceipt(_Body):
    """What became of it.

    Attributes:
        status: `duplicate`: this reader said so before; `contradicts`: readers differ, and the request counts for nothing
            until one of them changes it or it is settled.
    """

    schema_version: int = 1
    request_id: str
    accepted: bool = True
    status: Literal["new", "duplicate", "contradicts"]


class Problem(_Body):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    request_id: str


class JobState(_Body):
    """How far a job is.

    Attributes:
        status: `waiting`, `running`, `done`, `failed` or `cancelled`.
        frames: how many frames were looked at.
        code: why it failed, null otherwise; its result says it in full.
    """

    schema_version: int = 1
    job: str
    status: Literal["waiting", "running", "done", "failed", "cancelled"]
    frames: int
    code: str | None = None


class BatchItem(_Body):
    """One image of a batch: its answer or its refusal; both have a request id of their own.

    Attributes:
        name: its number as the images were sent, from 0; names of files are not kept.
    """

    name: int
    answer: Answer | None
    problem: Problem | None


class BatchAnswer(_Body):
    """What came of a batch.

    Attributes:
        results: one an image, in their order.
        most_urgent: numbers of the answered images, the most urgent first: positive findings, then abstentions, then the rest;
            within each the graver, then the more probable.
        series: what the slices of each DICOM series say together.
    """

    schema_version: int = 1
    request_id: str
    results: tuple[BatchItem, ...]
    most_urgent: tuple[int, ...]
    series: tuple[SeriesAnswer, ...] = ()
