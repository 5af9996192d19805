"""The BentoML service: one worker, with the routes of `app` mounted at its root.

    bentoml serve radloop.serving.service:Radloop

BentoML keeps `/livez`, `/readyz` and `/metrics`.
"""

from __future__ import annotations

import os
import threading

from radloop.settings import SILENCE

for _switch, _value in SILENCE.items():  # before BentoML is imported: it looks once
    os.environ.setdefault(_switch, _value)

import bentoml  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.routing import Route  # noqa: E402

from radloop.serving.late import LateApp  # noqa: E402
from radloop.serving.paths import keep_to  # noqa: E402


def _create() -> Starlette:
    """Import and return our routes; decoders take as long to start, side by side with it."""
    from radloop.images.pool import Pool
    from radloop.inference.engine import STREAMS

    decoders = Pool(STREAMS)
    threading.Thread(target=decoders.warm, daemon=True, name="radloop-warm").start()
    from radloop.serving.app import create_app

    return create_app(decoders=decoders)


app = LateApp(_create)
keep_to(lambda: (route.path for route in app.routes if isinstance(route, Route)))

# How many requests are worked on at once is the guard's to say: BentoML's own limit answers 429 without a reason.
# Where nobody collects traces, none is begun: it would cost every answer.
_TRACING = {} if {"BENTOML_CONFIG", "BENTOML_CONFIG_OPTIONS"} & os.environ.keys() else {"excluded_urls": ".*"}


@bentoml.service(name="radloop", workers=1, traffic={"timeout": 60}, tracing=_TRACING)
@bentoml.asgi_app(app, path="/")
class Radloop:
    """Diagnostic models for medical images."""

    async def __is_ready__(self) -> bool:
        """Tell whether every pointer's bundle is loaded."""
        from radloop.serving.app import champions_of

        champions = champions_of(app.inner)
        return champions is not None and champions.ready
