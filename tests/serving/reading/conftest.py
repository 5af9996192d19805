"""A service of five use cases, of which one takes clips, without keys, for the page to ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from radloop.serving.app import create_app
from radloop.serving.reading.visit import Visit
from radloop.settings import Settings
from tests.bundles import KINDS, make_bundle, make_images
from tests.image_files import make_dicom, make_raster
from tests.images.test_video import make_clip
from tests.services import point, thread_service

IMAGE = make_images(1, seed=9, size=256)[0]
DICOM = make_dicom(IMAGE, stored=8, PatientName="Roe^Richard", PatientID="MRN-77")
PNG = make_raster(IMAGE)
LUNG = {
    "use_case": "lung-us",
    "title": "Lung ultrasound",
    "image": {"modalities": ("US",), "body_parts": ("LUNG",), "size": 64, "min_side": 32, "frames_per_second": 2.0},
    "intended_use": {"statement": "Clips."},
}
"""What makes a bundle one that takes clips."""
CLIP = make_clip("avi", "rawvideo", "gray", frames=50, rate=10)
"""Five seconds; at two frames a second 0, 5, 10 ... 45, of which the first is black."""
LONG_CLIP = make_clip("avi", "mjpeg", "yuvj420p", frames=2900, rate=10)
"""Almost five minutes: 580 frames are looked at."""


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Settings]]:
    """Return its address and its settings."""
    home = tmp_path_factory.mktemp("reading") / ".radloop"
    for kind in ("binary", "multilabel", "fusion", "location"):
        point(make_bundle(home / "bundles", **KINDS[kind]))
    point(make_bundle(home / "bundles", **LUNG))
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
