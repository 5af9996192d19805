"""The gate in front of every request."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from radloop.serving.upload import FORM_OVERHEAD, Gate

LIMIT = 1000
TOO_MUCH = LIMIT + FORM_OVERHEAD + 1


def pass_through(gate: Gate, chunks: list[bytes], headers: list[tuple[bytes, bytes]] = []) -> list[Message]:  # noqa: B006
    """Send a body in chunks and return what comes back."""
    incoming = [
        {"type": "http.request", "body": chunk, "more_body": place + 1 < len(chunks)} for place, chunk in enumerate(chunks)
    ]
    replies: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        replies.append(message)

    asyncio.run(gate({"type": "http", "headers": headers}, receive, send))
    return replies


async def reads_all(scope: Scope, receive: Receive, send: Send) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def problem(replies: list[Message]) -> tuple[int, Any]:
    return replies[0]["status"], json.loads(replies[1]["body"])


def test_small_bodies_pass() -> None:
    replies = pass_through(Gate(reads_all, LIMIT), [b"a" * 400, b"b" * 600])
    assert replies[1]["body"] == b"1000"
    assert len(dict(replies[0]["headers"])[b"x-request-id"]) == 32


@pytest.mark.parametrize("declared", [True, False])
def test_large_bodies_are_refused_whatever_they_declare(declared: bool) -> None:
    headers = [(b"content-length", str(TOO_MUCH).encode())] if declared else []
    status, body = problem(pass_through(Gate(reads_all, LIMIT), [b"a" * TOO_MUCH, b"b"], headers))
    assert (status, body["code"]) == (413, "upload_too_large")


def test_an_endless_body_is_not_read_for_ever() -> None:
    endless = [b"a" * TOO_MUCH] * 50
    status, _ = problem(pass_through(Gate(reads_all, LIMIT), endless, [(b"content-length", b"999999999")]))
    assert status == 413


def test_a_fault_is_answered_and_its_text_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("D" + "oe^Jane")  # in two parts: a trace shows lines of code

    with caplog.at_level(logging.INFO):
        status, body = problem(pass_through(Gate(fails, LIMIT), [b""]))
    assert (status, body["code"]) == (500, "internal_error")
    assert body["request_id"] in caplog.text and "KeyError" in caplog.text
    assert "Doe" not in caplog.text and "Doe" not in json.dumps(body)


def test_other_traffic_passes_untouched() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return None

    asyncio.run(Gate(app, LIMIT)({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]
