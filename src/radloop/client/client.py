"""The client for threads."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx

from radloop.client.answers import Answer, BatchAnswer, ClipAnswer, Job, Receipt, ServedUseCase, UseCases
from radloop.client.errors import error_of
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
        self._http = httpx.Client(base_url=url, timeout=timeout, transport=transport, headers=headers_of(key))
        self._retries = retries

    def predict(
        self,
        source: Source,
        use_case: str | None = None,
        clinical: Mapping[str, Any] | None = None,
        explain: bool = False,
        target: str | None = None,
        segment: bool = False,
        region: RegionKind | None = None,
    ) -> Answer:
        """Answer for one image.

        Args:
            source: the path of a DICOM, PNG or JPEG, or its bytes; the file's name is not sent.
            use_case: without it, the service takes the one that admits the image.
            clinical: `age` (years), `sex` and the values that `use_cases` lists, where known.
            explain: ask for the heat map.
            target: the finding that it explains; without it, the most probable one.
            segment: ask for the region at the image's size, where the model locates.
            region: ask for the heat map with its region, in pixels of the image: `overlay`, `box` or `contour`.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        form = image_form(source, use_case, clinical, explain, target, segment, region)
        return read(self._send("POST", "/v1/predict", **form), Answer)

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
        return read(self._send("POST", "/v1/predict_batch", **batch_form(sources, use_case, clinical, explain)), BatchAnswer)

    def segment(self, source: Source, use_case: str, clinical: Mapping[str, Any] | None = None) -> bytes:
        """Return the region of one DICOM image as the bytes of a DICOM Segmentation.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        form = image_form(source, use_case, clinical)
        return content_of(self._send("POST", "/v1/segment", **form))

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
        return read(self._send("POST", "/v1/predict_video", **video_form(source, use_case, clinical, frames_per_second)), Job)

    def job(self, job: str) -> Job:
        """Return how far a job is.

        Raises:
            ServiceError: `unknown_job`, failed or unreachable.
        """
        return read(self._send("GET", f"/v1/jobs/{job}"), Job)

    def cancel(self, job: str) -> Job:
        """Cancel a job, or forget one that has ended.

        Raises:
            ServiceError: `unknown_job`, failed or unreachable.
        """
        return read(self._send("DELETE", f"/v1/jobs/{job}"), Job)

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
        return read(self._send("GET", f"/v1/jobs/{job.job}/result"), ClipAnswer)

    def use_cases(self) -> tuple[ServedUseCase, ...]:
        """Return what the service answers for.

        Raises:
            ServiceError: failed or unreachable.
        """
        return read(self._send("GET", "/v1/use_cases"), UseCases).use_cases

    def feedback(self, request_id: str, label: str | Sequence[str], reader: str | None = None) -> Receipt:
        """Confirm or correct an answer.

        Args:
            request_id: of the answer.
            label: a word of the use case; of findings, those that are present.
            reader: who read, never a patient; without it the API key's name.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return read(self._send("POST", "/v1/feedback", json=feedback_body(request_id, label, reader)), Receipt)

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
                raise unreachable(error) from error
            wait = wait_of(response)
            if wait is None or turn == self._retries:
                break
            time.sleep(wait)
        return response

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
