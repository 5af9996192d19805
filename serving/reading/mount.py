"""Where the page hangs in the service: loaded at the first visit, closed with the service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from importlib.util import find_spec

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radloop.serving.problems import TryLater
from radloop.serving.reading.addresses import ASSETS, PAGE, UPLOAD, is_asset, is_work
from radloop.serving.reading.uploads import WORK_LIST, Uploads
from radloop.settings import Settings

# Gradio's page has scripts and styles inline and makes functions from text; it may reach this service and nothing else.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_FOREVER = "public, max-age=31536000, immutable"
_MISSING = "The reading page needs Gradio: pip install 'radloop[read]'. The API is described at /docs.\n"


class ReadingPage:
    """ASGI application: Gradio's, behind what it may be asked.

    Importing Gradio takes seconds and 85 MB, which a service that only programs ask never pays.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._inner: ASGIApp | None = None
        self._lock = asyncio.Lock()
        self._life: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._uploads: Uploads | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what belongs to the page."""
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        if not (is_asset(method, path) or is_work(method, path)):
            raise HTTPException(404)
        if find_spec("gradio") is None:
            await PlainTextResponse(_MISSING, 501)(scope, receive, send)
            return
        inner = await self._loaded()
        if path == UPLOAD and self._uploads is not None and not self._uploads.has_room():
            raise TryLater("overloaded", "too many files wait to be read", "try again in a minute", 60)
        # No part of the address is Gradio's to interpret but its path: a query could name a stored state.
        query = b"" if is_asset(method, path) else scope["query_string"]
        place = {"root_path": scope.get("app_root_path", ""), "path": f"{PAGE}/" if path == PAGE else path, "query_string": query}
        way_out = _Headers(send, path).send
        await inner({**scope, **place}, receive, _Slash(way_out).send if path == PAGE else way_out)

    async def close(self) -> None:
        """End Gradio's tasks and remove what was uploaded."""
        self._ended.set()
        if self._life is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._life
        if self._uploads is not None:
            self._uploads.close()

    async def _loaded(self) -> ASGIApp:
        if self._inner is None:
            async with self._lock:
                if self._inner is None:
                    self._inner = await self._load()
        return self._inner

    async def _load(self) -> ASGIApp:
        largest = max(WORK_LIST * self._settings.max_upload_bytes, self._settings.max_batch_bytes)
        uploads = self._uploads = self._uploads or Uploads(2 * largest)
        app = await asyncio.to_thread(_build, self._settings, uploads)
        started = asyncio.Event()
        self._life = asyncio.create_task(self._live(app, started))
        await started.wait()
        return app

    async def _live(self, app: FastAPI, started: asyncio.Event) -> None:
        """Run what Gradio does between its start and its end, in one task as its cancel scopes want it."""
        async with app.router.lifespan_context(app):
            started.set()
            await self._ended.wait()


def _build(settings: Settings, uploads: Uploads) -> FastAPI:
    from radloop.serving.reading.page import mounted

    return mounted(settings, uploads)


class _Headers:
    """The way out: a policy for the page, and assets that a browser may keep, for their names change with their content."""

    def __init__(self, send: Send, path: str) -> None:
        self._send = send
        self._kept = path.startswith(ASSETS)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = POLICY
            _drop(headers, ("set-cookie", "access-control-allow-origin", "access-control-allow-credentials"))
            if self._kept and message["status"] == 200:
                headers["cache-control"] = _FOREVER
        await self._send(message)


class _Slash:
    """The way out of the page's address without its slash: the page names its files from where it stands."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if not message.get("more_body"):
            body = self._body.replace(b'<base href="./" />', f'<base href=".{PAGE}/" />'.encode())
            if self._body:  # the answer to HEAD has none, and keeps the length that it tells
                MutableHeaders(scope=self._start)["content-length"] = str(len(body))
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": body})


def _drop(headers: MutableHeaders, names: Iterable[str]) -> None:
    for name in names:
        del headers[name]
