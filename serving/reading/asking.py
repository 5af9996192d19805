"""What the page asks of `/v1`, over HTTP on this machine, with the visitor's key and no other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.types import Scope

from radloop.client import Client, FailedError, ServiceError

_FINAL = ("done", "failed", "cancelled", "finished", "succeeded", "completed")
_PATIENCE = 900.0
"""Seconds that a video may take."""


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

    def paths(self) -> dict[str, Any]:
        """Return the addresses that the service describes: what it can do beside answering."""
        try:
            return dict(self._json("GET", "/openapi.json")["paths"])
        except ServiceError:
            return {}

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

    def video(self, content: bytes, use_case: str | None, operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield a video's job until it has ended, last its result.

        Args:
            content: of the file.
            use_case: None where the service may choose.
            operation: how the OpenAPI description describes `POST /v1/predict_video`.

        Raises:
            ServiceError: refused, failed or unreachable, or it took too long.
        """
        form = {"use_case": use_case} if use_case else {}
        files = {_file_field(operation): ("video", content, "application/octet-stream")}
        job = self._json("POST", "/v1/predict_video", files=files, data=form)
        name, until = str(job["job"]), time.monotonic() + _PATIENCE
        while str(job.get("status")) not in _FINAL:
            yield job
            if time.monotonic() > until:
                raise FailedError("video_timeout", "the video took too long", "send a shorter one")
            time.sleep(0.5)
            job = self._json("GET", f"/v1/jobs/{name}")
        yield {**job, "result": self._json("GET", f"/v1/jobs/{name}/result")}

    def feedback(self, request_id: str, label: str | list[str], reader: str) -> dict[str, Any]:
        """Send a reader's judgement of an answer.

        Raises:
            ServiceError: refused, failed or unreachable.
        """
        body = {"request_id": request_id, "label": label} | ({"reader": reader.strip()} if reader.strip() else {})
        return self._json("POST", "/v1/feedback", json=body)

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


def _file_field(operation: Mapping[str, Any]) -> str:
    """Return the name of a form's file, `video` where its description is elsewhere."""
    for body in operation.get("requestBody", {}).get("content", {}).values():
        for name, member in body.get("schema", {}).get("properties", {}).items():
            if member.get("format") == "binary" or "contentMediaType" in member:
                return str(name)
    return "video"
