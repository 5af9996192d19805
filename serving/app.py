"""The HTTP routes, apart from any server: FastAPI over the bundles that answer."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from fastapi import FastAPI, File, Form, Request, Security, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.security import HTTPBearer
from PIL import Image
from starlette.formparsers import MultiPartParser
from starlette.middleware.cors import CORSMiddleware

import radloop
from radloop.clinical import ClinicalInput
from radloop.configuration import use_case_files
from radloop.images.decode import Decoded
from radloop.images.pool import Pool
from radloop.inference.answer import Answer
from radloop.inference.api_keys import ApiKey
from radloop.inference.bundle import BundleFacts
from radloop.inference.clinical import range_of
from radloop.inference.engine import STREAMS
from radloop.inference.workers import Worker, workers_folder
from radloop.serving.answering import Question, answer
from radloop.serving.champions import Champions, allowed
from radloop.serving.guard import Guard
from radloop.serving.pages import docs_page, page_headers, read_page
from radloop.serving.problems import MEDIA_TYPE, handle_problems
from radloop.serving.recording import Recorder
from radloop.serving.schemas import Problem, ServedEngine, ServedFinding, ServedUseCase, ServedValue, UseCases
from radloop.serving.upload import Gate, too_large
from radloop.settings import Settings

T = TypeVar("T")

DESCRIPTION = """Diagnostic models for medical images. **Not a medical device.** Every answer names the model, the data
and the evidence behind it; every refusal is `application/problem+json` with a stable code."""
_PREVIEW_SIDE = 1024
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in {
        400: "the form cannot be read",
        401: "there is no API key, or it is unknown or revoked",
        403: "the key may not ask that use case; without keys, the request did not come over loopback",
        404: "there is no such use case",
        408: "the upload took too long",
        413: "the upload or the image is too large",
        415: "neither DICOM, PNG nor JPEG",
        422: "the image is inadmissible or unreadable, or a value is unknown",
        429: "the key's rate is used up; Retry-After says how many seconds",
        503: "the use case has no champion, the service is busy (then with Retry-After), or the answer cannot be recorded",
    }.items()
}
_CLOSED = {status: _REFUSALS[status] for status in (401, 403, 429, 503)}
# For the description only: the guard has decided before a route is looked for.
_KEY = [Security(HTTPBearer(auto_error=False, description="an API key; without keys the service answers on loopback only"))]


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; bundles load when it starts.

    Args:
        settings: of the installation; from the environment where not given.
    """
    settings = settings or Settings()
    app = FastAPI(
        title="Radloop", version=radloop.__version__, description=DESCRIPTION, docs_url=None, redoc_url=None, lifespan=_lifespan
    )
    app.state.settings = settings
    # A form's file beyond this many bytes would be written to disk; patients' images are not.
    MultiPartParser.spool_max_size = max(MultiPartParser.spool_max_size, settings.max_upload_bytes + 1)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Gate, limit=settings.max_upload_bytes, seconds=settings.upload_seconds)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization",),
            expose_headers=("retry-after", "x-recorded", "x-request-id"),
        )
    handle_problems(app)
    _add_api(app)
    _add_pages(app)
    return app


def champions_of(app: FastAPI) -> Champions | None:
    """Return the bundles that answer, None before the application has started."""
    champions: Champions | None = getattr(app.state, "champions", None)
    return champions


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    bundles, swappable = bundles_folder(settings)
    worker = Worker(workers_folder(settings.place)) if swappable else None
    decoders = Pool(STREAMS)
    champions = Champions(bundles, decoders, worker, frozenset(use_case_files(settings)))
    app.state.recorder = recorder = Recorder(settings)
    # Two threads decode and infer side by side, each with its own request of the engine.
    with ThreadPoolExecutor(STREAMS, thread_name_prefix="radloop-answer") as pool:
        app.state.pool, app.state.champions = pool, champions
        await asyncio.get_running_loop().run_in_executor(pool, champions.refresh)
        await asyncio.get_running_loop().run_in_executor(pool, decoders.warm, "radloop.images.decode:ready_reply")
        follower = asyncio.create_task(champions.follow())
        try:
            yield
        finally:
            follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await follower
            if worker is not None:
                worker.close()
            decoders.close()
            recorder.close()


def bundles_folder(settings: Settings) -> tuple[Path, bool]:
    """Return the folder of bundles, and whether somebody can swap them.

    A container without `.radloop/` serves the bundles that its Bento brought: they lie beside the
    package.
    """
    brought = Path(radloop.__file__).resolve().parent.parent / "bundles"
    if settings.bundles.is_dir() or not brought.is_dir():
        return settings.bundles, True
    return brought, False


def _add_api(app: FastAPI) -> None:
    @app.post("/v1/predict", response_model=Answer, responses=_REFUSALS, summary="Answer for one image", dependencies=_KEY)
    async def predict(
        request: Request,
        image: Annotated[UploadFile, File(description="DICOM, PNG or JPEG; known by its content, not by its name")],
        use_case: Annotated[str | None, Form(description="without it, the one that admits the image is used")] = None,
        clinical: Annotated[
            str | None,
            Form(
                description="JSON object with `age` (years), `sex` (`F`, `M`, `O`) and the values that `/v1/use_cases` lists, "
                "where known"
            ),
        ] = None,
        explain: Annotated[bool, Form(description="add a heat map (Grad-CAM)")] = False,
        target: Annotated[
            str | None, Form(description="the finding whose heat map is wanted; without it, the most probable one's")
        ] = None,
        region: Annotated[
            Literal["none", "overlay", "box", "contour"],
            Form(description="where the heat map is half as hot as at its hottest or more, in pixels of the image"),
        ] = "none",
    ) -> Response:
        content = await _content(request, image)
        shown = None if region == "none" else region
        asked = Question(content, use_case or None, clinical, explain, target or None, shown)
        return await answer(request, asked, partial(_in_pool, request))

    @app.get("/v1/use_cases", responses=_CLOSED, summary="List what is served", dependencies=_KEY)
    async def use_cases(request: Request) -> UseCases:
        champions: Champions = app.state.champions
        key: ApiKey | None = request.state.key
        names = sorted(allowed(champions.loaded, key.allowed if key else None))
        return UseCases(use_cases=tuple(_served(champions, name) for name in names))


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return RedirectResponse("/read")

    @app.get("/read", include_in_schema=False)
    async def read() -> Response:
        return HTMLResponse(read_page(), headers=page_headers(read_page()))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        page = docs_page(app.openapi())
        return HTMLResponse(page, headers=page_headers(page))

    @app.post("/read/preview", include_in_schema=False)
    async def preview(request: Request, image: Annotated[UploadFile, File()]) -> Response:
        """Return an image as the model's reader would see it: browsers show no DICOM."""
        content = await _content(request, image)
        decoded = await _in_pool(request, lambda: app.state.champions.decode(content))
        rows, columns = decoded.pixels.shape
        size = {"x-image-rows": str(rows), "x-image-columns": str(columns)}
        return Response(await _in_pool(request, lambda: _preview(decoded)), media_type="image/png", headers=size)


async def _in_pool(request: Request, work: Callable[[], T]) -> T:
    """Run blocking work beside the event loop."""
    pool: ThreadPoolExecutor = request.app.state.pool
    return await asyncio.get_running_loop().run_in_executor(pool, work)


async def _content(request: Request, image: UploadFile) -> bytes:
    limit: int = request.app.state.settings.max_upload_bytes
    content = await image.read()
    if len(content) > limit:
        raise too_large(limit)
    return content


def _preview(decoded: Decoded) -> bytes:
    image = Image.fromarray(decoded.pixels)
    image.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE))
    stream = io.BytesIO()
    image.save(stream, format="PNG", compress_level=1)
    return stream.getvalue()


def _served(champions: Champions, name: str) -> ServedUseCase:
    predictor, refusal = champions.loaded[name], champions.refused.get(name)
    facts = predictor.facts
    findings = zip(facts.outputs, facts.thresholds, strict=True)
    return ServedUseCase(
        use_case=name,
        title=facts.title,
        synthetic=facts.synthetic,
        intended_use=facts.intended_use,
        labels=facts.labels,
        findings=tuple(ServedFinding(label=label, threshold=threshold) for label, threshold in findings),
        levels=facts.severity.levels if facts.severity else (),
        clinical=tuple(_value(item, facts) for item in facts.clinical),
        modalities=facts.image.modalities,
        body_parts=facts.image.body_parts,
        threshold=facts.thresholds[0] if len(facts.outputs) == 1 else None,
        model=predictor.model,
        engine=ServedEngine(
            kind=facts.engine.kind,
            precision=predictor.precision,
            sealed=facts.engine.precision,
            reason=facts.precision.reason if facts.precision else None,
        ),
        pending=refusal.code if refusal else None,
    )


def _value(item: ClinicalInput, facts: BundleFacts) -> ServedValue:
    limits = range_of(item, facts)
    return ServedValue(name=item.name, words=item.words, unit=limits.unit, low=limits.low, high=limits.high)
