"""Many images at once: several files or one zip, each answered and recorded by itself."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Annotated

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import Response

from radloop.errors import InputError, RadloopError, Refusal
from radloop.images.archive import is_archive, read_archive
from radloop.images.header import Header
from radloop.inference.answer import Answer
from radloop.inference.engine import STREAMS
from radloop.inference.recorded import Observed
from radloop.inference.series import sum_up, urgency
from radloop.serving.answering import Question, ask, settled
from radloop.serving.background import content_of, in_pool
from radloop.serving.described import KEY, REFUSALS, USE_CASE
from radloop.serving.problems import problem_body
from radloop.serving.schemas import BatchAnswer, BatchItem
from radloop.settings import Settings

Found = tuple[BatchItem, Header | None]


def add_batch(app: FastAPI) -> None:
    """Add `/v1/predict_batch`."""

    @app.post(
        "/v1/predict_batch", response_model=BatchAnswer, responses=REFUSALS, summary="Answer for many images", dependencies=KEY
    )
    async def predict_batch(
        request: Request,
        images: Annotated[list[UploadFile], File(description="several files, or one zip of them; a DICOM series is summed up")],
        use_case: Annotated[str | None, Form(description=USE_CASE, examples=["tb-cxr"])] = None,
        clinical: Annotated[
            str | None,
            Form(
                description="JSON array, one object (or null) an image, in their order; not with a zip",
                examples=['[{"age": 54, "sex": "F"}, null]'],
            ),
        ] = None,
        explain: Annotated[bool, Form(description="add a heat map to each answer")] = False,
    ) -> Response:
        files = await _files(request, images)
        values = _clinical(clinical, None if len(images) == 1 and files[1] else len(images))
        asked = _Asked(request, use_case or None, values, explain)
        found = await _answered(asked, files[0])
        return Response(_summed_up(request, found).model_dump_json(), media_type="application/json")


class _Asked:
    """A batch's form, and its way from one file to one item."""

    def __init__(self, request: Request, use_case: str | None, clinical: list[str | None] | None, explain: bool) -> None:
        self.request = request
        self._use_case = use_case
        self._clinical = clinical
        self._explain = explain

    async def one(self, number: int, content: bytes) -> Found:
        """Answer or refuse one image, under a request id of its own."""
        request_id, observed = uuid.uuid4().hex, Observed()
        clinical = self._clinical[number] if self._clinical is not None else None
        question = Question(content, self._use_case, clinical, self._explain, None)
        asked = await in_pool(self.request, lambda: ask(self.request, question, request_id, observed))
        outcome, _ = await settled(self.request, asked)
        header = observed.decoded.header if observed.decoded else None
        if isinstance(outcome, RadloopError):
            return BatchItem(name=number, answer=None, problem=problem_body(outcome, request_id)), header
        return BatchItem(name=number, answer=outcome, problem=None), header


async def _files(request: Request, images: list[UploadFile]) -> tuple[Iterator[bytes], bool]:
    """Return the files one by one, and whether they come out of a zip."""
    settings: Settings = request.app.state.settings
    if len(images) > settings.max_batch_images:
        raise Refusal("too_many_images", f"there are more than {settings.max_batch_images} images", "send them in parts")
    first = await content_of(request, images[0], settings.max_batch_bytes)
    if is_archive(first[:4]):
        if len(images) > 1:
            raise Refusal("unsafe_archive", "a zip comes alone", "send one zip, or the files themselves")
        return read_archive(first, settings.max_batch_images, settings.max_upload_bytes), True
    contents = [await content_of(request, image) for image in images[1:]]
    if len(first) > settings.max_upload_bytes:
        await images[0].seek(0)
        await content_of(request, images[0])
    return iter([first, *contents]), False


def _clinical(text: str | None, count: int | None) -> list[str | None] | None:
    """Return the clinical values of each image as JSON; `predict` says what is wrong with one of them."""
    if not text:
        return None
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        rows = None
    if count is None or not isinstance(rows, list) or len(rows) != count:
        raise InputError(
            "malformed_request",
            "form field clinical is not a JSON array with one member an image",
            'for example [{"age": 54}, null]; a zip takes none',
        )
    return [None if row is None else json.dumps(row) for row in rows]


async def _answered(asked: _Asked, files: Iterator[bytes]) -> list[Found]:
    """Answer for each file, as many at a time as the engine has streams; others' requests find their turn in between."""
    numbered, turn, found = enumerate(files), asyncio.Lock(), list[Found]()

    async def work() -> None:
        while True:
            async with turn:
                following = await in_pool(asked.request, lambda: next(numbered, None))
            if following is None:
                return
            found.append(await asked.one(*following))

    await asyncio.gather(*(work() for _ in range(STREAMS)))
    return sorted(found, key=lambda item: item[0].name)


def _summed_up(request: Request, found: list[Found]) -> BatchAnswer:
    answers = [(item.name, header, item.answer) for item, header in found if item.answer is not None and header is not None]
    order = sorted(answers, key=lambda entry: urgency(entry[2]), reverse=True)
    return BatchAnswer(
        request_id=request.state.request_id,
        results=tuple(item for item, _ in found),
        most_urgent=tuple(number for number, _, _ in order),
        series=sum_up([entry for entry in answers if _is_slice(entry[1], entry[2])]),
    )


def _is_slice(header: Header, answer: Answer) -> bool:
    return header.series is not None and bool(answer.findings)
