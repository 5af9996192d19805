"""What BentoML writes down of a request's address: only addresses that exist.

BentoML logs the path and the content type of every request and counts requests by path. Both are the client's words:
a viewer that puts a name into an address would leave it in the log and in the metrics, one series a name. Its access
log is taken out (ours names the route), and what is at no known address is counted as one. An address with an id in it is
counted by its route; what it was travels beside it to our own application.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property

from bentoml._internal.server.http import access, instruments
from starlette.types import ASGIApp, Receive, Scope, Send

from radloop.serving.address import ADDRESS

UNKNOWN = "/unknown"
_OF_BENTOML = ("/livez", "/readyz", "/healthz", "/metrics")


class NoAccessLog:
    """Stands where BentoML's access log would."""

    def __init__(self, app: ASGIApp, **_: object) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        await self._app(scope, receive, send)


def keep_to(paths: Callable[[], Iterable[str]]) -> None:
    """Make BentoML see no other paths than these and its own; called before it builds its application.

    Args:
        paths: of the routes; asked at the first request.
    """
    counting = instruments.RunnerTrafficMetricsMiddleware

    class KnownPaths(counting):  # type: ignore[misc, valid-type]
        """BentoML's outermost layer, which looks at the path before anything of ours can."""

        @cached_property
        def _known(self) -> frozenset[str]:
            return frozenset((*paths(), *_OF_BENTOML))

        @cached_property
        def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
            return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in self._known if "{" in path]

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] not in self._known:
                found = next((path for pattern, path in self._patterns if pattern.fullmatch(scope["path"])), None)
                kept = {ADDRESS: scope["path"]} if found else {"query_string": b""}
                shown = found or UNKNOWN
                scope = {**scope, "path": shown, "raw_path": shown.encode(), **kept}
            await super().__call__(scope, receive, send)

    instruments.RunnerTrafficMetricsMiddleware = KnownPaths
    access.AccessLogMiddleware = NoAccessLog
