"""What BentoML writes down of a request's address: only addresses that exist.

BentoML logs the path and the content type of every request and counts requests by path. Both are the client's words:
a viewer that puts a name into an address would leave it in the log and in the metrics, one series a name. Its access
log is off (ours names the route), and what is at no known address is counted as one.
"""

from __future__ import annotations

from collections.abc import Iterable

from bentoml._internal.container import BentoMLContainer
from bentoml._internal.server.http import instruments
from starlette.types import Receive, Scope, Send

UNKNOWN = "/unknown"
_OF_BENTOML = ("/livez", "/readyz", "/healthz", "/metrics")


def keep_to(paths: Iterable[str]) -> None:
    """Make BentoML see no other paths than these and its own; called before it builds its application."""
    known = frozenset((*paths, *_OF_BENTOML))
    BentoMLContainer.api_server_config.logging.access.enabled.set(False)
    counting = instruments.RunnerTrafficMetricsMiddleware

    class KnownPaths(counting):  # type: ignore[misc, valid-type]
        """BentoML's outermost layer, which looks at the path before anything of ours can."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] not in known:
                scope = {**scope, "path": UNKNOWN, "raw_path": UNKNOWN.encode(), "query_string": b""}
            await super().__call__(scope, receive, send)

    instruments.RunnerTrafficMetricsMiddleware = KnownPaths
