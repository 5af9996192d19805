"""The bodies of the service besides the answer itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from radloop.inference.answer import Model
from radloop.use_case import BinaryLabels, IntendedUse


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class ServedUseCase(_Body):
    """A use case that answers.

    Attributes:
        threshold: probability from which the finding is positive.
        modalities: DICOM modalities that are admitted.
        body_parts: DICOM body parts that are admitted.
        pending: why a newer bundle that was deployed does not answer, null normally.
    """

    use_case: str
    title: str
    synthetic: bool
    intended_use: IntendedUse
    labels: BinaryLabels
    modalities: tuple[str, ...]
    body_parts: tuple[str, ...]
    threshold: float
    model: Model
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
