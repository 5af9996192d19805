"""An application that is imported where it answers.

BentoML imports the service twice: in the process that starts the workers, which wants no more than its name, and in each
worker. Our routes take seconds to import, and the workers are not begun before the first import is done.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send


class LateApp(Starlette):
    """Another application, made when the server starts.

    BentoML runs the lifespan of a Starlette application and of no other, and asks it for its routes.
    """

    def __init__(self, make: Callable[[], Starlette]) -> None:
        """Make nothing yet.

        Args:
            make: imports and returns the application.
        """
        super().__init__(lifespan=self._life)
        self._make = make
        self.inner = Starlette()

    @property
    def routes(self) -> list[BaseRoute]:
        """Return the application's routes, none before the start."""
        return self.inner.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer."""
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
        else:
            await self.inner(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        self.inner = self._make()
        async with self.inner.router.lifespan_context(self.inner):
            yield
