"""Bundles for these tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from radloop.inference.predictor import Predictor
from tests.bundles import KINDS, make_bundle


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sealed and approved bundle's folder; nobody may change it."""
    return make_bundle(tmp_path_factory.mktemp("sealed"))


@pytest.fixture(scope="session")
def predictor(sealed: Path) -> Predictor:
    """Return the predictor of the sealed bundle."""
    return Predictor(sealed)


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Predictor]:
    """Return a predictor of every kind of bundle, see `tests.bundles.KINDS`."""
    bundles = tmp_path_factory.mktemp("kinds")
    return {kind: Predictor(make_bundle(bundles, **changes)) for kind, changes in KINDS.items()}


@pytest.fixture
def folder(sealed: Path, tmp_path: Path) -> Path:
    """Return a copy of the sealed bundle's folder, to be damaged."""
    copy = tmp_path / sealed.parent.name / sealed.name
    shutil.copytree(sealed, copy)
    return copy
