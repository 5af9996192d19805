"""Videos: taken on as a job, read frame by frame, answered as a clip with a timeline."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, File, Form, Path, Request, UploadFile
from fastapi.responses import Response

from radloop.errors import RadloopError, Refusal
from radloop.images.containers import container_of
from radloop.inference.clip import ClipAnswer, ClipReader, clip_spec
from radloop.inference.recorded import Observed
from radloop.serving.answering import clinical_of
from radloop.serving.asked import Asked
from radloop.serving.background import content_of, in_pool
from radloop.serving.champions import Champions
from radloop.serving.described import EXAMPLE_CLINICAL, KEY, REFUSALS
from radloop.serving.jobs import Job, Jobs
from radloop.serving.problems import TryLater
from radloop.serving.recording import Recorder
from radloop.serving.schemas import JobState
from radloop.settings import Settings

_NAME = Path(description="what `/v1/predict_video` gave", examples=["0" * 32], max_length=64)


def add_video(app: FastAPI) -> None:
    """Add `/v1/predict_video` and `/v1/jobs`."""

    @app.post(
        "/v1/predict_video",
        status_code=202,
        response_model=JobState,
        responses=REFUSALS,
        summary="Answer for a video, as a job",
        dependencies=KEY,
    )
    async def predict_video(
        request: Request,
        video: Annotated[UploadFile, File(description="MP4 or AVI of at most 5 minutes")],
        use_case: Annotated[str, Form(description="one that takes video", examples=["lung-us"])],
        clinical: Annotated[str | None, Form(description="as of `/v1/predict`", examples=[EXAMPLE_CLINICAL])] = None,
        frames_per_second: Annotated[
            float | None,
            Form(description="frames looked at; those of the use case where none is named", examples=[2.0]),
        ] = None,
    ) -> Response:
        settings: Settings = app.state.settings
        content = await content_of(request, video, settings.max_batch_bytes)
        if container_of(content[:64]) is None:
            raise Refusal("not_a_video", "the file is not a video that is read here", "send MP4 or AVI")
        work = _Work(request, content, use_case, clinical, frames_per_second)
        await in_pool(request, work.check)
        job = app.state.jobs.submit(_owner(request), work)
        return _state(job, 202)

    @app.get("/v1/jobs/{job}", response_model=JobState, responses=REFUSALS, summary="How far a job is", dependencies=KEY)
    async def job_state(request: Request, job: Annotated[str, _NAME]) -> Response:
        return _state(_jobs(app).get(job, _owner(request)))

    @app.get(
        "/v1/jobs/{job}/result", response_model=ClipAnswer, responses=REFUSALS, summary="What came of a job", dependencies=KEY
    )
    async def job_result(request: Request, job: Annotated[str, _NAME]) -> Response:
        found = _jobs(app).result(job, _owner(request))
        return Response(found.model_dump_json(), media_type="application/json")

    @app.delete("/v1/jobs/{job}", response_model=JobState, responses=REFUSALS, summary="Cancel or forget a job", dependencies=KEY)
    async def cancel_job(request: Request, job: Annotated[str, _NAME]) -> Response:
        return _state(_jobs(app).cancel(job, _owner(request)))


class _Work:
    """One video's way to its answer; its bytes go with it."""

    def __init__(self, request: Request, content: bytes, use_case: str, clinical: str | None, rate: float | None) -> None:
        self._state = request.app.state
        self._key = request.state.key
        self._id: str = request.state.request_id
        self._content = content
        self._use_case = use_case
        self._clinical = clinical
        self._rate = rate
        self._values: dict[str, Any] | None = None

    def check(self) -> None:
        """Refuse what can be refused before the job.

        Raises:
            Refusal: the use case may not be asked, or takes no video.
            InputError: there is no such use case, or a clinical value is unknown or invalid.
        """
        self._values = clinical_of(self._clinical)
        champions: Champions = self._state.champions
        self._champion = champions.named(self._asked())
        self._spec = clip_spec(self._champion.facts.image, self._rate)
        self._champion.check(self._values)

    def __call__(self, job: Job[ClipAnswer]) -> ClipAnswer:
        """Answer, and record the clip's answer or refusal."""
        recorder: Recorder = self._state.recorder
        content, self._content = self._content, b""
        file = recorder.hashed(content)
        reader = ClipReader(self._state.champions.network(self._champion), self._spec, self._values)
        try:
            for _ in reader.read(content):
                job.step()
            found = reader.answer(self._id)
        except RadloopError as error:
            recorder.write(self._id, file, self._values, reader.observed, error, self._who())
            raise
        ticket = recorder.write(self._id, file, self._values, reader.observed, found.answer, self._who())
        if ticket is None and self._state.settings.record_required:
            raise TryLater("not_recorded", "the answer could not be recorded", "see the service's log; is its disk full?", 5)
        answer = found.answer.model_copy(update={"recorded": ticket is not None})
        return found.model_copy(update={"answer": answer})

    def _asked(self) -> Asked:
        names = self._key.allowed if self._key else None
        return Asked(self._use_case, self._values, False, None, self._id, names, Observed())

    def _who(self) -> tuple[str | None, str | None]:
        return (self._key.name, self._key.site) if self._key else (None, None)


def _state(job: Job[ClipAnswer], status: int = 200) -> Response:
    error = job.error.code if job.error else None
    body = JobState(job=job.id, status=job.status, frames=job.done, code=error)
    return Response(body.model_dump_json(), status_code=status, media_type="application/json")


def _jobs(app: FastAPI) -> Jobs[ClipAnswer]:
    found: Jobs[ClipAnswer] = app.state.jobs
    return found


def _owner(request: Request) -> str | None:
    return request.state.key.id if request.state.key else None
