"""What can go wrong between a client and the service.

ServiceError
├── RefusedError       the service understood and said no, or could not understand, or the API key may not ask (4xx)
├── FailedError        the service cannot answer now: no champion, overload, the key's rate, a fault (5xx, 429)
└── UnreachableError   no answer came

A caller who wants one `except` writes::

    try:
        answer = client.predict(path)
    except ServiceError as error:
        print(error.code, error.detail, error.hint)
"""

from __future__ import annotations

import json
from typing import Any


class ServiceError(Exception):
    """The base of every error of the client.

    Attributes:
        code: a stable snake_case word.
        detail: what is wrong.
        hint: what to do about it.
        status: the HTTP status, None where no answer came.
        request_id: names the request in the service's log, None where no answer came.
    """

    def __init__(self, code: str, detail: str, hint: str = "", status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(f"{detail} ({code})")
        self.code = code
        self.detail = detail
        self.hint = hint
        self.status = status
        self.request_id = request_id


class RefusedError(ServiceError):
    """Raise when the service said no; asking again will not help."""


class FailedError(ServiceError):
    """Raise when the service cannot answer now; asking again may help."""


class UnreachableError(ServiceError):
    """Raise when no answer came."""


def error_of(status: int, content: bytes) -> ServiceError:
    """Return the error of a response that is not a success, whoever wrote it: a proxy may have."""
    try:
        body: Any = json.loads(content)
    except ValueError:
        body = None
    members = body if isinstance(body, dict) else {}
    kind = RefusedError if 400 <= status < 500 and status != 429 else FailedError
    return kind(
        code=str(members.get("code", f"http_{status}")),
        detail=str(members.get("detail", f"the service answered with status {status}")),
        hint=str(members.get("hint", "")),
        status=status,
        request_id=members.get("request_id"),
    )
