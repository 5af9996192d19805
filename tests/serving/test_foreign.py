"""Inputs that do not belong, sent to a chest model over HTTP: each is refused with a code, and none is answered."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import av
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from radloop.configuration import read_use_case
from radloop.data.phantoms import write_phantoms
from radloop.images.decode import decode
from radloop.serving.app import create_app
from radloop.settings import Settings
from tests.familiar import make_familiar_bundle
from tests.image_files import make_dicom, make_raster
from tests.installations import ROOT
from tests.services import point, thread_service

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> list[Pixels]:
    """Return 170 phantoms as they are displayed."""
    folder = tmp_path_factory.mktemp("many") / "phantoms"
    write_phantoms(folder, n=170, seed=11)
    return [decode(path).pixels for path in sorted((folder / "images").glob("*.dcm"))]


@pytest.fixture(scope="module")
def url(chest: list[Pixels], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("installation") / ".radloop"
    spec = read_use_case(ROOT / "configs" / "use_cases" / "phantom-cxr.yaml").image
    point(make_familiar_bundle(home / "bundles", chest[:50], chest[50:150], spec, use_case="phantom-cxr", synthetic=True))
    with thread_service(create_app(Settings(root=home.parent, home=home))) as url:
        yield url


def ask(url: str, content: bytes) -> httpx.Response:
    return httpx.post(f"{url}/v1/predict", files={"image": content}, data={"use_case": "phantom-cxr"}, timeout=30)


def photograph() -> bytes:
    """Return a meadow under a sky."""
    rows = np.linspace(0, 1, 256)[:, None, None]
    sky, meadow = np.array([90, 150, 230]), np.array([60, 140, 40])
    image = np.where(rows < 0.5, sky, meadow) + np.random.default_rng(1).normal(0, 12, (256, 256, 3))
    stream = io.BytesIO()
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def screenshot() -> Pixels:
    """Return a grey window full of text."""
    image = Image.new("L", (800, 600), 180)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 800, 30), fill=90)
    pen.rectangle((20, 50, 780, 580), fill=215)
    for line in range(24):
        pen.text((40, 60 + 21 * line), "The quick brown fox jumps over the lazy dog and runs away. " * 2, fill=20)
    return np.asarray(image)


def video() -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        track = container.add_stream("mpeg4", rate=5)
        track.width = track.height = 64
        for _ in range(5):
            container.mux(track.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64), np.uint8), format="gray")))
        container.mux(track.encode(None))
    return stream.getvalue()


def bomb() -> bytes:
    """Return a PNG that says it has 30000 x 30000 pixels."""
    content = bytearray(make_raster(np.zeros((64, 64), np.uint8)))
    content[16:24] = (30_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


def foreign(one: Pixels) -> dict[str, tuple[bytes, str]]:
    """Return what does not belong, each with the code that it is refused with."""
    noise = np.random.default_rng(0).integers(0, 256, (256, 256)).astype(np.uint8)
    dim = np.zeros((256, 256), np.uint8)
    dim[:30, :60] = 200
    glare = np.maximum(one, np.where(np.indices(one.shape)[0] < 0.6 * one.shape[0], 255, 0).astype(np.uint8))
    tile = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((32, 32))).astype(np.uint8) * 200
    gif = io.BytesIO()
    Image.fromarray(one).save(gif, "GIF")
    header = {
        "hand": ({"BodyPartExamined": "HAND"}, "foreign_body_part"),
        "abdomen": ({"BodyPartExamined": "ABDOMEN"}, "foreign_body_part"),
        "head CT": ({"Modality": "CT", "BodyPartExamined": "HEAD"}, "foreign_modality"),
        "lateral view": ({"ViewPosition": "LL"}, "foreign_view"),
    }
    return {name: (make_dicom(one, stored=8, **tags), code) for name, (tags, code) in header.items()} | {
        "black": (make_raster(np.zeros((256, 256), np.uint8)), "blank_image"),
        "white": (make_raster(np.full((256, 256), 255, np.uint8)), "blank_image"),
        "nearly black": (make_raster(dim), "under_exposed"),
        "mostly white": (make_raster(glare), "over_exposed"),
        "noise": (make_raster(noise), "unfamiliar_image"),
        "on its side": (make_raster(np.rot90(one).copy()), "unfamiliar_image"),
        "upside down": (make_raster(one[::-1].copy()), "unfamiliar_image"),
        "chess board": (make_raster(tile), "unfamiliar_image"),
        "screenshot": (make_raster(screenshot()), "unfamiliar_image"),
        "colour photograph": (photograph(), "colour_image"),
        "strip": (make_raster(one[:80]), "odd_shape"),
        "thumbnail": (make_raster(one[::8, ::8].copy()), "too_small"),
        "truncated PNG": (make_raster(one)[:-500], "unreadable_image"),
        "truncated DICOM": (make_dicom(one, stored=8)[:-500], "unreadable_image"),
        "bomb": (bomb(), "image_too_large"),
        "PDF": (b"%PDF-1.7\n", "unknown_format"),
        "GIF": (gif.getvalue(), "unknown_format"),
        "video": (video(), "video_not_admitted"),
        "empty": (b"", "unreadable_image"),
        "11 MB": (b"\x89PNG\r\n\x1a\n" + bytes(11_000_000), "upload_too_large"),
    }


def test_what_does_not_belong_is_refused_with_its_code(url: str, chest: list[Pixels]) -> None:
    inputs = foreign(chest[160])
    found = {name: ask(url, content).json().get("code") for name, (content, _) in inputs.items()}
    assert found == {name: code for name, (_, code) in inputs.items()}
    assert len(found) >= 20


def test_its_own_are_answered(url: str, chest: list[Pixels]) -> None:
    answered = [ask(url, make_raster(image)).status_code == 200 for image in chest[150:]]
    assert sum(answered) >= 18  # of 20; 99 in 100 are promised
