"""What every request passes first: an id, a limit on its size, and a net under it."""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radloop.errors import RadloopError, Refusal, ToolError
from radloop.serving.problems import problem

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

FORM_OVERHEAD = 64 * 1024
"""Bytes of a form besides its image: boundaries, headers and clinical values."""
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
    """ASGI middleware: request id, upload limit, and no error without an answer.

    The id is ours: one that a client chose could hold a name.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        replies = _Replies(send, request_id)
        body = _Body(receive, self._limit)
        try:
            if _content_length(scope) > self._limit + FORM_OVERHEAD:
                await body.refuse()
            await self._app(scope, body.receive, replies.send)
        except Exception as error:  # noqa: BLE001 - the last net: the sender gets an answer, the log no content
            if not isinstance(error, RadloopError):
                frames = "".join(traceback.format_tb(error.__traceback__))
                logger.error("request %s: %s\n%s", request_id, type(error).__name__, frames)
                error = ToolError("internal_error", "the service failed on this request", "report the request id")
            if not replies.started:
                await problem(error, request_id)(scope, receive, replies.send)


class _Replies:
    """The way out: adds the request id and remembers whether an answer has begun."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._request_id)]
        await self._send(message)


class _Body:
    """The way in: counts the bytes of a body whatever its header promised."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._count = 0

    async def receive(self) -> Message:
        message = await self._receive()
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


def _content_length(scope: Scope) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0
