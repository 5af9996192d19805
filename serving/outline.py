"""The region as DICOM: one image in, a DICOM Segmentation out."""

from __future__ import annotations

import importlib.util
from typing import Annotated

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import Response

from radloop.errors import RadloopError, Refusal
from radloop.images.pool import Pool
from radloop.inference.answer import Answer
from radloop.inference.reading import region
from radloop.inference.recorded import Observed
from radloop.serving.answering import RECORDED, Question, ask, settled
from radloop.serving.background import content_of, in_pool
from radloop.serving.described import EXAMPLE_CLINICAL, KEY, REFUSALS
from radloop.serving.problems import problem

MEDIA = "application/dicom"
_REPLY = "radloop.images.segmentation:segmentation_reply"


def add_outline(app: FastAPI) -> None:
    """Add `/v1/segment`."""

    @app.post(
        "/v1/segment",
        response_class=Response,
        responses={**REFUSALS, 200: {"description": "a DICOM Segmentation", "content": {MEDIA: {}}}},
        summary="Outline one DICOM image",
        dependencies=KEY,
    )
    async def segment(
        request: Request,
        image: Annotated[UploadFile, File(description="DICOM")],
        use_case: Annotated[str, Form(description="one whose model locates", examples=["brain-tumor-mri-seg"])],
        clinical: Annotated[str | None, Form(description="as of `/v1/predict`", examples=[EXAMPLE_CLINICAL])] = None,
    ) -> Response:
        content = await content_of(request, image)
        question, observed = Question(content, use_case, clinical, False, None), Observed()
        asked = await in_pool(request, lambda: ask(request, question, request.state.request_id, observed))
        outcome, recorded = await settled(request, asked)
        headers = {RECORDED: "true" if recorded else "false"}
        if isinstance(outcome, RadloopError):
            refusal = problem(outcome, request.state.request_id)
            refusal.headers.update(headers)
            return refusal
        found = await in_pool(request, lambda: _written(request.app.state.decoders, content, outcome, observed))
        return Response(found, media_type=MEDIA, headers=headers)


def _written(decoders: Pool, content: bytes, answer: Answer, observed: Observed) -> bytes:
    """Return the DICOM file.

    Raises:
        Refusal: `not_installed`; `no_outline`: the model does not locate; `not_dicom` or `no_reference`.
    """
    if importlib.util.find_spec("highdicom") is None:
        raise Refusal(
            "not_installed", "this service writes no DICOM", "install radloop[read]; /v1/predict gives the region as PNG"
        )
    found = region(observed.scored) if observed.scored else None
    if found is None:
        raise Refusal("no_outline", f"the model of {answer.use_case} does not say where", "ask a use case that outlines")
    model = {"use_case": answer.use_case, "version": answer.model.version, "bundle": answer.model.bundle}
    _, arrays = decoders.call(_REPLY, content, found, answer.findings[0].label, model, size=len(content))
    return arrays[0].tobytes()
