"""One real BentoML server for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from radloop.inference.predictor import Predictor
from tests.bundles import make_bundle
from tests.services import Service, bentoml_service, point


@dataclass(frozen=True)
class Deployed:
    """A running service and its bundles: the first answers at the start, the second is approved too."""

    service: Service
    first: Path
    second: Path


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Return a running BentoML service."""
    home = tmp_path_factory.mktemp("installation") / ".radloop"
    first = make_bundle(home / "bundles", seed=1, version=1)
    second = make_bundle(home / "bundles", seed=2, version=2)
    point(first, 1)
    with bentoml_service("radloop.serving.service:Radloop", home) as service:
        yield Deployed(service, first, second)


@pytest.fixture
def http(deployed: Deployed) -> Iterator[httpx.Client]:
    """Return an HTTP client of the running service, with the first bundle in place."""
    with httpx.Client(base_url=deployed.service.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def predictor(deployed: Deployed) -> Predictor:
    """Return the first bundle's predictor."""
    return Predictor(deployed.first)
