"""What BentoML writes down of a request's address: only addresses that exist.

BentoML logs the path and the content type of every request and counts requests by path. Both are the client's words:
a viewer that puts a name into an address would leave it in the log and in the metrics, one series a name. Its access
log is taken out (ours names the route), and what is at no known address is counted as one.
"""

from __future__ import annotations

from collections.abc import Iterable

from bentoml._internal.server.http import access, instruments
from starlette.types import ASGIApp, Receive, Scope, Send

UNKNOWN = "/unknown"
_OF_BENTOML = ("/livez", "/readyz", "/healthz", "/metrics")


class NoAccessLog:
    """Stands where BentoML's access log would."""

    def __init__(self, app: ASGIApp, **_: object) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        await self._app(scope, receive, send)


def keep_to(paths: Iterable[str]) -> None:
    """Make BentoML see no other paths than these and its own; called before it builds its application."""
    known = frozenset((*paths, *_OF_BENTOML))
    counting = instruments.RunnerTrafficMetricsMiddleware

    class KnownPaths(counting):  # type: ignore[misc, valid-type]
        """BentoML's outermost layer, which looks at the path before anything of ours can."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] not in known:
                scope = {**scope, "path": UNKNOWN, "raw_path": UNKNOWN.encode(), "query_string": b""}
            await super().__call__(scope, receive, send)

    instruments.RunnerTrafficMetricsMiddleware = KnownPaths
    access.AccessLogMiddleware = NoAccessLog
