"""One question: asked, recorded, and only then answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from radloop.errors import InputError, RadloopError
from radloop.inference.answer import Answer
from radloop.inference.api_keys import ApiKey
from radloop.inference.heat import RegionKind
from radloop.inference.recorded import Observed
from radloop.serving.champions import Asked, Champions
from radloop.serving.problems import TryLater, problem
from radloop.serving.recording import Recorder
from radloop.settings import Settings

RECORDED = "x-recorded"
"""The header that says of answers and refusals whether they are in the record."""

Outcome = tuple[Answer | RadloopError, int | None]
"""The answer, or why there is none; and its ticket in the record."""


@dataclass(frozen=True, slots=True)
class Question:
    """The form of a request, its image read.

    Attributes:
        clinical: JSON, as it was sent.
    """

    content: bytes
    use_case: str | None
    clinical: str | None
    explain: bool
    target: str | None
    region: RegionKind | None = None


async def answer(
    request: Request, question: Question, in_pool: Callable[[Callable[[], Outcome]], Awaitable[Outcome]]
) -> Response:
    """Answer or refuse, and write down which before it leaves.

    Args:
        request: whose key and id it is.
        question: its form.
        in_pool: runs what blocks beside the event loop.

    Raises:
        TryLater: `not_recorded`, where a setting asks for the record.
    """
    settings: Settings = request.app.state.settings
    outcome, ticket = await in_pool(lambda: _outcome(request, question))
    recorded = ticket is not None
    if ticket is not None and settings.record_fsync_first:
        recorded = await request.app.state.recorder.on_disk(ticket)
    headers = {RECORDED: "true" if recorded else "false"}
    if isinstance(outcome, RadloopError):
        refusal = problem(outcome, request.state.request_id)
        refusal.headers.update(headers)
        return refusal
    if settings.record_required and not recorded:
        raise TryLater("not_recorded", "the answer could not be recorded", "see the service's log; is its disk full?", 5)
    body = outcome.model_copy(update={"recorded": recorded}).model_dump_json()
    return Response(body, media_type="application/json", headers=headers)


def _outcome(request: Request, question: Question) -> Outcome:
    """Ask the model and record what came of it; blocks."""
    champions: Champions = request.app.state.champions
    recorder: Recorder = request.app.state.recorder
    key: ApiKey | None = request.state.key
    request_id: str = request.state.request_id
    file, values, observed = recorder.hashed(question.content), None, Observed()
    result: Answer | RadloopError
    try:
        values = _clinical(question.clinical)
        names = key.allowed if key else None
        asked = Asked(
            use_case=question.use_case,
            clinical=values,
            explain=question.explain,
            target=question.target,
            request_id=request_id,
            allowed=names,
            observed=observed,
            region=question.region,
            alone=request.state.alone,
        )
        result = champions.answer(question.content, asked)
    except RadloopError as error:
        result = error
    who = (key.name, key.site) if key else (None, None)
    return result, recorder.write(request_id, file, values, observed, result, who)


def _clinical(text: str | None) -> dict[str, Any] | None:
    try:
        values = json.loads(text) if text else None
    except (ValueError, RecursionError):
        values = text
    if values is not None and not isinstance(values, dict):
        raise InputError("malformed_request", "form field clinical is not a JSON object", 'for example {"age": 54, "sex": "F"}')
    return values
