"""A recorded answer: worked out again, traced, and blanked when its patient is erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import Loop
from image_files import make_dicom, make_raster
from installations import Installation, copy_installation, make_installation

from radloop.inference.bundle import bundle_folder
from radloop.inference.pointer import Pointer, replace_pointer
from radloop.records import chain
from radloop.records.answers import answers_folder, check_segments, find, segments
from radloop.serving.app import create_app
from tests.bundles import INPUTS, KINDS, make_bundle, make_images
from tests.services import point, thread_service

IMAGE = make_images(1, seed=9, size=256)[0]
PNG, CHEST, HAND = make_raster(IMAGE), make_dicom(IMAGE, stored=8), make_dicom(IMAGE, stored=8, BodyPartExamined="HAND")
CLINICAL = '{"temperature": 38.5, "intubated": "yes"}'


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, dict[str, str]]:
    """Return an installation whose service was asked, and the ids of the requests."""
    site = make_installation(tmp_path_factory.mktemp("asked") / "site")
    point(make_bundle(site.settings.bundles, seed=1))
    point(make_bundle(site.settings.bundles, **KINDS["fusion"]))
    point(make_bundle(site.settings.bundles, use_case="pneumonia-cxr", engine={"kind": "onnxruntime"}))
    questions = {
        "png": (PNG, {"use_case": "tb-cxr"}),
        "dicom": (CHEST, {"use_case": "tb-cxr", "explain": "true"}),
        "fusion": (CHEST, {"use_case": "covid-cxr", "clinical": CLINICAL}),
        "hand": (HAND, {"use_case": "tb-cxr"}),
        "onnx": (PNG, {"use_case": "pneumonia-cxr"}),
        "nobody": (PNG, {"use_case": "nobody"}),
    }
    with thread_service(create_app(site.settings)) as url, httpx.Client(base_url=url, timeout=30) as http:
        ids = {
            name: http.post("/v1/predict", files={"image": content}, data=data).headers["x-request-id"]
            for name, (content, data) in questions.items()
        }
    for name, content in (("png", PNG), ("dicom", CHEST), ("fusion", CHEST), ("hand", HAND), ("onnx", PNG), ("nobody", PNG)):
        (site.root / name).write_bytes(content)
    return site, ids


@pytest.mark.parametrize(("name", "code"), [("png", None), ("dicom", None), ("hand", "foreign_body_part")])
def test_the_same_file_gives_the_same_answer_to_the_bit(
    asked: tuple[Installation, dict[str, str]], name: str, code: str | None
) -> None:
    site, ids = asked
    found = site.call("replay", ids[name], name)
    assert (found["same"], found["alike"], found["differs"], found["code"]) == (True, True, [], code)
    assert found["difference"] == (None if code else 0.0)
    assert found["use_case"] == "tb-cxr" and found["request_id"] == ids[name]


def test_another_provider_is_said_to_be_one(copied: tuple[Installation, dict[str, str]]) -> None:
    site, ids = copied
    kept = find(ids["onnx"], answers_folder(site.settings))
    assert kept is not None and kept["use_case"] == "pneumonia-cxr"
    engine = kept["engine"]
    assert (engine["kind"], engine["provider"], engine["device"]) == ("onnxruntime", "CPUExecutionProvider", None)
    found = site.call("replay", ids["onnx"], "onnx")
    assert (found["same"], found["alike"], found["unlike"], found["difference"]) == (True, True, [], 0.0)
    rewrite(site, ids["onnx"], engine=engine | {"provider": "CUDAExecutionProvider", "device": "NVIDIA L4"})
    found = site.call("replay", ids["onnx"], "onnx")
    assert (found["same"], found["alike"], found["unlike"]) == (True, False, ["device", "provider"])
    assert "another engine or kind of processor (device, provider differ)" in site.run("replay", ids["onnx"], "onnx").stdout


def test_clinical_values_are_asked_for(asked: tuple[Installation, dict[str, str]]) -> None:
    site, ids = asked
    assert len(INPUTS) == 4
    assert site.call("replay", ids["fusion"], "fusion", check=3)["error"]["code"] == "foreign_clinical"
    other = '{"temperature": 38.6, "intubated": "yes"}'
    assert site.call("replay", ids["fusion"], "fusion", "--clinical", other, check=3)["error"]["code"] == "foreign_clinical"
    turned = '{"intubated": "yes", "temperature": 38.5, "age": null}'
    assert site.call("replay", ids["fusion"], "fusion", "--clinical", turned)["same"] is True
    assert site.call("replay", ids["png"], "png", "--clinical", '{"age": 3}', check=3)["error"]["code"] == "foreign_clinical"


def test_what_cannot_be_replayed(asked: tuple[Installation, dict[str, str]]) -> None:
    site, ids = asked
    assert site.call("replay", ids["png"], "absent", check=2)["error"]["code"] == "missing_file"
    assert site.call("replay", "0" * 32, "png", check=2)["error"]["code"] == "unknown_request"
    assert site.call("replay", ids["png"], "dicom", check=3)["error"]["code"] == "foreign_file"
    assert site.call("replay", ids["nobody"], "nobody", check=3)["error"]["code"] == "no_model"
    assert site.call("trace", ids["nobody"], check=3)["error"]["code"] == "no_model"
    assert site.call("trace", "0" * 32, check=2)["error"]["code"] == "unknown_request"


@pytest.fixture
def copied(asked: tuple[Installation, dict[str, str]], tmp_path: Path) -> Iterator[tuple[Installation, dict[str, str]]]:
    yield copy_installation(asked[0], tmp_path / "site"), asked[1]


def rewrite(site: Installation, request_id: str, **changes: object) -> None:
    """Forge the record, chain included: what the record says is compared, not only whether it was edited."""
    (path,) = segments(answers_folder(site.settings))
    payloads = [item["payload"] for item in chain.read(path)]
    path.unlink()
    for payload in payloads:
        chain.append(path, payload | (changes if payload.get("request_id") == request_id else {}))


def test_another_machine_may_differ_by_a_hundred_thousandth(copied: tuple[Installation, dict[str, str]]) -> None:
    site, ids = copied
    kept = find(ids["png"], answers_folder(site.settings))
    assert kept is not None
    finding, other = dict(kept["findings"][0]), kept["engine"] | {"version": "other"}
    # What was moved, whether the engine is another, and whether that is still the same answer.
    for moved, engine, same in ((5e-6, other, True), (5e-5, other, False), (5e-6, kept["engine"], False)):
        rewrite(site, ids["png"], findings=[finding | {"probability": finding["probability"] + moved}], engine=engine)
        found = site.call("replay", ids["png"], "png", check=0 if same else 3)
        assert (found["same"], found["alike"]) == (same, engine is not other)
        assert found["difference"] == pytest.approx(moved, rel=1e-6)
    rewrite(site, ids["png"], findings=[finding | {"positive": not finding["positive"]}], engine=other)
    found = site.call("replay", ids["png"], "png", check=3)
    assert (found["same"], found["differs"], found["difference"]) == (False, ["findings"], None)


def test_an_edited_record_is_not_believed(copied: tuple[Installation, dict[str, str]]) -> None:
    site, ids = copied
    (path,) = segments(answers_folder(site.settings))
    path.write_bytes(path.read_bytes().replace(b'"positive":', b'"positivf":', 1))
    assert site.call("replay", ids["png"], "png", check=3)["error"]["code"] == "tampered_record"


def test_erasing_a_patient_blanks_their_answers(copied: tuple[Installation, dict[str, str]]) -> None:
    site, ids = copied
    folder = answers_folder(site.settings)
    before = check_segments(folder)
    assert site.call("erase", "MRN-0042", "--dry-run")["erased"][0]["counts"]["answers"] == 3
    assert site.call("erase", "MRN-0042")["erased"][0]["counts"]["answers"] == 3
    for name in ("dicom", "fusion", "hand"):
        assert site.call("replay", ids[name], name, check=2)["error"]["code"] == "unknown_request"
    assert site.call("replay", ids["png"], "png")["same"] is True  # a PNG names nobody
    assert check_segments(folder) == before
    assert site.call("erase", "MRN-0042")["erased"][0]["already"] is True


def test_an_answer_is_traced_to_its_training_data(loop: Loop, tmp_path: Path) -> None:
    site = copy_installation(loop.installation, tmp_path / "site")
    site.call("review", "approve", "phantom-cxr", "1", "--by", "Dr. R", "--note", "read")
    bundle = loop.summary["bundle"]
    assert (bundle_folder(site.settings.bundles, "phantom-cxr", bundle) / "approval.json").is_file()
    replace_pointer(site.settings.bundles, Pointer(use_case="phantom-cxr", bundle=bundle, version=1))
    image = next((site.root / "data" / "phantom-cxr" / "images").rglob("*.dcm"))
    with thread_service(create_app(site.settings)) as url, httpx.Client(base_url=url, timeout=30) as http:
        answer = http.post("/v1/predict", files={"image": image.read_bytes()}).json()
    found = site.call("trace", answer["request_id"])
    assert found["links"][0]["name"] == "answer" and found["links"][0]["intact"] is True
    assert found["intact"] is True and found["bundle"] == answer["model"]["bundle"] == bundle
    assert [link["name"] for link in found["links"][1:3]] == ["served", "approval"]
    assert site.call("replay", answer["request_id"], str(image))["same"] is True
    forged = answer["model"] | {"bundle": "sha256:" + "0" * 64}
    rewrite(site, answer["request_id"], model=forged)
    broken = site.call("trace", answer["request_id"], check=3)
    assert [link["name"] for link in broken["links"] if link["intact"] is False] == ["answer"]
    assert json.dumps(forged["bundle"]) not in json.dumps(broken["links"][1:])
