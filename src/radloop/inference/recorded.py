"""What the record keeps of one answer or refusal: numbers and keyed hashes, no pixels and no identifier."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.clinical import SEXES
from radloop.errors import RadloopError
from radloop.images.decode import Decoded
from radloop.images.header import Header
from radloop.inference.answer import Answer, Model
from radloop.inference.bundle import BundleFacts
from radloop.inference.engines import runtime_facts
from radloop.inference.machine import cpu_kind
from radloop.inference.precision import Precision
from radloop.inference.scoring import Scored
from radloop.use_case import Subgroups

_LARGEST = float(np.finfo(np.float16).max)
_ANSWERED = {"findings", "prediction_set", "abstained", "severity", "uncertainty"}


@dataclass(slots=True)
class Observed:
    """What became known of a request on its way; where it was refused, the rest stays None.

    Attributes:
        facts: of the bundle that was asked.
        model: likewise.
        precision: in which it runs here.
        decoded: the image.
        header: its own, completed by the request.
        scored: what the network gave.
    """

    facts: BundleFacts | None = None
    model: Model | None = None
    precision: Precision | None = None
    decoded: Decoded | None = None
    header: Header | None = None
    scored: Scored | None = None

    def asked(self, facts: BundleFacts, model: Model, precision: Precision) -> None:
        """Note which bundle is asked."""
        self.facts, self.model, self.precision = facts, model, precision


@dataclass(frozen=True, slots=True)
class Request:
    """What a request was, as the record may know it.

    Attributes:
        request_id: ours.
        file: `file_hash` of the image.
        clinical: `clinical_hash` of the values.
        key: the name of the API key, None in open mode.
        site: of that key.
    """

    request_id: str
    file: str
    clinical: str | None
    key: str | None = None
    site: str | None = None


def file_hash(key: bytes, content: bytes) -> str:
    """Return the keyed hash of a file's bytes."""
    made = hmac.new(key, b"file ", "sha256")
    made.update(content)
    return "hmac:" + made.hexdigest()


def clinical_hash(key: bytes, values: Mapping[str, Any] | None) -> str | None:
    """Return the keyed hash of clinical values as they were sent, in any order; None where none were."""
    given = {name: value for name, value in (values or {}).items() if value is not None}
    if not given:
        return None
    text = json.dumps(given, sort_keys=True, separators=(",", ":"))
    return "hmac:" + hmac.digest(key, b"clinical " + text.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class About:
    """What is the same for every answer of a bundle.

    Attributes:
        engine: `engine_facts`.
        subgroups: of the use case; they say what an age band is.
    """

    engine: Mapping[str, Any]
    subgroups: Subgroups


def engine_facts(facts: BundleFacts, precision: Precision) -> dict[str, Any]:
    """Return what runs a bundle here: kind, the precision that it runs in, `runtime_facts`, batch, kind of processor."""
    kind = facts.engine.kind
    return {"kind": kind, "precision": precision, **runtime_facts(kind), "batch": 1, "cpu": cpu_kind()}


def payload(
    request: Request, observed: Observed, outcome: Answer | RadloopError, patient: str | None, about: About | None = None
) -> dict[str, Any]:
    """Return what the record keeps.

    Args:
        request: which one.
        observed: what became known of it.
        outcome: the answer, or why there is none.
        patient: the pseudonym, where the image names a patient.
        about: the bundle that was asked, where one was.
    """
    answered = isinstance(outcome, Answer)
    warnings = [text.partition(":")[0] for text in outcome.warnings] if isinstance(outcome, Answer) else []
    header, decoded = observed.header or (observed.decoded.header if observed.decoded else None), observed.decoded
    return {
        "schema_version": 1,
        "kind": "answer" if answered else "refusal",
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": request.request_id,
        "use_case": observed.facts.use_case if observed.facts else None,
        "model": observed.model.model_dump() if observed.model else None,
        "engine": dict(about.engine) if about else None,
        **_outcome(outcome),
        "admissibility": {"code": None if isinstance(outcome, Answer) else outcome.code, "warnings": warnings},
        "image": {"format": header.format, "rows": header.rows, "columns": header.columns} if header else None,
        "quality": asdict(decoded.quality) if decoded else None,
        "embedding": _compact(observed.scored.embedding) if answered and observed.scored else None,
        "sex": header.sex if header and header.sex in SEXES else None,
        "age_band": about.subgroups.age_band(header.age) if about and header else None,
        "site": request.site,
        "key": request.key,
        "file": request.file,
        "clinical": request.clinical,
        "patient": patient,
    }


def embedding(kept: Mapping[str, Any]) -> NDArray[np.float16]:
    """Return the embedding float16 [C] of a payload's member."""
    return np.frombuffer(base64.b64decode(kept["base64"]), dtype="<f2")


def _outcome(outcome: Answer | RadloopError) -> dict[str, Any]:
    if isinstance(outcome, Answer):
        return outcome.model_dump(mode="json", include=_ANSWERED)
    return dict.fromkeys(sorted(_ANSWERED))


def _compact(values: NDArray[np.float32]) -> dict[str, Any]:
    """Return a vector in 16 bits a number: drift is measured on its directions, not on its fourth digit."""
    small = np.clip(values, -_LARGEST, _LARGEST).astype("<f2")
    return {"type": "float16", "base64": base64.b64encode(small.tobytes()).decode("ascii")}
