"""What is served changes while it is asked; no request is lost."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from radloop.errors import ToolError
from radloop.inference.pointer import pointer_path, read_pointer, remove_pointer
from radloop.inference.predictor import Predictor
from radloop.inference.workers import live_workers, wait_for
from tests.bundles import make_bundle, make_images
from tests.image_files import make_raster
from tests.services import point
from tests.serving.conftest import Deployed

IMAGE = make_raster(make_images(1, seed=9, size=256)[0])


@pytest.fixture(autouse=True)
def _back_to_the_first(deployed: Deployed) -> Iterator[None]:
    """Leave the service as it was."""
    yield
    pointer = point(deployed.first, 1)
    assert wait_for(deployed.service.workers, "tb-cxr", pointer.bundle, timeout=20) == []
    until(lambda: httpx.get(f"{deployed.service.url}/readyz").status_code == 200)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)


def ask(http: httpx.Client) -> httpx.Response:
    return http.post("/v1/predict", files={"image": IMAGE}, data={"use_case": "tb-cxr"})


def test_swaps_under_load_lose_no_request(deployed: Deployed) -> None:
    expected = {
        f"sha256:{folder.name}": Predictor(folder).predict(IMAGE).findings[0].probability
        for folder in (deployed.first, deployed.second)
    }
    failures: list[object] = []
    answers: Counter[str] = Counter()
    stop = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=deployed.service.url, timeout=30) as http:
            while not stop.is_set():
                response = ask(http)
                body = response.json()
                bundle = body.get("model", {}).get("bundle")
                if response.status_code != 200 or body["findings"][0]["probability"] != expected[bundle]:
                    failures.append(body)
                answers[bundle] += 1

    threads = [threading.Thread(target=load) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        for version, folder in ((2, deployed.second), (1, deployed.first)):
            pointer = point(folder, version)
            assert wait_for(deployed.service.workers, "tb-cxr", pointer.bundle, timeout=20) == []
            with httpx.Client(base_url=deployed.service.url) as http:
                assert ask(http).json()["model"]["version"] == version  # acknowledged means: answers from now on
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(answers) == set(expected)
    assert sum(answers.values()) > 50


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda folder: flip(folder / "bundle" / "model.bin"), "tampered_bundle"),
        (lambda folder: flip(folder / "evidence.json"), "tampered_evidence"),
        (lambda folder: flip(folder / "approval.json"), "tampered_approval"),
        (lambda folder: (folder / "approval.json").unlink(), "missing_approval"),
    ],
)
def test_a_bad_bundle_is_refused_and_the_old_one_stays(
    deployed: Deployed, http: httpx.Client, damage: Callable[[Path], None], code: str
) -> None:
    bad = make_bundle(deployed.service.bundles, seed=3, version=3, title=f"Damaged: {code}")
    damage(bad)
    pointer = point(bad, 3)
    (refusal,) = wait_for(deployed.service.workers, "tb-cxr", pointer.bundle, timeout=20)
    assert refusal.code == code
    answer = ask(http).json()
    assert (answer["model"]["version"], answer["model"]["bundle"]) == (1, f"sha256:{deployed.first.name}")
    assert http.get("/readyz").status_code == 503
    assert http.get("/livez").status_code == 200
    assert http.get("/v1/use_cases").json()["use_cases"][0]["pending"] == code


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_a_failing_self_test_is_refused(deployed: Deployed, http: httpx.Client) -> None:
    pointer = point(make_bundle(deployed.service.bundles, seed=4, version=4, selftest_shift=0.1), 4)
    (refusal,) = wait_for(deployed.service.workers, "tb-cxr", pointer.bundle, timeout=20)
    assert refusal.code == "selftest_failed"
    assert ask(http).json()["model"]["version"] == 1


def test_a_pointer_and_an_approval_must_name_the_same_version(deployed: Deployed, http: httpx.Client) -> None:
    pointer = point(deployed.second, 7)
    (refusal,) = wait_for(deployed.service.workers, "tb-cxr", pointer.bundle, timeout=20)
    assert refusal.code == "foreign_pointer"
    assert ask(http).json()["model"]["version"] == 1


def test_a_damaged_pointer_leaves_the_old_bundle_in_place(deployed: Deployed, http: httpx.Client) -> None:
    pointer_path(deployed.service.bundles, "tb-cxr").write_bytes(b'{"bundle": "../../etc"}')
    until(lambda: http.get("/readyz").status_code == 503)
    assert ask(http).json()["model"]["version"] == 1
    assert live_workers(deployed.service.workers)[0].refused["tb-cxr"].code == "invalid_pointer"


def test_a_new_use_case_is_served_and_goes_again(deployed: Deployed, http: httpx.Client) -> None:
    folder = make_bundle(deployed.service.bundles, seed=5, use_case="phantom-cxr", synthetic=True)
    pointer = point(folder)
    assert wait_for(deployed.service.workers, "phantom-cxr", pointer.bundle, timeout=20) == []
    answer = http.post("/v1/predict", files={"image": IMAGE}, data={"use_case": "phantom-cxr"}).json()
    assert answer["warnings"][0].startswith("synthetic_model: ")
    assert http.post("/v1/predict", files={"image": IMAGE}).json()["code"] == "ambiguous_use_case"
    remove_pointer(deployed.service.bundles, "phantom-cxr")
    until(lambda: "phantom-cxr" not in live_workers(deployed.service.workers)[0].loaded)
    answer = http.post("/v1/predict", files={"image": IMAGE}, data={"use_case": "phantom-cxr"}).json()
    assert answer["code"] == "no_champion"


def test_nobody_acknowledges_what_no_pointer_names(deployed: Deployed) -> None:
    with pytest.raises(ToolError):
        wait_for(deployed.service.workers, "tb-cxr", f"sha256:{deployed.second.name}", timeout=0.6)
    current = read_pointer(deployed.service.bundles, "tb-cxr")
    assert current is not None and current.version == 1
