"""A client that costs little: raw requests over connections that stay open, one coroutine a client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Load:
    """What some clients met.

    Attributes:
        milliseconds: of every answer.
        seconds: that it took in all.
        errors: answers that were none.
        bodies: the answers, by the image's number.
    """

    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    errors: int = 0
    bodies: list[tuple[int, bytes]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return p50 and p99, ms, answers a second and errors."""
        if not self.milliseconds:
            return {"p50": None, "p99": None, "per_second": 0.0, "errors": self.errors}
        p50, p99 = (round(float(np.percentile(self.milliseconds, share)), 3) for share in (50, 99))
        return {"p50": p50, "p99": p99, "per_second": round(len(self.milliseconds) / self.seconds, 2), "errors": self.errors}


def form(path: str, files: Sequence[bytes], port: int, **fields: str) -> list[bytes]:
    """Return whole HTTP requests with one image each, in the field `image`."""
    boundary = b"radloop-benchmark-boundary"
    head = b"".join(
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary, name.encode(), value.encode())
        for name, value in fields.items()
    )
    found = []
    for content in files:
        body = head + b'--%s\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n' % boundary
        body += b"Content-Type: application/octet-stream\r\n\r\n%s\r\n--%s--\r\n" % (content, boundary)
        found.append(
            b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n"
            % (path.encode(), port, boundary, len(body))
            + body
        )
    return found


def run(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    """Let some clients ask, each its next image when it has the answer to the last, for some seconds."""
    return asyncio.run(_run(port, requests, clients, seconds))


async def _run(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    load, start = Load(), time.perf_counter()
    until = start + seconds
    await asyncio.gather(*(_client(port, requests, number, until, load) for number in range(clients)))
    load.seconds = time.perf_counter() - start
    return load


async def _client(port: int, requests: Sequence[bytes], number: int, until: float, load: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    place = number
    while time.perf_counter() < until:
        start = time.perf_counter()
        writer.write(requests[place % len(requests)])
        await writer.drain()
        status, body = await _answer(reader)
        if status == 200:
            load.milliseconds.append(1000 * (time.perf_counter() - start))
            load.bodies.append((place % len(requests), body))
        else:
            load.errors += 1
        place += 1
    writer.close()
    await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)
