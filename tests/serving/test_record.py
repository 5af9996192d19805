"""Every answer and refusal is in the record before it leaves."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from radloop.images.decode import decode
from radloop.images.pseudonym import pseudonym
from radloop.inference.machine import cpu_kind
from radloop.inference.predictor import Predictor
from radloop.inference.recorded import Observed, clinical_hash, embedding, file_hash
from radloop.records import answers
from radloop.records.answers import answers_folder, check_segments, find, segments
from radloop.records.secret import secret
from radloop.serving.app import create_app
from radloop.serving.recording import Recorder
from radloop.settings import Settings
from tests.bundles import make_bundle, make_images
from tests.image_files import make_dicom, make_raster
from tests.services import free_port, point, thread_service
from tests.serving.conftest import Deployed

IMAGE = make_images(1, seed=9, size=256)[0]
PNG = make_raster(IMAGE)
DICOM = make_dicom(IMAGE, stored=8)


def settings_of(home: Path, **changes: Any) -> Settings:
    return Settings(root=home.parent, home=home, **changes)


def ask(http: httpx.Client, content: bytes = PNG, **data: str) -> httpx.Response:
    return http.post("/v1/predict", files={"image": ("image", content)}, data=data)


def recorded(deployed: Deployed, response: httpx.Response) -> dict[str, Any]:
    found = find(response.headers["x-request-id"], answers_folder(settings_of(deployed.service.home)))
    assert found is not None
    return found


def test_an_answer_is_recorded_without_pixels_or_identifiers(
    http: httpx.Client, deployed: Deployed, predictor: Predictor
) -> None:
    response = ask(http, DICOM, clinical='{"sex": "F", "age": 40}')
    answer, found = response.json(), recorded(deployed, response)
    settings = settings_of(deployed.service.home)
    key = secret("record", settings)
    assert answer["recorded"] is True and response.headers["x-recorded"] == "true"
    for name in ("findings", "prediction_set", "abstained", "severity", "uncertainty", "model", "use_case", "request_id"):
        assert found[name] == answer[name]
    assert found["kind"] == "answer"
    assert found["admissibility"] == {"code": None, "warnings": ["display_window"]}
    assert found["quality"]["contrast"] == decode(DICOM).quality.contrast
    assert found["image"] == {"format": "dicom", "rows": 256, "columns": 256}
    assert (found["sex"], found["age_band"], found["site"], found["key"]) == ("F", "40-59", None, None)
    assert found["file"] == file_hash(key, DICOM) != file_hash(key, PNG)
    assert found["clinical"] == clinical_hash(key, {"age": 40, "sex": "F", "view": None})
    assert found["patient"] == pseudonym(secret("pseudonym", settings), "MRN-0042")
    engine = {"kind": "openvino", "precision": "f32", "batch": 1, "cpu": cpu_kind()}
    assert {name: found["engine"][name] for name in engine} == engine
    np.testing.assert_allclose(embedding(found["embedding"]), predictor.score(DICOM).embedding, rtol=1e-3)
    line = next(
        line for path in segments(answers_folder(settings)) for line in path.open("rb") if found["request_id"].encode() in line
    )
    assert b"Doe" not in line and b"MRN" not in line and b"1.2.3" not in line
    assert len(line) < 2000


@pytest.mark.parametrize(
    ("content", "data", "code", "use_case"),
    [
        (make_dicom(IMAGE, stored=8, BodyPartExamined="HAND"), {}, "foreign_body_part", None),
        (make_dicom(IMAGE, stored=8, BodyPartExamined="HAND"), {"use_case": "tb-cxr"}, "foreign_body_part", "tb-cxr"),
        (PNG, {"use_case": "tb-cxr", "clinical": '{"age": 7}'}, "outside_intended_use", "tb-cxr"),
        (PNG, {"use_case": "tb-cxr", "clinical": '{"age": NaN}'}, "invalid_clinical_value", "tb-cxr"),
        (PNG[:200], {}, "unreadable_image", None),
        (PNG, {"use_case": "Roe_Richard"}, "unknown_use_case", None),
        (PNG, {"clinical": "Roe"}, "malformed_request", None),
    ],
)
def test_a_refusal_is_recorded(
    http: httpx.Client, deployed: Deployed, content: bytes, data: dict[str, str], code: str, use_case: str | None
) -> None:
    response = ask(http, content, **data)
    found = recorded(deployed, response)
    assert response.json()["code"] == code and response.headers["x-recorded"] == "true"
    assert (found["kind"], found["admissibility"]["code"], found["findings"], found["embedding"]) == ("refusal", code, None, None)
    assert found["use_case"] == use_case
    assert "Roe" not in str(found)


def test_the_chain_of_a_running_service_verifies(http: httpx.Client, deployed: Deployed) -> None:
    ask(http)
    assert check_segments(answers_folder(settings_of(deployed.service.home))) > 1


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation that serves one bundle."""
    point(make_bundle(tmp_path / ".radloop" / "bundles", seed=1))
    return tmp_path / ".radloop"


@dataclass(frozen=True)
class Alone:
    """A service in a thread, whose settings a test may replace."""

    app: FastAPI
    http: httpx.Client
    folder: Path

    def set(self, **changes: Any) -> None:
        """Replace settings."""
        self.app.state.settings = self.app.state.settings.model_copy(update=changes)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    home = tmp_path_factory.mktemp("alone") / ".radloop"
    point(make_bundle(home / "bundles", seed=1))
    settings = settings_of(home)
    app = create_app(settings)
    with thread_service(app) as url, httpx.Client(base_url=url, timeout=30) as http:
        yield Alone(app, http, answers_folder(settings))


def test_an_answer_that_cannot_be_recorded(alone: Alone) -> None:
    assert ask(alone.http).json()["recorded"] is True
    alone.folder.rename(alone.folder.with_name("away"))
    alone.folder.write_bytes(b"")  # no folder can be made here
    answer = ask(alone.http)
    assert (answer.status_code, answer.json()["recorded"], answer.headers["x-recorded"]) == (200, False, "false")
    refused = ask(alone.http, b"text")
    assert (refused.status_code, refused.headers["x-recorded"]) == (415, "false")
    alone.set(record_required=True)
    answer = ask(alone.http)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "not_recorded", "5")
    alone.folder.unlink()
    assert ask(alone.http).json()["recorded"] is True
    alone.set(record_required=False)


def test_where_a_setting_says_so_the_disk_comes_first(alone: Alone, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.set(record_fsync_first=True)
    synced: list[float] = []
    real = os.fsync
    monkeypatch.setattr(answers.os, "fsync", lambda handle: (real(handle), synced.append(time.monotonic())))
    for _ in range(3):
        count = len(synced)
        assert ask(alone.http).json()["recorded"] is True
        assert len(synced) > count

    def fails(_: int) -> None:
        raise OSError

    monkeypatch.setattr(answers.os, "fsync", fails)
    assert ask(alone.http).json()["recorded"] is False
    monkeypatch.setattr(answers.os, "fsync", real)
    assert ask(alone.http).json()["recorded"] is True
    alone.set(record_fsync_first=False)


SERVER = "import sys, uvicorn; from radloop.serving.app import create_app; uvicorn.run(create_app(), port=int(sys.argv[1]), log_level='error')"


@pytest.fixture
def acknowledged() -> list[str]:
    return []


def load(url: str, acknowledged: list[str]) -> None:
    """Ask until the service is gone, and keep the ids of what it called recorded."""
    with httpx.Client(base_url=url) as http:
        while True:
            try:
                response = ask(http)
            except httpx.TransportError:
                return
            if response.json()["recorded"]:
                acknowledged.append(response.headers["x-request-id"])


def test_nothing_that_was_called_recorded_is_lost_by_a_kill(home: Path, acknowledged: list[str]) -> None:
    port = free_port()
    variables = {"RADLOOP_HOME": str(home), "RADLOOP_ROOT": str(home.parent), "RADLOOP_MAX_IN_FLIGHT": "8"}
    with subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env=os.environ | variables) as server:
        until_it_answers(f"http://127.0.0.1:{port}")
        threads = [threading.Thread(target=load, args=(f"http://127.0.0.1:{port}", acknowledged)) for _ in range(4)]
        for thread in threads:
            thread.start()
        limit = time.monotonic() + 30
        while len(acknowledged) < 20 and time.monotonic() < limit:
            time.sleep(0.01)
        server.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join()
    folder = answers_folder(settings_of(home))
    lines = b"".join(path.read_bytes() for path in segments(folder))
    assert len(acknowledged) >= 20
    assert [name for name in acknowledged if name.encode() not in lines] == []
    assert find(acknowledged[0], folder) is not None and find(acknowledged[-1], folder) is not None
    assert check_segments(folder) >= len(acknowledged)


def until_it_answers(url: str) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            if httpx.get(f"{url}/v1/use_cases").json()["use_cases"]:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not start")


@pytest.fixture
def recorder(home: Path) -> Iterator[Recorder]:
    recorder = Recorder(settings_of(home))
    yield recorder
    recorder.close()


def test_the_record_takes_less_than_a_millisecond(home: Path, recorder: Recorder) -> None:
    predictor = Predictor(next((home / "bundles").glob("*/*/bundle")).parent)
    content = DICOM + b"\0" * 60_000
    observed = Observed()
    answer = predictor.predict(PNG, observed=observed)
    assert observed.scored is not None
    # A DenseNet's: the tiny network has eight numbers.
    object.__setattr__(observed.scored, "embedding", np.linspace(0, 5, 1024, dtype=np.float32))

    def seconds() -> float:
        start = time.perf_counter()
        assert recorder.write("0" * 32, recorder.hashed(content), {"age": 54}, observed, answer) is not None
        return time.perf_counter() - start

    seconds()
    assert statistics.median(seconds() for _ in range(200)) < 0.001
