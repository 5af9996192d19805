"""The bundle's format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from radloop.errors import IntegrityError
from radloop.inference.bundle import FACTS, BundleFacts, bundle_folder, read_facts, seal_bundle, write_facts
from radloop.records.seal import digest_folder
from tests.bundles import KINDS, make_facts


@pytest.mark.parametrize("kind", KINDS)
def test_facts_survive_the_file(tmp_path: Path, kind: str) -> None:
    facts = make_facts(**KINDS[kind])
    write_facts(tmp_path, facts)
    assert read_facts(tmp_path) == facts


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("binary", {"outputs": ["normal", "measles"]}, "outputs names what labels does not"),
        ("multilabel", {"outputs": ["mass", "nodule"]}, "4 temperatures for 2 outputs"),
        ("multiclass", {"calibration": {"temperatures": [1.0] * 4, "n": 1}}, "4 temperatures for 4 outputs"),
        ("multiclass", {"operating_points": [{"label": "glioma", "threshold": 0.5, "n": 1}]}, "operating_points"),
        ("binary", {"operating_points": []}, "operating_points are not those of the outputs"),
    ],
)
def test_facts_whose_parts_do_not_fit_together_are_refused(kind: str, change: dict[str, object], words: str) -> None:
    document = make_facts(**KINDS[kind]).model_dump(mode="json") | change
    with pytest.raises(ValidationError, match=words):
        BundleFacts.model_validate_json(json.dumps(document))


def test_thresholds_and_widths() -> None:
    assert make_facts(**KINDS["multiclass"]).thresholds == (None,) * 4
    assert make_facts(**KINDS["multilabel"]).thresholds == (0.42, 0.42, 0.42, None)
    assert make_facts().width == 0
    assert make_facts(**KINDS["fusion"]).width == 2 + 4 + 2 + 3  # age, sex, temperature, intubated


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"schema_version": 1},
        {"synthetic": "no"},
        {"calibration": {"method": "temperature", "temperatures": [0.0], "n": 1, "warnings": []}},
        {"calibration": {"method": "temperature", "temperatures": [], "n": 1, "warnings": []}},
    ],
)
def test_other_facts_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write_facts(tmp_path, make_facts())
    document = json.loads((tmp_path / FACTS).read_bytes()) | change
    (tmp_path / FACTS).write_text(json.dumps(document))
    with pytest.raises(IntegrityError) as caught:
        read_facts(tmp_path)
    assert caught.value.code == "tampered_bundle"
    assert next(iter(change)) in caught.value.message


def test_missing_facts(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"bundle.json is missing"):
        read_facts(tmp_path)


def test_sealing_names_the_folder_by_its_content(tmp_path: Path) -> None:
    for attempt in ("first", "second"):
        content = tmp_path / attempt
        write_facts(content, make_facts())
        digest = digest_folder(content)
        bundle = seal_bundle(content, tmp_path)
        assert bundle.folder == tmp_path / "tb-cxr" / digest.removeprefix("sha256:")
        assert digest_folder(bundle.content) == bundle.digest == digest


@pytest.mark.parametrize(
    ("use_case", "digest"),
    [
        ("tb-cxr", "sha256:../../etc"),
        ("../tb-cxr", "sha256:" + "0" * 64),
        ("tb-cxr", "0" * 64),
        ("tb-cxr", "sha256:" + "0" * 64 + "\n"),
    ],
)
def test_names_cannot_leave_the_folder(tmp_path: Path, use_case: str, digest: str) -> None:
    with pytest.raises(IntegrityError):
        bundle_folder(tmp_path, use_case, digest)
