"""The client for asyncio: the same calls as the one for threads, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx

from radloop.client.answers import Answer, BatchAnswer, ClipAnswer, Job, Receipt, ServedUseCase, UseCases
from radloop.client.exchange import (
    DEFAULT_URL,
    PERIOD,
    RETRIES,
    TIMEOUT,
    RegionKind,
    Source,
    batch_form,
    content_of,
    feedback_body,
    headers_of,
    image_form,
    read,
    unreachable,
    video_form,
    wait_of,
)


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
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout, transport=transport, headers=headers_of(key))
        self._retries = retries

    async def predict(
        self,
        source: Source,
        use_case: str | None = None,
        clinical: Mapping[str, Any] | None = None,
        explain: bool = False,
        target: str | None = None,
        segment: bool = False,
        region: RegionKind | None = None,
    ) -> Answer:
        """Answer for one image; see `Client.predict`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        form = image_form(source, use_case, clinical, explain, target, segment, region)
        return read(await self._send("POST", "/v1/predict", **form), Answer)

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
        return read(
            await self._send("POST", "/v1/predict_batch", **batch_form(sources, use_case, clinical, explain)), BatchAnswer
        )

    async def segment(self, source: Source, use_case: str, clinical: Mapping[str, Any] | None = None) -> bytes:
        """Return a DICOM Segmentation; see `Client.segment`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        form = image_form(source, use_case, clinical)
        return content_of(await self._send("POST", "/v1/segment", **form))

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
        return read(
            await self._send("POST", "/v1/predict_video", **video_form(source, use_case, clinical, frames_per_second)), Job
        )

    async def job(self, job: str) -> Job:
        """Return how far a job is.

        Raises:
            ServiceError: `unknown_job`, failed or unreachable.
        """
        return read(await self._send("GET", f"/v1/jobs/{job}"), Job)

    async def cancel(self, job: str) -> Job:
        """Cancel a job, or forget one that has ended.

        Raises:
            ServiceError: `unknown_job`, failed or unreachable.
        """
        return read(await self._send("DELETE", f"/v1/jobs/{job}"), Job)

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
        return read(await self._send("GET", f"/v1/jobs/{job.job}/result"), ClipAnswer)

    async def use_cases(self) -> tuple[ServedUseCase, ...]:
        """Return what the service answers for.

        Raises:
            ServiceError: failed or unreachable.
        """
        return read(await self._send("GET", "/v1/use_cases"), UseCases).use_cases

    async def feedback(self, request_id: str, label: str | Sequence[str], reader: str | None = None) -> Receipt:
        """Confirm or correct an answer; see `Client.feedback`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return read(await self._send("POST", "/v1/feedback", json=feedback_body(request_id, label, reader)), Receipt)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        for turn in range(self._retries + 1):
            try:
                response = await self._http.request(method, path, **content)
            except httpx.TransportError as error:
                raise unreachable(error) from error
            wait = wait_of(response)
            if wait is None or turn == self._retries:
                break
            await asyncio.sleep(wait)
        return response

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
