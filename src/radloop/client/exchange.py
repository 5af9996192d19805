"""What both clients send and how they read what comes: forms, headers, waits, answers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from radloop.client.errors import FailedError, UnreachableError, error_of

Source = str | os.PathLike[str] | bytes
RegionKind = Literal["overlay", "box", "contour"]
Body = TypeVar("Body", bound=BaseModel)

DEFAULT_URL = "http://127.0.0.1:3000"
TIMEOUT = 60.0
"""Seconds; the service gives up after as many."""
RETRIES = 3
"""How often a request is sent again that the service asks to send later."""
LONGEST_WAIT = 30.0
"""Seconds; who is asked to wait longer is told so at once."""
PERIOD = 0.5
"""Seconds between two looks at a job."""
KEY = "RADLOOP_API_KEY"
"""The environment variable whose API key is used where none is given."""


def image_form(
    source: Source,
    use_case: str | None,
    clinical: Mapping[str, Any] | None,
    explain: bool = False,
    target: str | None = None,
    segment: bool = False,
    region: RegionKind | None = None,
) -> dict[str, Any]:
    """Return the form of one image."""
    data = {"explain": "true"} if explain else {}
    data |= {"segment": "true"} if segment else {}
    if use_case is not None:
        data["use_case"] = use_case
    if target is not None:
        data["target"] = target
    if region is not None:
        data["region"] = region
    if clinical is not None:
        data["clinical"] = json.dumps(dict(clinical))
    return {"files": {"image": _part(source)}, "data": data}


def batch_form(
    sources: Sequence[Source], use_case: str | None, clinical: Sequence[Mapping[str, Any] | None] | None, explain: bool
) -> dict[str, Any]:
    """Return the form of many images."""
    data = {"explain": "true"} if explain else {}
    if use_case is not None:
        data["use_case"] = use_case
    if clinical is not None:
        data["clinical"] = json.dumps([None if row is None else dict(row) for row in clinical])
    return {"files": [("images", _part(source)) for source in sources], "data": data}


def video_form(
    source: Source, use_case: str, clinical: Mapping[str, Any] | None, frames_per_second: float | None
) -> dict[str, Any]:
    """Return the form of a video."""
    data = {"use_case": use_case}
    if clinical is not None:
        data["clinical"] = json.dumps(dict(clinical))
    if frames_per_second is not None:
        data["frames_per_second"] = str(frames_per_second)
    return {"files": {"video": _part(source)}, "data": data}


def _part(source: Source) -> tuple[str, bytes, str]:
    """Return a part of a form; the file's name stays here."""
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    return ("image", content, "application/octet-stream")


def content_of(response: httpx.Response) -> bytes:
    """Return the bytes of an answer.

    Raises:
        ServiceError: it is none.
    """
    if not response.is_success:
        raise error_of(response.status_code, response.content)
    return response.content


def feedback_body(request_id: str, label: str | Sequence[str], reader: str | None) -> dict[str, Any]:
    """Return the JSON of a confirmed label."""
    given = {"request_id": request_id, "label": label if isinstance(label, str) else list(label)}
    return given if reader is None else given | {"reader": reader}


def headers_of(key: str | None) -> dict[str, str]:
    """Return the headers of every request; without a key, that of the environment."""
    found = os.environ.get(KEY) if key is None else key
    return {"authorization": f"Bearer {found}"} if found else {}


def wait_of(response: httpx.Response) -> float | None:
    """Return the seconds after which the service wants to be asked again; None where it does not say, or says too long."""
    if response.status_code not in (429, 503):
        return None
    text = response.headers.get("retry-after", "").strip()
    return float(text) if text.isdecimal() and float(text) <= LONGEST_WAIT else None


def read(response: httpx.Response, body: type[Body]) -> Body:
    """Return an answer of one kind.

    Raises:
        ServiceError: it is a problem, or no answer of the service.
    """
    if not response.is_success:
        raise error_of(response.status_code, response.content)
    try:
        return body.model_validate_json(response.content)
    except ValidationError as error:
        raise FailedError(
            "unexpected_answer", "this is not the answer of a Radloop service", "check the address", response.status_code
        ) from error


def unreachable(error: httpx.TransportError) -> UnreachableError:
    """Return the error of a service from which nothing came."""
    return UnreachableError(
        "unreachable", f"no answer came ({type(error).__name__})", "is the service running? start it with: radloop serve"
    )
