"""What every request passes first: an id, limits on its size and its time, and a net under it."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
import uuid
from collections.abc import Mapping, MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radloop.errors import RadloopError, Refusal, ToolError
from radloop.serving.address import ADDRESS
from radloop.serving.problems import problem

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

FORM_OVERHEAD = 64 * 1024
"""Bytes of a form besides its image: boundaries, headers and clinical values."""
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""Of every response that does not say otherwise; a page names its own script and style."""
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "POST")
_LONGER = 4
"""How many times as long a large upload may take."""
_DRAIN = 8
"""How many times the limit is read and thrown away, so that the sender hears why instead of a broken connection."""


class TooLarge(Refusal):
    """Raise when more bytes arrive than an image may have."""


def too_large(limit: int) -> TooLarge:
    """Return the refusal of an upload above the limit, bytes."""
    return TooLarge(
        "upload_too_large",
        f"the upload is larger than {limit / 1e6:g} MB",
        "send a smaller file, or raise RADLOOP_MAX_UPLOAD_BYTES",
    )


class Gate:
    """ASGI middleware: request id, limits of the upload, a line in the log, and no error without an answer.

    The id is ours: one that a client chose could hold a name. So could an address: the log names the route.
    """

    def __init__(self, app: ASGIApp, limit: int, seconds: float = 30.0, larger: Mapping[str, int] | None = None) -> None:
        """Put the limits before an application.

        Args:
            app: what comes next.
            limit: bytes of an upload.
            seconds: that it may take.
            larger: addresses with a limit of their own: where several images arrive at once; they may take longer too.
        """
        self._app = app
        self._limit = limit
        self._larger = larger or {}
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if ADDRESS in scope:  # BentoML saw the route's
            scope = {**scope, "path": scope[ADDRESS], "raw_path": scope[ADDRESS].encode()}
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        replies = _Replies(send, request_id)
        limit = self._larger.get(scope.get("path", ""), self._limit)
        body = _Body(receive, limit, self._seconds * (_LONGER if limit > self._limit else 1))
        start = time.perf_counter()
        try:
            if content_length(scope) > limit + FORM_OVERHEAD:
                await body.refuse()
            await self._app(scope, body.receive, replies.send)
        except Exception as error:  # noqa: BLE001 - the last net: the sender gets an answer, the log no content
            if not isinstance(error, RadloopError):
                frames = "".join(traceback.format_tb(error.__traceback__))
                logger.error("request %s: %s\n%s", request_id, type(error).__name__, frames)
                error = ToolError("internal_error", "the service failed on this request", "report the request id")
            if not replies.started:
                await problem(error, request_id)(scope, receive, replies.send)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            method = scope.get("method") if scope.get("method") in _METHODS else "-"  # clients may send any word
            took = 1000 * (time.perf_counter() - start)
            logger.info("request %s: %s %s %d, %.1f ms", request_id, method, route, replies.status, took)


class _Replies:
    """The way out: adds the request id and remembers whether an answer has begun."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self.status = 0

    @property
    def started(self) -> bool:
        return self.status > 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self._request_id)]
            said = {name for name, _ in headers}
            message["headers"] = [*headers, *(header for header in HEADERS if header[0] not in said)]
        await self._send(message)


class _Body:
    """The way in: counts the bytes of a body whatever its header promised, and the time that they take."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._until: float | None = None
        self._whole = False
        self._count = 0

    async def receive(self) -> Message:
        if self._whole:  # what comes behind a body is the end of the connection, which may take its time
            return await self._receive()
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(
                "upload_too_slow", f"the upload took more than {self._seconds:g} s", "send it over a faster line"
            ) from None
        self._whole = not message.get("more_body")
        self._count += len(message.get("body", b""))
        if self._count > self._limit + FORM_OVERHEAD:
            await self.refuse(message)
        return message

    async def refuse(self, message: MutableMapping[str, Any] | None = None) -> None:
        """Read on for a while, keeping nothing, and refuse."""
        while (message is None or message.get("more_body")) and self._count <= _DRAIN * self._limit:
            message = await self._receive()
            self._count += len(message.get("body", b""))
        raise too_large(self._limit)


def content_length(scope: Scope) -> int:
    """Return how many bytes a request's header promises, 0 where it promises nothing."""
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0
