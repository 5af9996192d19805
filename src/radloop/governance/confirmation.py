"""The reviewers' page: what a decision is about, and the form that signs it.

The key file and its passphrase go over loopback to this process, which signs in memory with the code of the command line
and keeps neither. Signing in the browser instead would need a script, and a passphrase's key from PBKDF2: WebCrypto has
Ed25519, but no scrypt. So there is no script on the page at all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from radloop.configuration import load_use_case, use_case_files
from radloop.errors import InputError, RadloopError
from radloop.governance.addenda import read_addenda, recorded_seals
from radloop.governance.decisions import checked_reviewers, last_decisions, unverified
from radloop.governance.key_file import OpenKey, open_key
from radloop.governance.registry import Registry, Version
from radloop.governance.reporting import write_report
from radloop.governance.requests import open_request, understood
from radloop.governance.review import AUTHOR, decide_on, read_evidence, verdict_of
from radloop.settings import Settings

COOKIE = "radloop_review"
MAX_BYTES = 64_000
"""Of a form: a note and a key file of some hundred bytes."""


def create_page(settings: Settings) -> Starlette:
    """Return the application: `/` lists, `/UC/DIGEST` shows and decides, `/UC/DIGEST/report` is the report."""
    routes = [
        Route("/", _index),
        Route("/{use_case}/{digest}", _one, methods=["GET", "POST"]),
        Route("/{use_case}/{digest}/report", _report),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Gate, settings=settings)], exception_handlers={RadloopError: _problem})
    app.state.settings = settings
    app.state.secret = secrets.token_bytes(32)
    return app


def serve_page(settings: Settings) -> None:
    """Serve the page until a signal ends it."""
    try:
        uvicorn.run(create_page(settings), host=settings.review_host, port=settings.review_port, log_level="warning")
    except KeyboardInterrupt:
        return


class Gate:
    """Lets in who may ask: from this machine, unless a setting says so, under our own name, and with forms of our own."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._open = not _is_loopback(settings.review_host)
        public = urlsplit(settings.review_address).hostname or settings.review_host
        self._names = {"127.0.0.1", "localhost", "::1", settings.review_host, public}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that it is refused."""
        problem = self._problem(Request(scope)) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(problem, 403)(scope, receive, send)

    def _problem(self, request: Request) -> str | None:
        if not self._open and (request.client is None or not _is_loopback(request.client.host)):
            return "only this machine may ask; RADLOOP_REVIEW_HOST opens the page to others"
        # A name of somebody else's that leads here (DNS rebinding) would let their page read ours.
        if urlsplit(f"//{request.headers.get('host', '')}").hostname not in self._names:
            return "this page is not known under that name; RADLOOP_REVIEW_URL sets it"
        if request.method == "POST":
            origin = request.headers.get("origin")
            if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
                return "the form came from another page"
            length = request.headers.get("content-length", "")
            if not length.isdigit() or int(length) > MAX_BYTES:
                return f"a form has at most {MAX_BYTES} bytes"
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _index(request: Request) -> Response:
    settings: Settings = request.app.state.settings
    return _page("index", versions=await run_in_threadpool(_listed, settings), title="Reviews")


def _listed(settings: Settings) -> list[dict[str, Any]]:
    """Return every version of every use case that was judged here, the newest first."""
    names = [name for name in use_case_files(settings) if (settings.bundles / name).is_dir()]
    decided = last_decisions(settings)
    return [_summary(version, decided) for name in names for version in Registry(name, settings).versions()]


def _summary(version: Version, decided: Mapping[tuple[str, int], dict[str, Any]]) -> dict[str, Any]:
    last = decided.get((version.use_case, version.version))
    return {
        "version": version,
        "path": f"/{version.use_case}/{version.bundle.removeprefix('sha256:')}",
        "last": None if last is None else {**last, "who": unverified(last)},
        "request": open_request(version, last),
    }


async def _one(request: Request) -> Response:
    if request.method == "GET":
        return await run_in_threadpool(_shown, request)
    async with request.form(max_files=1, max_fields=6, max_part_size=MAX_BYTES) as form:
        file = form.get("key")
        content = await file.read() if isinstance(file, UploadFile) else b""
        return await run_in_threadpool(_decided, request, form, content)


def _shown(request: Request, problem: RadloopError | None = None, note: str | None = None) -> Response:
    settings: Settings = request.app.state.settings
    version = _asked(request)
    evidence = read_evidence(version, settings)
    summary = _summary(version, last_decisions(settings))
    asked = understood(summary["request"] or "")
    cookie = request.cookies.get(COOKIE) or secrets.token_urlsafe(24)
    answer = _page(
        "decision",
        status=200 if problem is None else 422 if isinstance(problem, InputError) else 403,
        title=f"{evidence['use_case']['title']}: version {version.version}",
        **summary,
        evidence=evidence,
        verdict=verdict_of(evidence),
        addenda=read_addenda(version, settings),
        author=version.tags.get(AUTHOR),
        keys_on=checked_reviewers(settings) is not None,
        asked=asked,
        note=note if note is not None else asked[1] if asked else "",
        token=_token(request, cookie, version),
        problem=problem,
    )
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


def _decided(request: Request, form: FormData, content: bytes) -> Response:
    """Decide what the form says, and lead back to the page, which then shows it."""
    settings: Settings = request.app.state.settings
    cookie, version, note = request.cookies.get(COOKIE, ""), _asked(request), _text(form, "note")
    if not cookie or not hmac.compare_digest(_text(form, "token"), _token(request, cookie, version)):
        return PlainTextResponse("the form is not of this page, or there is more to read on it by now: load it again", 403)
    try:
        decision = _text(form, "decision")
        if decision not in ("approve", "reject"):
            raise InputError("decision_incomplete", "neither approve nor reject was chosen", "choose one")
        key = _key(content, _text(form, "passphrase"))
        by = _text(form, "by")
        decide_on(version.use_case, version.version, "approve" if decision == "approve" else "reject", by, note, settings, key)
    except RadloopError as error:
        return _shown(request, error, note)
    return RedirectResponse(request.url.path, 303)


def _key(content: bytes, passphrase: str) -> OpenKey | None:
    return open_key(content, passphrase) if content else None


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _token(request: Request, cookie: str, version: Version) -> str:
    """Return what proves that a form is of this page, this browser and this process, and that it showed every addendum."""
    secret: bytes = request.app.state.secret
    seen = " ".join(recorded_seals(version, request.app.state.settings))
    return hmac.new(secret, f"{cookie} {request.url.path} {seen}".encode(), hashlib.sha256).hexdigest()


def _asked(request: Request) -> Version:
    """Return the version that an address names.

    Raises:
        InputError: there is none.
    """
    settings: Settings = request.app.state.settings
    name, bundle = request.path_params["use_case"], f"sha256:{request.path_params['digest']}"
    load_use_case(name, settings)
    found = [version for version in Registry(name, settings).versions() if version.bundle == bundle]
    if not found:
        raise InputError("unknown_version", "no version has this bundle", "the first page lists them")
    return found[0]


async def _report(request: Request) -> Response:
    settings: Settings = request.app.state.settings
    page = await run_in_threadpool(lambda: write_report(_asked(request), settings).read_text(encoding="utf-8"))
    return HTMLResponse(page, headers=_headers("'unsafe-inline'", "data:"))


def _problem(_: Request, error: Exception) -> Response:
    message, hint = (error.message, error.hint) if isinstance(error, RadloopError) else (type(error).__name__, "")
    status = 404 if isinstance(error, InputError) else 403
    return _page("problem", status=status, title="Refused", message=message, hint=hint)


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("radloop.governance", ""), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _page(kind: str, status: int = 200, **members: Any) -> HTMLResponse:
    page = _environment().get_template("confirmation.html.j2").render(kind=kind, **members)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[1].encode() if style else b"").digest()).decode()
    return HTMLResponse(page, status, headers=_headers(f"'sha256-{digest}'", "data:"))


def _headers(style: str, images: str) -> dict[str, str]:
    """Return headers under which a page runs nothing, loads nothing, and is framed by nobody."""
    rules = (
        f"default-src 'none'; style-src {style}; img-src {images}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": rules,
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
