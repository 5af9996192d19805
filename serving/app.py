"""The HTTP routes, apart from any server: FastAPI over the bundles that answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.applications import Starlette
from starlette.formparsers import MultiPartParser
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Route

import radloop
from radloop.clinical import ClinicalInput
from radloop.configuration import use_case_files
from radloop.images.pool import Pool
from radloop.images.view import View
from radloop.inference.answer import Answer
from radloop.inference.api_keys import ApiKey
from radloop.inference.bundle import BundleFacts
from radloop.inference.clinical import range_of
from radloop.inference.clip import ClipAnswer
from radloop.inference.engine import STREAMS
from radloop.inference.workers import Worker, workers_folder
from radloop.records.answers import shadow_folder
from radloop.serving.answering import Question, answer
from radloop.serving.background import content_of, in_pool
from radloop.serving.batch import add_batch
from radloop.serving.challengers import Challengers
from radloop.serving.champions import Champions, allowed
from radloop.serving.described import CLOSED, EXAMPLE_CLINICAL, KEY, REFUSALS, USE_CASE
from radloop.serving.feedback import Desk, add_feedback
from radloop.serving.guard import LARGE, Guard
from radloop.serving.jobs import Jobs
from radloop.serving.outline import add_outline
from radloop.serving.pages import docs_page, page_headers
from radloop.serving.problems import handle_problems
from radloop.serving.reading.addresses import PAGE, UPLOAD
from radloop.serving.reading.mount import ReadingPage
from radloop.serving.reading.uploads import WORK_LIST
from radloop.serving.recording import Recorder
from radloop.serving.residents import Residents
from radloop.serving.schemas import ServedEngine, ServedFinding, ServedUseCase, ServedValue, UseCases
from radloop.serving.shadow import Shadows
from radloop.serving.upload import Gate
from radloop.serving.video import add_video
from radloop.settings import Settings

DESCRIPTION = """Diagnostic models for medical images. **Not a medical device.** Every answer names the model, the data
and the evidence behind it; every refusal is `application/problem+json` with a stable code."""
_PREVIEW = """a 16-bit grey PNG, at most 1024 pixels a side. `x-image-low` and `x-image-high` are the values at 0 and 65535
(of CT, Hounsfield units), `x-image-center` and `x-image-width` the file's window, `x-image-inverted` whether low is white,
`x-image-rows` and `x-image-columns` the size as it was sent."""


def create_app(settings: Settings | None = None, decoders: Pool | None = None) -> FastAPI:
    """Return the application; bundles load when it starts.

    Args:
        settings: of the installation; from the environment where not given.
        decoders: processes that a bad file may kill, which the application closes; new ones where not given.
    """
    settings = settings or Settings()
    app = FastAPI(
        title="Radloop", version=radloop.__version__, description=DESCRIPTION, docs_url=None, redoc_url=None, lifespan=_lifespan
    )
    app.state.settings, app.state.decoders = settings, decoders
    # A form's file beyond this many bytes would be written to disk; patients' images are not.
    largest = max(settings.max_upload_bytes, settings.max_batch_bytes)
    MultiPartParser.spool_max_size = max(MultiPartParser.spool_max_size, largest + 1)
    app.add_middleware(Guard, settings=settings)
    limit = settings.max_upload_bytes
    larger = {UPLOAD: max(WORK_LIST * limit, settings.max_batch_bytes)} | dict.fromkeys(LARGE, settings.max_batch_bytes)
    app.add_middleware(Gate, limit=limit, seconds=settings.upload_seconds, larger=larger)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("authorization", "content-type"),
            expose_headers=("retry-after", "x-recorded", "x-request-id"),
        )
    handle_problems(app)
    _add_api(app)
    add_batch(app)
    add_outline(app)
    add_video(app)
    add_feedback(app, REFUSALS, KEY)
    _add_pages(app)
    return app


def champions_of(app: Starlette) -> Champions | None:
    """Return the bundles that answer, None before the application has started."""
    champions: Champions | None = getattr(app.state, "champions", None)
    return champions


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    bundles, swappable = bundles_folder(settings)
    worker = Worker(workers_folder(settings.place)) if swappable else None
    app.state.decoders = decoders = app.state.decoders or Pool(STREAMS)
    residents = Residents(settings.memory_budget, settings.idle_seconds)
    challengers = Challengers(bundles, residents, worker)
    champions = Champions(bundles, decoders, residents, worker, frozenset(use_case_files(settings)), challengers)
    app.state.recorder = recorder = Recorder(settings)
    app.state.shadows = shadows = Shadows(challengers, decoders, Recorder(settings, shadow_folder(settings)))
    app.state.jobs = jobs = Jobs[ClipAnswer]()
    app.state.feedback = desk = Desk(settings, bundles)
    # Two threads decode and infer side by side, each with its own request of the engine.
    with ThreadPoolExecutor(STREAMS, thread_name_prefix="radloop-answer") as pool:
        app.state.pool, app.state.champions = pool, champions
        loop = asyncio.get_running_loop()
        warm = loop.run_in_executor(pool, decoders.warm)
        await asyncio.gather(loop.run_in_executor(pool, champions.start), warm)
        followers = [asyncio.create_task(champions.follow()), asyncio.create_task(challengers.follow())]
        try:
            yield
        finally:
            for follower in followers:
                follower.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await follower
            await asyncio.get_running_loop().run_in_executor(None, jobs.close)
            await asyncio.get_running_loop().run_in_executor(None, shadows.close)
            if worker is not None:
                worker.close()
            await app.state.reading.close()
            decoders.close()
            recorder.close()
            desk.close()


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
    @app.post("/v1/predict", response_model=Answer, responses=REFUSALS, summary="Answer for one image", dependencies=KEY)
    async def predict(
        request: Request,
        image: Annotated[UploadFile, File(description="DICOM, PNG or JPEG; known by its content, not by its name")],
        use_case: Annotated[str | None, Form(description=USE_CASE, examples=["tb-cxr"])] = None,
        clinical: Annotated[
            str | None,
            Form(
                description="JSON object with `age` (years), `sex` (`F`, `M`, `O`) and the values that `/v1/use_cases` lists, "
                "where known",
                examples=[EXAMPLE_CLINICAL],
            ),
        ] = None,
        explain: Annotated[bool, Form(description="add a heat map (Grad-CAM)")] = False,
        segment: Annotated[bool, Form(description="add the region at the image's size, where the model locates")] = False,
        target: Annotated[
            str | None, Form(description="the finding whose heat map is wanted; without it, the most probable one's")
        ] = None,
        region: Annotated[
            Literal["none", "overlay", "box", "contour"],
            Form(description="where the heat map is half as hot as at its hottest or more, in pixels of the image"),
        ] = "none",
    ) -> Response:
        content = await content_of(request, image)
        shown = None if region == "none" else region
        asked = Question(content, use_case or None, clinical, explain, target or None, segment, shown)
        return await answer(request, asked, partial(in_pool, request))

    @app.post(
        "/v1/preview",
        response_class=Response,
        responses=REFUSALS | {200: {"content": {"image/png": {}}, "description": _PREVIEW}},
        summary="An image's values, to look at with window and level",
        dependencies=KEY,
    )
    async def preview(
        request: Request, image: Annotated[UploadFile, File(description="DICOM, PNG or JPEG, one still image")]
    ) -> Response:
        content = await content_of(request, image)
        view = await in_pool(request, lambda: app.state.champions.view(content))
        return Response(await in_pool(request, view.png), media_type="image/png", headers=_view_headers(view))

    @app.get("/v1/use_cases", responses=CLOSED, summary="List what is served", dependencies=KEY)
    async def use_cases(request: Request) -> UseCases:
        champions: Champions = app.state.champions
        key: ApiKey | None = request.state.key
        names = sorted(allowed(champions.served, key.allowed if key else None))
        return UseCases(use_cases=tuple(_served(champions, name) for name in names))


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return RedirectResponse("/read")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        page = docs_page(app.openapi())
        return HTMLResponse(page, headers=page_headers(page))

    # The page itself is loaded at the first visit: its libraries take seconds and memory that a service of programs saves.
    reading = app.state.reading = ReadingPage(app.state.settings)
    app.router.routes += [Route(PAGE, reading, include_in_schema=False), Mount(PAGE, reading)]


def _view_headers(view: View) -> dict[str, str]:
    facts = {name: getattr(view, name) for name in ("rows", "columns", "low", "high", "center", "width", "inverted", "unit")}
    return {f"x-image-{name}": str(value).lower() if name == "inverted" else str(value) for name, value in facts.items()}


def _served(champions: Champions, name: str) -> ServedUseCase:
    champion, refusal = champions.served[name], champions.refused.get(name)
    facts = champion.facts
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
        frames_per_second=facts.image.frames_per_second,
        threshold=facts.thresholds[0] if len(facts.outputs) == 1 else None,
        model=champion.model,
        engine=ServedEngine(
            kind=facts.engine.kind,
            provider=champion.provider,
            precision=champion.precision,
            sealed=facts.engine.precision,
            reason=facts.precision.reason if facts.precision else None,
        ),
        pending=refusal.code if refusal else None,
    )


def _value(item: ClinicalInput, facts: BundleFacts) -> ServedValue:
    limits = range_of(item, facts)
    return ServedValue(name=item.name, words=item.words, unit=limits.unit, low=limits.low, high=limits.high)
