"""A service of four use cases, without keys, for the page to ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from radloop.serving.app import create_app
from radloop.serving.reading.reader import Visit
from radloop.settings import Settings
from tests.bundles import KINDS, make_bundle, make_images
from tests.image_files import make_dicom, make_raster
from tests.services import point, thread_service

IMAGE = make_images(1, seed=9, size=256)[0]
DICOM = make_dicom(IMAGE, stored=8, PatientName="Roe^Richard", PatientID="MRN-77")
PNG = make_raster(IMAGE)


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Settings]]:
    """Return its address and its settings."""
    home = tmp_path_factory.mktemp("reading") / ".radloop"
    for kind in ("binary", "multilabel", "fusion", "location"):
        point(make_bundle(home / "bundles", **KINDS[kind]))
    settings = Settings(root=home.parent, home=home, use_cases=home.parent / "none")
    with thread_service(create_app(settings)) as url:
        yield url, settings


@pytest.fixture
def visit(asked: tuple[str, Settings]) -> Visit:
    """Return a visit that chose tuberculosis and knows what is served."""
    from radloop.serving.reading.asking import Asking

    with Asking(asked[0], "") as asking:
        served = {one["use_case"]: one for one in asking.use_cases()}
    return Visit(asked[0], "", "tb-cxr", {"age": 54.0}, served)
