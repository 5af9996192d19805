"""An application that is imported where it answers."""

from __future__ import annotations

import subprocess
import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from radloop.serving.late import LateApp


def made(told: list[str]) -> Starlette:
    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.app.state.name)

    told.append("made")
    app = Starlette(routes=[Route("/who", who)])
    app.state.name = "inner"
    return app


def test_nothing_is_made_before_the_start_and_once_at_it() -> None:
    told: list[str] = []
    app = LateApp(lambda: made(told))
    assert (told, app.routes) == ([], [])
    with TestClient(app) as client:
        assert client.get("/who").text == "inner"
        assert [route.path for route in app.routes if isinstance(route, Route)] == ["/who"]
    assert told == ["made"]


def test_before_the_start_nothing_is_found() -> None:
    assert TestClient(LateApp(lambda: made([]))).get("/who").status_code == 404


def test_the_process_that_starts_workers_imports_no_routes() -> None:
    code = "import sys, radloop.serving.service; print([m for m in sys.modules if m.split('.')[0] in ('fastapi', 'numpy', 'pydicom')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
