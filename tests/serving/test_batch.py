"""Many images at once, and outlines."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image

from radloop.client import Client, RefusedError
from radloop.inference.predictor import Predictor
from radloop.serving.app import create_app
from radloop.settings import Settings
from tests.bundles import KINDS, make_bundle, make_images
from tests.image_files import make_dicom, make_raster
from tests.services import point, thread_service

IMAGES = [make_raster(image) for image in make_images(4, seed=9, size=128)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("installation") / ".radloop"
    folder = make_bundle(home / "bundles", seed=1)
    point(folder)
    image = {"modalities": ("MR",), "body_parts": ("HEAD",), "size": 64}
    point(make_bundle(home / "bundles", **KINDS["segmentation"], image=image))
    settings = Settings(root=home.parent, home=home, max_upload_bytes=1_000_000, max_batch_bytes=3_000_000, max_batch_images=6)
    with thread_service(create_app(settings)) as url:
        yield url, folder


@pytest.fixture
def http(served: tuple[str, Path]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served[0], timeout=30) as client:
        yield client


def send(http: httpx.Client, *contents: bytes, **data: str) -> httpx.Response:
    files = [("images", (f"Doe_{k}", content)) for k, content in enumerate(contents)]
    return http.post("/v1/predict_batch", files=files, data={"use_case": "tb-cxr"} | data)


def packed(*contents: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for k, content in enumerate(contents):
            archive.writestr(f"Doe/{k}.png", content)
    return stream.getvalue()


def test_each_image_has_the_answer_that_it_has_alone(http: httpx.Client, served: tuple[str, Path]) -> None:
    predictor = Predictor(served[1])
    for response in (send(http, IMAGES[0], b"text", IMAGES[1]), send(http, packed(IMAGES[0], b"text", IMAGES[1]))):
        body = response.json()
        assert response.status_code == 200 and [item["name"] for item in body["results"]] == [0, 1, 2]
        assert (body["results"][1]["answer"], body["results"][1]["problem"]["code"]) == (None, "unknown_format")
        for number, image in ((0, IMAGES[0]), (2, IMAGES[1])):
            answer = body["results"][number]["answer"]
            assert answer["findings"][0]["probability"] == predictor.predict(image).findings[0].probability
            assert answer["recorded"] and answer["request_id"] != body["request_id"]
        assert sorted(body["most_urgent"]) == [0, 2] and body["series"] == []
        assert "Doe" not in response.text


def test_clinical_values_are_one_an_image(http: httpx.Client) -> None:
    body = send(http, IMAGES[0], IMAGES[1], clinical='[{"age": 7}, null]').json()
    assert body["results"][0]["problem"]["code"] == "outside_intended_use" and body["results"][1]["answer"]
    for wrong in ("{}", "[null]", "x", "[1, 2]"):
        response = send(http, IMAGES[0], IMAGES[1], clinical=wrong)
        assert "malformed_request" in response.text and response.status_code in (200, 400)
    assert send(http, packed(IMAGES[0]), clinical="[null]").json()["code"] == "malformed_request"


def test_a_series_is_summed_up_in_its_order(http: httpx.Client, served: tuple[str, Path]) -> None:
    pixels = make_images(3, seed=4, size=128)
    slices = [make_dicom(image, stored=8, InstanceNumber=number) for image, number in zip(pixels, (3, 1, 2), strict=True)]
    body = send(http, *slices).json()
    (series,) = body["series"]
    chances = [item["answer"]["findings"][0]["probability"] for item in body["results"]]
    means = {1: (chances[1] + chances[2]) / 2, 2: sum(chances) / 3, 0: (chances[2] + chances[0]) / 2}
    assert series["images"] == [1, 2, 0]
    assert series["findings"][0]["probability"] == pytest.approx(max(means.values()))
    assert means[series["findings"][0]["slice"]] == max(means.values())


@pytest.mark.parametrize(
    ("contents", "status", "code"),
    [
        ((IMAGES[0],) * 7, 413, "too_many_images"),
        ((packed(*(b"x",) * 7),), 413, "too_many_images"),
        ((packed(packed(b"x")),), 422, "unsafe_archive"),
        ((IMAGES[0], packed(b"x")), 200, "unknown_format"),
        ((packed(b"x"), IMAGES[0]), 422, "unsafe_archive"),
        ((b"PK\x03\x04rubbish",), 422, "unreadable_archive"),
        ((bytes(1_000_001),), 413, "upload_too_large"),
        ((bytes(900_000),) * 4, 413, "upload_too_large"),
    ],
)
def test_refusals(http: httpx.Client, contents: tuple[bytes, ...], status: int, code: str) -> None:
    response = send(http, *contents)
    assert response.status_code == status
    assert code in response.text


REGION = np.zeros((128, 256), np.uint8)
REGION[32:64, 160:224] = 255
HEAD = {"Modality": "MR", "BodyPartExamined": "HEAD"}


def test_a_mask_at_the_images_size(http: httpx.Client) -> None:
    form = {"use_case": "brain-tumor-mri-seg", "segment": "true"}
    found = http.post("/v1/predict", files={"image": make_raster(REGION)}, data=form).json()["segmentation"]
    with Image.open(io.BytesIO(base64.b64decode(found["png"]))) as picture:
        mask = np.asarray(picture)
    assert found["label"] == "tumour" and mask.shape == (128, 256) and set(np.unique(mask)) == {0, 255}
    # a place of the network is 16 x 32 pixels: the outline may be off by half of one
    assert (mask[40:56, 176:208] == 255).all() and mask[:24].max() == 0 and mask[:, :144].max() == 0
    plain = http.post("/v1/predict", files={"image": IMAGES[0]}, data={"use_case": "tb-cxr", "segment": "true"}).json()
    assert plain["segmentation"] is None


def test_a_dicom_segmentation(http: httpx.Client, served: tuple[str, Path]) -> None:
    content = make_dicom(REGION, stored=8, **HEAD)
    response = http.post("/v1/segment", files={"image": content}, data={"use_case": "brain-tumor-mri-seg"})
    assert response.status_code == 200 and response.headers["content-type"] == "application/dicom"
    assert response.headers["x-recorded"] == "true"
    found, source = pydicom.dcmread(io.BytesIO(response.content)), pydicom.dcmread(io.BytesIO(content))
    assert (found.Modality, found.SegmentSequence[0].SegmentLabel) == ("SEG", "tumour")
    assert (found.PatientID, found.StudyInstanceUID) == (source.PatientID, source.StudyInstanceUID)
    assert found.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    mask = found.pixel_array
    assert mask.shape[-2:] == (128, 256) and mask.reshape(128, 256)[48, 192] == 1 and mask.sum() < 5000
    with Client(served[0]) as client:
        assert client.segment(content, use_case="brain-tumor-mri-seg")[128:132] == b"DICM"
        batch = client.predict_batch([IMAGES[0], b"text"], use_case="tb-cxr")
        assert batch.results[1].problem is not None and batch.results[1].problem.code == "unknown_format"
        assert batch.most_urgent == (0,)
        with pytest.raises(RefusedError):
            client.predict_batch([packed(packed(b"x"))])


@pytest.mark.parametrize(
    ("content", "use_case", "code"),
    [
        (make_raster(REGION), "brain-tumor-mri-seg", "not_dicom"),
        (make_dicom(make_images(1, size=128)[0], stored=8), "tb-cxr", "no_outline"),
        (make_dicom(REGION, stored=8, **HEAD, StudyInstanceUID=None), "brain-tumor-mri-seg", "no_reference"),
        (b"text", "brain-tumor-mri-seg", "unknown_format"),
    ],
)
def test_what_has_no_dicom_segmentation(http: httpx.Client, content: bytes, use_case: str, code: str) -> None:
    response = http.post("/v1/segment", files={"image": content}, data={"use_case": use_case})
    assert (response.json()["code"], response.headers["content-type"]) == (code, "application/problem+json")
