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
from radloop.serving.asked import Asked
from radloop.serving.champions import Champions
from radloop.serving.problems import TryLater, problem
from radloop.serving.recording import Recorder
from radloop.serving.shadow import Shadows, Shown
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
    segment: bool = False
    region: RegionKind | None = None


async def answer(
    request: Request, question: Question, in_pool: Callable[[Callable[[], Outcome]], Awaitable[Outcome]]
) -> Response:
    """Answer or refuse, and write down which before it leaves.

    Args:
        request: whose key and id it is.
        question: its form.
        in_pool: runs what blocks beside the event loop.

    An answer that a setting wants recorded and that could not be is a 503, `not_recorded`.
    """
    asked = await in_pool(lambda: ask(request, question, request.state.request_id))
    outcome, recorded = await settled(request, asked)
    headers = {RECORDED: "true" if recorded else "false"}
    if isinstance(outcome, RadloopError):
        refusal = problem(outcome, request.state.request_id)
        refusal.headers.update(headers)
        return refusal
    return Response(outcome.model_dump_json(), media_type="application/json", headers=headers)


async def settled(request: Request, asked: Outcome) -> tuple[Answer | RadloopError, bool]:
    """Return what `ask` gave as it may leave, and whether it is in the record.

    An answer that has to be recorded and could not be has become a refusal, `not_recorded`.
    """
    settings: Settings = request.app.state.settings
    outcome, ticket = asked
    recorded = ticket is not None
    if ticket is not None and settings.record_fsync_first:
        recorded = await request.app.state.recorder.on_disk(ticket)
    if isinstance(outcome, RadloopError):
        return outcome, recorded
    if settings.record_required and not recorded:
        return TryLater("not_recorded", "the answer could not be recorded", "see the service's log; is its disk full?", 5), False
    return outcome.model_copy(update={"recorded": recorded}), recorded


def ask(request: Request, question: Question, request_id: str, observed: Observed | None = None) -> Outcome:
    """Ask the model and record what came of it; blocks.

    Args:
        request: whose key it is.
        question: its form.
        request_id: under which it is recorded.
        observed: is given what becomes known on the way.
    """
    champions: Champions = request.app.state.champions
    recorder: Recorder = request.app.state.recorder
    key: ApiKey | None = request.state.key
    file, values, observed = recorder.hashed(question.content), None, observed or Observed()
    result: Answer | RadloopError
    try:
        values = clinical_of(question.clinical)
        names = key.allowed if key else None
        asked = Asked(
            use_case=question.use_case,
            clinical=values,
            explain=question.explain,
            target=question.target,
            request_id=request_id,
            allowed=names,
            observed=observed,
            segment=question.segment,
            region=question.region,
            alone=request.state.alone,
        )
        result = champions.answer(question.content, asked)
    except RadloopError as error:
        result = error
    who = (key.name, key.site) if key else (None, None)
    ticket = recorder.write(request_id, file, values, observed, result, who)
    shadows: Shadows = request.app.state.shadows
    if observed.facts is not None and observed.decoded is not None:
        name, image, busy = observed.facts.use_case, observed.facts.image, request.state.busy
        shadows.offer(Shown(request_id, name, question.content, observed.decoded, image, values, file, who, busy))
    return result, ticket


def clinical_of(text: str | None) -> dict[str, Any] | None:
    """Return the clinical values of a form.

    Raises:
        InputError: `malformed_request`.
    """
    try:
        values = json.loads(text) if text else None
    except (ValueError, RecursionError):
        values = text
    if values is not None and not isinstance(values, dict):
        raise InputError("malformed_request", "form field clinical is not a JSON object", 'for example {"age": 54, "sex": "F"}')
    return values
