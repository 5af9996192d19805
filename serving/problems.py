"""Every error as `application/problem+json` (RFC 9457), with a stable code."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from radloop.errors import InputError, IntegrityError, RadloopError, Refusal
from radloop.serving.schemas import Problem

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

MEDIA_TYPE = "application/problem+json"

_STATUS = {
    "key_missing": 401,
    "key_unknown": 401,
    "key_revoked": 401,
    "keys_required": 403,
    "use_case_not_allowed": 403,
    "upload_too_slow": 408,
    "rate_limited": 429,
    "overloaded": 503,
    "not_recorded": 503,
    "unknown_use_case": 404,
    "unknown_request": 404,
    "unknown_format": 415,
    "image_too_large": 413,
    "too_many_images": 413,
    "archive_bomb": 413,
    "video_too_long": 413,
    "unknown_job": 404,
    "job_not_done": 409,
    "too_many_jobs": 503,
    "upload_too_large": 413,
    "no_champion": 503,
    "not_installed": 503,
    "malformed_request": 400,
}


class TryLater(Refusal):
    """Raise when the same request may be answered later.

    Attributes:
        seconds: how much later.
    """

    def __init__(self, code: str, message: str, hint: str, seconds: int) -> None:
        super().__init__(code, message, hint)
        self.seconds = seconds


def status_of(error: RadloopError) -> int:
    """Return the HTTP status of an error."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if isinstance(error, IntegrityError):
        return 503
    return 422 if isinstance(error, Refusal | InputError) else 500


def problem(error: RadloopError, request_id: str, status: int | None = None) -> Response:
    """Return the response that says what is wrong and what to do."""
    body = problem_body(error, request_id, status)
    logger.info("request %s: %d %s", request_id, body.status, body.code)
    headers = {"retry-after": str(error.seconds)} if isinstance(error, TryLater) else {}
    if body.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(body.model_dump_json(), status_code=body.status, media_type=MEDIA_TYPE, headers=headers)


def problem_body(error: RadloopError, request_id: str, status: int | None = None) -> Problem:
    """Return what is wrong and what to do, as it is written."""
    return Problem(
        type=f"urn:radloop:problem:{error.code}",
        title=error.code.replace("_", " ").capitalize(),
        status=status or status_of(error),
        code=error.code,
        detail=error.message,
        hint=error.hint,
        request_id=request_id,
    )


def handle_problems(app: FastAPI) -> None:
    """Make an app answer with problems only."""

    @app.exception_handler(RadloopError)
    async def _deliberate(request: Request, error: RadloopError) -> Response:
        return problem(error, request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        # The values themselves stay out: a file name in place of a file could name a person.
        fields = sorted({str(part["loc"][-1]) for part in error.errors()})
        message = f"form field {', '.join(fields)} is missing or invalid"
        return problem(InputError("invalid_request", message, "see /docs for the fields"), request.state.request_id)

    @app.exception_handler(HTTPException)
    async def _protocol(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, RadloopError):  # FastAPI wraps what is raised while it reads a form
            return problem(error.__cause__, request.state.request_id)
        codes = {400: "malformed_request", 404: "not_found", 405: "method_not_allowed", 413: "upload_too_large"}
        code = codes.get(error.status_code, "request_failed")
        messages = {400: "the body is not a multipart form that can be read", 404: "there is nothing at this address"}
        message = messages.get(error.status_code, code.replace("_", " "))
        return problem(InputError(code, message, "see /docs"), request.state.request_id, error.status_code)
