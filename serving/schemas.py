"""The bodies of the service besides the answer itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from radloop.inference.answer import Model
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
        precision: in which it computes on this machine.
        sealed: that of the bundle; `bf16` is run in `f32` where the processor has none of its own.
        reason: why the bundle has it, null of an older one.
    """

    kind: str
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
    threshold: float | None
    model: Model
    engine: ServedEngine
    pending: str | None = None


class UseCases(_Body):
    """What this service answers for."""

    schema_version: int = 1
    use_cases: tuple[ServedUseCase, ...]


class Problem(_Body):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    request_id: str
