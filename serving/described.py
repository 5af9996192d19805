"""What the API's description says of every route: its refusals and its key."""

from __future__ import annotations

from typing import Any

from fastapi import Security
from fastapi.security import HTTPBearer

from radloop.serving.problems import MEDIA_TYPE
from radloop.serving.schemas import Problem

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in {
        400: "the form cannot be read",
        401: "there is no API key, or it is unknown or revoked",
        403: "the key may not ask that use case; without keys, the request did not come over loopback",
        404: "there is no such use case, job or request",
        408: "the upload took too long",
        409: "the job is not done yet",
        413: "the upload or the image is too large, or there are too many",
        415: "a format that is not taken here",
        422: "the image is inadmissible or unreadable, or a value is unknown",
        429: "the key's rate is used up; Retry-After says how many seconds",
        503: "the use case has no champion, the service is busy (then with Retry-After), or the answer cannot be recorded",
    }.items()
}
CLOSED = {status: REFUSALS[status] for status in (401, 403, 429, 503)}
KEY = [Security(HTTPBearer(auto_error=False, description="an API key; without keys the service answers on loopback only"))]
"""For the description only: the guard has decided before a route is looked for."""
USE_CASE = "without it, the one that admits the image is used"
EXAMPLE_CLINICAL = '{"age": 54, "sex": "F"}'
