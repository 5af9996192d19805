"""The client, for threads and for asyncio; both build the same requests and read the same answers."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from radloop.client.answers import Answer, BatchAnswer, ClipAnswer, Job, Receipt, ServedUseCase, UseCases
from radloop.client.errors import FailedError, UnreachableError, error_of

Source = str | os.PathLike[str] | bytes
Body = TypeVar("Body", bound=BaseModel)

DEFAULT_URL = "http://127.0.0.1:3000"
TIMEOUT = 60.0
"""Seconds; the service gives up after as many."""
RETRIES = 3
"""How often a request is sent again that the service asks to send later."""
LONGEST_WAIT = 30.0
"""Seconds; who is asked to wait longer is told so at once."""
PERIOD = 0.5
"""Seconds between two looks at a job."""
KEY = "RADLOOP_API_KEY"
"""The environment variable whose API key is used where none is given."""


class Client:
    """Ask a running service.

    Example:
        >>> with Client("http://127.0.0.1:3000") as client:                             # doctest: +SKIP
        ...     answer = client.predict("image.dcm", use_case="tb-cxr", explain=True)
        ...     print(answer.findings[0].probability)
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Open no connection yet.

        Args:
            url: of the service.
            key: an API key; None is the environment's `RADLOOP_API_KEY`, if there is one, an empty one is none at all.
            timeout: seconds.
            retries: how often a request is sent again that the service asks to send later (429 or 503, with Retry-After).
            transport: httpx's; for tests and proxies.
        """
        self._http = httpx.Client(base_url=url, timeout=timeout, transport=transport, headers=_headers(key))
        self._retries = retries

    def predict(
        self,
        source: Source,
        use_case: str | None = None,
        clinical: Mapping[str, Any] | None = None,
        explain: bool = False,
        target: str | None = None,
        segment: bool = False,
    ) -> Answer:
        """Answer for one image.

        Args:
            source: the path of a DICOM, PNG or JPEG, or its bytes; the file's name is not sent.
            use_case: without it, the service takes the one that admits the image.
            clinical: `age` (years), `sex` and the values that `use_cases` lists, where known.
            explain: ask for the heat map.
            target: the finding that it explains; without it, the most probable one.
            segment: ask for the region at the image's size, where the model locates.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return _read(self._send("POST", "/v1/predict", **_form(source, use_case, clinical, explain, target, segment)), Answer)

    def predict_batch(
        self,
        sources: Sequence[Source],
        use_case: str | None = None,
        clinical: Sequence[Mapping[str, Any] | None] | None = None,
        explain: bool = False,
    ) -> BatchAnswer:
        """Answer for many images.

        Args:
            sources: paths or bytes, or one zip of images.
            use_case: without it, each image's own.
            clinical: values of each image, in their order; not with a zip.
            explain: ask for heat maps.

        Raises:
            ServiceError: the batch was refused, failed or unreachable; one image's refusal is its result.
        """
        return _read(self._send("POST", "/v1/predict_batch", **_batch(sources, use_case, clinical, explain)), BatchAnswer)

    def segment(self, source: Source, use_case: str, clinical: Mapping[str, Any] | None = None) -> bytes:
        """Return the region of one DICOM image as the bytes of a DICOM Segmentation.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        form = _form(source, use_case, clinical)
        return _content(self._send("POST", "/v1/segment", **form))

    def send_video(
        self,
        source: Source,
        use_case: str,
        clinical: Mapping[str, Any] | None = None,
        frames_per_second: float | None = None,
    ) -> Job:
        """Send a video; `job` says how far it is.

        Args:
            source: the path of an MP4 or AVI, or its bytes.
            use_case: one that takes video.
            clinical: as of `predict`.
            frames_per_second: how many frames are looked at; without it, as many as the use case says.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return _read(self._send("POST", "/v1/predict_video", **_video(source, use_case, clinical, frames_per_second)), Job)

    def job(self, job: str) -> Job:
        """Return how far a job is.

        Raises:
            ServiceError: `unknown_job`, failed or unreachable.
        """
        return _read(self._send("GET", f"/v1/jobs/{job}"), Job)

    def cancel(self, job: str) -> Job:
        """Cancel a job, or forget one that has ended.

        Raises:
            ServiceError: `unknown_job`, failed or unreachable.
        """
        return _read(self._send("DELETE", f"/v1/jobs/{job}"), Job)

    def predict_video(
        self,
        source: Source,
        use_case: str,
        clinical: Mapping[str, Any] | None = None,
        frames_per_second: float | None = None,
        period: float = PERIOD,
    ) -> ClipAnswer:
        """Send a video and wait for its answer, asking every `period` seconds; the rest as of `send_video`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        job = self.send_video(source, use_case, clinical, frames_per_second)
        while not job.finished:
            time.sleep(period)
            job = self.job(job.job)
        return _read(self._send("GET", f"/v1/jobs/{job.job}/result"), ClipAnswer)

    def use_cases(self) -> tuple[ServedUseCase, ...]:
        """Return what the service answers for.

        Raises:
            ServiceError: failed or unreachable.
        """
        return _read(self._send("GET", "/v1/use_cases"), UseCases).use_cases

    def feedback(self, request_id: str, label: str | Sequence[str], reader: str | None = None) -> Receipt:
        """Confirm or correct an answer.

        Args:
            request_id: of the answer.
            label: a word of the use case; of findings, those that are present.
            reader: who read, never a patient; without it the API key's name.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return _read(self._send("POST", "/v1/feedback", json=_given(request_id, label, reader)), Receipt)

    def call(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Ask for an address that has no method here, and return the response as it came.

        Args:
            method: of HTTP.
            path: such as `/v1/predict`.
            content: as httpx's `request` takes it: `data`, `files`, `json`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        response = self._send(method, path, **content)
        if not response.is_success:
            raise error_of(response.status_code, response.content)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        for turn in range(self._retries + 1):
            try:
                response = self._http.request(method, path, **content)
            except httpx.TransportError as error:
                raise _unreachable(error) from error
            wait = _wait(response)
            if wait is None or turn == self._retries:
                break
            time.sleep(wait)
        return response

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncClient:
    """Ask a running service from asyncio; the same calls, awaited.

    Example:
        >>> async with AsyncClient() as client:          # doctest: +SKIP
        ...     answer = await client.predict(content)
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Open no connection yet; see `Client`."""
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout, transport=transport, headers=_headers(key))
        self._retries = retries

    async def predict(
        self,
        source: Source,
        use_case: str | None = None,
        clinical: Mapping[str, Any] | None = None,
        explain: bool = False,
        target: str | None = None,
        segment: bool = False,
    ) -> Answer:
        """Answer for one image; see `Client.predict`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return _read(
            await self._send("POST", "/v1/predict", **_form(source, use_case, clinical, explain, target, segment)), Answer
        )

    async def predict_batch(
        self,
        sources: Sequence[Source],
        use_case: str | None = None,
        clinical: Sequence[Mapping[str, Any] | None] | None = None,
        explain: bool = False,
    ) -> BatchAnswer:
        """Answer for many images; see `Client.predict_batch`.

        Raises:
            ServiceError: the batch was refused, failed or unreachable; one image's refusal is its result.
        """
        return _read(await self._send("POST", "/v1/predict_batch", **_batch(sources, use_case, clinical, explain)), BatchAnswer)

    async def segment(self, source: Source, use_case: str, clinical: Mapping[str, Any] | None = None) -> bytes:
        """Return a DICOM Segmentation; see `Client.segment`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        form = _form(source, use_case, clinical)
        return _content(await self._send("POST", "/v1/segment", **form))

    async def send_video(
        self,
        source: Source,
        use_case: str,
        clinical: Mapping[str, Any] | None = None,
        frames_per_second: float | None = None,
    ) -> Job:
        """Send a video; see `Client.send_video`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return _read(await self._send("POST", "/v1/predict_video", **_video(source, use_case, clinical, frames_per_second)), Job)

    async def job(self, job: str) -> Job:
        """Return how far a job is.

        Raises:
            ServiceError: `unknown_job`, failed or unreachable.
        """
        return _read(await self._send("GET", f"/v1/jobs/{job}"), Job)

    async def cancel(self, job: str) -> Job:
        """Cancel a job, or forget one that has ended.

        Raises:
            ServiceError: `unknown_job`, failed or unreachable.
        """
        return _read(await self._send("DELETE", f"/v1/jobs/{job}"), Job)

    async def predict_video(
        self,
        source: Source,
        use_case: str,
        clinical: Mapping[str, Any] | None = None,
        frames_per_second: float | None = None,
        period: float = PERIOD,
    ) -> ClipAnswer:
        """Send a video and wait for its answer; see `Client.predict_video`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        job = await self.send_video(source, use_case, clinical, frames_per_second)
        while not job.finished:
            await asyncio.sleep(period)
            job = await self.job(job.job)
        return _read(await self._send("GET", f"/v1/jobs/{job.job}/result"), ClipAnswer)

    async def use_cases(self) -> tuple[ServedUseCase, ...]:
        """Return what the service answers for.

        Raises:
            ServiceError: failed or unreachable.
        """
        return _read(await self._send("GET", "/v1/use_cases"), UseCases).use_cases

    async def feedback(self, request_id: str, label: str | Sequence[str], reader: str | None = None) -> Receipt:
        """Confirm or correct an answer; see `Client.feedback`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return _read(await self._send("POST", "/v1/feedback", json=_given(request_id, label, reader)), Receipt)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        for turn in range(self._retries + 1):
            try:
                response = await self._http.request(method, path, **content)
            except httpx.TransportError as error:
                raise _unreachable(error) from error
            wait = _wait(response)
            if wait is None or turn == self._retries:
                break
            await asyncio.sleep(wait)
        return response

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


def _form(
    source: Source,
    use_case: str | None,
    clinical: Mapping[str, Any] | None,
    explain: bool = False,
    target: str | None = None,
    segment: bool = False,
) -> dict[str, Any]:
    data = {"explain": "true"} if explain else {}
    data |= {"segment": "true"} if segment else {}
    if use_case is not None:
        data["use_case"] = use_case
    if target is not None:
        data["target"] = target
    if clinical is not None:
        data["clinical"] = json.dumps(dict(clinical))
    return {"files": {"image": _part(source)}, "data": data}


def _batch(
    sources: Sequence[Source], use_case: str | None, clinical: Sequence[Mapping[str, Any] | None] | None, explain: bool
) -> dict[str, Any]:
    data = {"explain": "true"} if explain else {}
    if use_case is not None:
        data["use_case"] = use_case
    if clinical is not None:
        data["clinical"] = json.dumps([None if row is None else dict(row) for row in clinical])
    return {"files": [("images", _part(source)) for source in sources], "data": data}


def _video(source: Source, use_case: str, clinical: Mapping[str, Any] | None, frames_per_second: float | None) -> dict[str, Any]:
    data = {"use_case": use_case}
    if clinical is not None:
        data["clinical"] = json.dumps(dict(clinical))
    if frames_per_second is not None:
        data["frames_per_second"] = str(frames_per_second)
    return {"files": {"video": _part(source)}, "data": data}


def _part(source: Source) -> tuple[str, bytes, str]:
    """Return a part of a form; the file's name stays here."""
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    return ("image", content, "application/octet-stream")


def _content(response: httpx.Response) -> bytes:
    if not response.is_success:
        raise error_of(response.status_code, response.content)
    return response.content


def _given(request_id: str, label: str | Sequence[str], reader: str | None) -> dict[str, Any]:
    given = {"request_id": request_id, "label": label if isinstance(label, str) else list(label)}
    return given if reader is None else given | {"reader": reader}


def _headers(key: str | None) -> dict[str, str]:
    found = os.environ.get(KEY) if key is None else key
    return {"authorization": f"Bearer {found}"} if found else {}


def _wait(response: httpx.Response) -> float | None:
    """Return the seconds after which the service wants to be asked again; None where it does not say, or says too long."""
    if response.status_code not in (429, 503):
        return None
    text = response.headers.get("retry-after", "").strip()
    return float(text) if text.isdecimal() and float(text) <= LONGEST_WAIT else None


def _read(response: httpx.Response, body: type[Body]) -> Body:
    if not response.is_success:
        raise error_of(response.status_code, response.content)
    try:
        return body.model_validate_json(response.content)
    except ValidationError as error:
        raise FailedError(
            "unexpected_answer", "this is not the answer of a Radloop service", "check the address", response.status_code
        ) from error


def _unreachable(error: httpx.TransportError) -> UnreachableError:
    return UnreachableError(
        "unreachable", f"no answer came ({type(error).__name__})", "is the service running? start it with: radloop serve"
    )
