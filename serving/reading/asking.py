"""What the page asks of `/v1`, over HTTP on this machine, with the visitor's key and no other."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from starlette.types import Scope

from radloop.client import Client, FailedError, ServiceError

_PERIODS = (0.5, 2.0)
"""Seconds between the first two looks at a clip's job, and at the most: every look counts against the visitor's rate."""
_PATIENCE = 900.0
"""Seconds without a further frame after which nobody waits for a clip any more."""
_UNDER_WAY = ("waiting", "running")
_LATER = (429, 503)


def address_of(scope: Scope) -> str:
    """Return where this service listens: the address that the visitor's request came to, which is its own.

    Args:
        scope: of that request.
    """
    host, port = scope.get("server") or ("127.0.0.1", 3000)
    name = f"[{host}]" if ":" in str(host) else str(host)
    return f"http://{'127.0.0.1' if name == 'testserver' else name}:{port}"


def is_video(content: bytes) -> bool:
    """Tell whether it begins as MP4 or AVI does."""
    return content[4:8] == b"ftyp" or (content[:4] == b"RIFF" and content[8:12] == b"AVI ")


class Asking:
    """The service, asked for one visitor.

    Example:
        >>> with Asking("http://127.0.0.1:3000", key) as asking:      # doctest: +SKIP
        ...     answer = asking.answer(content, "tb-cxr", {"age": 54})
    """

    def __init__(self, url: str, key: str) -> None:
        """Open no connection yet.

        Args:
            url: of the service.
            key: the visitor's; empty where there is none.
        """
        self._client = Client(url, key=key.strip(), retries=1)

    def use_cases(self) -> list[dict[str, Any]]:
        """Return what is served to this visitor.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return list(self._json("GET", "/v1/use_cases")["use_cases"])

    def view(self, content: bytes) -> Any:
        """Return the response with an image's values.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        return self._client.call("POST", "/v1/preview", files=_image(content))

    def answer(
        self, content: bytes, use_case: str | None, clinical: Mapping[str, Any], target: str | None = None
    ) -> dict[str, Any]:
        """Return the answer for one image with its heat map, every member that the service sent included.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        form = {"explain": "true", "clinical": json.dumps(dict(clinical))}
        form |= {name: value for name, value in (("use_case", use_case), ("target", target)) if value}
        return self._json("POST", "/v1/predict", files=_image(content), data=form)

    def clip(self, content: bytes, use_case: str, clinical: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
        """Yield a clip's job until it has ended, last with its `result`; who stops listening cancels it.

        Args:
            content: of the file.
            use_case: one that takes clips.
            clinical: values by name.

        Raises:
            ServiceError: refused, cancelled, failed or unreachable, or nothing happens any more.
        """
        form = {"use_case": use_case, "clinical": json.dumps(dict(clinical))}
        files = {"video": ("clip", content, "application/octet-stream")}
        sent = job = self._json("POST", "/v1/predict_video", files=files, data=form)
        try:
            for job in self._followed(sent):
                yield job
            yield {**job, "result": self._json("GET", f"/v1/jobs/{job['job']}/result")}
        finally:
            if job["status"] in _UNDER_WAY:
                with contextlib.suppress(ServiceError):
                    self.cancel(str(job["job"]))

    def cancel(self, job: str) -> None:
        """Cancel a clip's job.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        self._json("DELETE", f"/v1/jobs/{job}")

    def feedback(self, request_id: str, label: str | list[str], reader: str) -> dict[str, Any]:
        """Send a reader's judgement of an answer.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        body = {"request_id": request_id, "label": label} | ({"reader": reader.strip()} if reader.strip() else {})
        return self._json("POST", "/v1/feedback", json=body)

    def _followed(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield a job as it goes on, the last time when it has ended."""
        period, longest = _PERIODS
        moved = time.monotonic()
        while job["status"] in _UNDER_WAY:
            yield job
            if time.monotonic() - moved > _PATIENCE:
                raise FailedError("video_timeout", "the clip is not read any further", "ask again later, or send a shorter one")
            time.sleep(period)
            period, before = min(1.3 * period, longest), job
            try:
                job = self._json("GET", f"/v1/jobs/{job['job']}")
            except FailedError as error:
                if error.status not in _LATER:  # busy, or the rate is used up: the job goes on all the same
                    raise
            if job != before:
                moved = time.monotonic()
        yield job

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _json(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        return dict(self._client.call(method, path, **content).json())


def problem_of(error: ServiceError) -> dict[str, Any]:
    """Return what a refusal says."""
    members = ("code", "detail", "hint", "status", "request_id")
    return {name: getattr(error, name) for name in members}


def _image(content: bytes) -> dict[str, Any]:
    return {"image": ("image", content, "application/octet-stream")}
