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
    """One label's calibrated probability against its operating point."""

    label: str
    probability: float
    threshold: float
    positive: bool


class PredictionSet(_Body):
    """Labels that cannot be excluded at a coverage."""

    coverage: float
    labels: tuple[str, ...]


class Explanation(_Body):
    """Where the network looked for its target."""

    method: str
    target: str
    png: str

    @property
    def image(self) -> bytes:
        """Return the heat map as the bytes of an 8-bit grey PNG, at network resolution."""
        return base64.b64decode(self.png)


class Answer(_Body):
    """The answer for one image.

    Attributes:
        uncertainty: binary entropy of the probability, bits.
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
    severity: float | None = None
    uncertainty: float
    explanation: Explanation | None = None
    warnings: tuple[str, ...] = ()
    recorded: bool = False


class ServedUseCase(_Body):
    """A use case that the service answers for."""

    use_case: str
    title: str
    synthetic: bool
    threshold: float
    modalities: tuple[str, ...]
    body_parts: tuple[str, ...]
    model: Model


class UseCases(_Body):
    """The list of them."""

    use_cases: tuple[ServedUseCase, ...]
