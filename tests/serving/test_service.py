"""The service over HTTP, as it runs in production."""

from __future__ import annotations

import base64
import io
import json
import statistics
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image

from radloop.inference.predictor import Predictor
from tests.bundles import make_images
from tests.image_files import make_dicom, make_raster
from tests.serving.conftest import Deployed

IMAGE = make_images(1, seed=9, size=256)[0]
SOURCES = {"png": make_raster(IMAGE), "jpeg": make_raster(IMAGE, "JPEG"), "dicom": make_dicom(IMAGE, stored=8)}


def ask(http: httpx.Client, content: bytes, name: str = "image", **data: str) -> httpx.Response:
    return http.post("/v1/predict", files={"image": (name, content)}, data=data)


@pytest.mark.parametrize("kind", SOURCES)
def test_the_answer_is_the_predictors_bit_for_bit(http: httpx.Client, predictor: Predictor, kind: str) -> None:
    response = ask(http, SOURCES[kind], use_case="tb-cxr", clinical='{"age": 54}', explain="true")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = predictor.predict(SOURCES[kind], {"age": 54}, explain=True, request_id=response.headers["x-request-id"])
    assert response.json() == json.loads(answer.model_dump_json()) | {"recorded": True}


def test_the_heat_map_is_a_grey_png(http: httpx.Client) -> None:
    explanation = ask(http, SOURCES["png"], region="box").json()["explanation"]
    assert explanation["region"]["kind"] == "box" and explanation["region"]["boxes"] and explanation["withheld"] is None
    explanation = ask(http, SOURCES["png"], explain="true", region="none").json()["explanation"]
    assert explanation["region"] is None
    with Image.open(io.BytesIO(base64.b64decode(explanation["png"]))) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (8, 8))


def test_without_a_use_case_the_one_that_admits_the_image_answers(http: httpx.Client) -> None:
    assert ask(http, SOURCES["dicom"]).json()["use_case"] == "tb-cxr"
    assert ask(http, SOURCES["dicom"], use_case="").json()["use_case"] == "tb-cxr"


HAND = make_dicom(IMAGE, stored=8, BodyPartExamined="HAND")
CHILD = make_dicom(IMAGE, stored=8, PatientAge="007Y")


@pytest.mark.parametrize(
    ("content", "data", "status", "code"),
    [
        (SOURCES["png"], {"use_case": "tb-cx"}, 404, "unknown_use_case"),
        (SOURCES["png"], {"use_case": "../tb-cxr"}, 404, "unknown_use_case"),
        (SOURCES["png"], {"use_case": "phantom-cxr"}, 503, "no_champion"),
        (SOURCES["png"], {"clinical": "{"}, 400, "malformed_request"),
        (SOURCES["png"], {"clinical": "[]"}, 400, "malformed_request"),
        (SOURCES["png"], {"clinical": '{"agee": 3}'}, 422, "unknown_clinical_value"),
        (SOURCES["png"], {"clinical": '{"age": NaN}'}, 422, "invalid_clinical_value"),
        (SOURCES["png"], {"explain": "perhaps"}, 422, "invalid_request"),
        (SOURCES["png"], {"region": "circle"}, 422, "invalid_request"),
        (SOURCES["png"], {"clinical": '{"age": 7}'}, 422, "outside_intended_use"),
        (b"", {}, 422, "unreadable_image"),
        (b"text", {}, 415, "unknown_format"),
        (SOURCES["png"][:200], {}, 422, "unreadable_image"),
        (HAND, {}, 422, "foreign_body_part"),
        (CHILD, {}, 422, "outside_intended_use"),
        (make_dicom(IMAGE, stored=8, Rows=9000, Columns=9000), {}, 413, "image_too_large"),
        (b"\0" * 10_000_001, {}, 413, "upload_too_large"),
        (b"\0" * 12_000_000, {}, 413, "upload_too_large"),
    ],
)
def test_refusals_are_problems(http: httpx.Client, content: bytes, data: dict[str, str], status: int, code: str) -> None:
    response = ask(http, content, **data)
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert set(body) == {"type", "title", "status", "code", "detail", "hint", "request_id"}
    assert body["status"] == status and body["detail"] and body["hint"]
    assert body["request_id"] == response.headers["x-request-id"]


def test_a_body_that_hides_its_size_is_still_limited(http: httpx.Client) -> None:
    def parts() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
        for _ in range(150):
            yield b"\0" * 100_000
        yield b"\r\n--b--\r\n"

    response = http.post("/v1/predict", content=parts(), headers={"content-type": "multipart/form-data; boundary=b"})
    assert (response.status_code, response.json()["code"]) == (413, "upload_too_large")


@pytest.mark.parametrize(
    ("method", "headers", "content", "status"),
    [
        ("POST", {"content-type": "multipart/form-data; boundary=b"}, b"rubbish", 400),
        ("POST", {"content-type": "multipart/form-data"}, b"rubbish", 400),
        ("POST", {"content-type": "application/json"}, b"{}", 422),
        ("GET", {}, b"", 405),
    ],
)
def test_other_requests_are_problems_too(
    http: httpx.Client, method: str, headers: dict[str, str], content: bytes, status: int
) -> None:
    response = http.request(method, "/v1/predict", headers=headers, content=content)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_use_cases(http: httpx.Client, deployed: Deployed) -> None:
    (served,) = http.get("/v1/use_cases").json()["use_cases"]
    assert served["engine"] == {"kind": "openvino", "provider": None, "precision": "f32", "sealed": "f32", "reason": None}
    assert (served["use_case"], served["threshold"], served["synthetic"], served["pending"]) == ("tb-cxr", 0.42, False, None)
    assert served["model"]["bundle"] == f"sha256:{deployed.first.name}"


def test_an_address_with_an_id_reaches_its_route_and_is_counted_by_it(http: httpx.Client, deployed: Deployed) -> None:
    for method in ("GET", "DELETE"):
        response = http.request(method, "/v1/jobs/Roe")
        assert (response.status_code, response.json()["code"]) == (404, "unknown_job")
    assert http.get("/v1/jobs/Roe/result").json()["code"] == "unknown_job"
    metrics = http.get("/metrics").text
    assert 'endpoint="/v1/jobs/{job}"' in metrics and "Roe" not in metrics
    time.sleep(0.1)
    assert "DELETE /v1/jobs/{job} 404" in deployed.service.log.read_text()


def test_health_and_metrics_are_bentomls(http: httpx.Client) -> None:
    assert http.get("/livez").status_code == 200
    assert http.get("/readyz").status_code == 200
    assert "bentoml_service_request_total" in http.get("/metrics").text


def test_pages_load_nothing_from_elsewhere(http: httpx.Client) -> None:
    assert http.get("/").headers["location"] == "/read"
    response = http.get("/docs")
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["content-security-policy"]
    for elsewhere in ('src="http', 'href="http', "url(http", "@import", "cdn"):
        assert elsewhere not in response.text
    assert "/v1/predict" in http.get("/docs").text
    assert "/v1/predict" in http.get("/openapi.json").json()["paths"]


def test_an_image_can_be_looked_at(http: httpx.Client) -> None:
    response = http.post("/v1/preview", files={"image": SOURCES["dicom"]})
    assert response.headers["content-type"] == "image/png"
    names = ("rows", "columns", "center", "width", "unit", "inverted")
    assert [response.headers[f"x-image-{name}"] for name in names] == ["256", "256", "127.5", "255.0", "", "false"]
    low, high = (float(response.headers[f"x-image-{name}"]) for name in ("low", "high"))
    with Image.open(io.BytesIO(response.content)) as picture:
        values = low + np.asarray(picture).astype(float) / 65535 * (high - low)
    assert np.abs(values - IMAGE).max() < 0.01
    assert http.post("/v1/preview", files={"image": b"text"}).json()["code"] == "unknown_format"


def test_no_identifier_reaches_the_log(http: httpx.Client, deployed: Deployed) -> None:
    named = make_dicom(IMAGE, stored=8, PatientName="Roe^Richard", PatientID="MRN-77")
    assert ask(http, named, name="Roe_Richard.dcm").status_code == 200
    assert ask(http, named[:-1000], name="Roe_Richard.dcm").status_code == 422
    assert ask(http, b"Roe", name="Roe_Richard.dcm", clinical='{"Roe": 1}').status_code == 422
    worded = {"user-agent": "Roe", "x-patient": "MRN-77", "x-request-id": "Roe", "authorization": "Bearer Roe", "cookie": "Roe=1"}
    for method, path in (("GET", "/v1/Roe"), ("POST", "/Roe/v1/predict"), ("GET", "/v1/use_cases?patient=Roe"), ("Roe", "/read")):
        response = http.request(method, path, headers=worded | {"content-type": "application/dicom; name=Roe"})
        assert "Roe" not in response.text and "Roe" not in str(response.headers)
    bad = f"multipart/form-data; boundary={'Roe' * 30}"
    assert http.post("/v1/predict", content=b"Roe", headers={"content-type": bad}).status_code == 400
    time.sleep(0.2)
    log = deployed.service.log.read_text()
    assert "POST /v1/predict 200" in log and "(scheme=" not in log
    metrics = http.get("/metrics").text
    assert 'endpoint="/v1/predict"' in metrics and 'endpoint="/unknown"' in metrics
    records = b"".join(path.read_bytes() for path in (deployed.service.home / "records").rglob("*.jsonl"))
    for place in (log, metrics, records.decode()):
        assert "roe" not in place.lower() and "MRN-77" not in place


def test_one_request_takes_milliseconds(http: httpx.Client) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        assert ask(http, SOURCES["png"]).status_code == 200
        return time.perf_counter() - start

    # A generous bound: it catches a request that waits for a poll or a lock, not a slow machine.
    assert statistics.median(seconds() for _ in range(30)) < 0.1
