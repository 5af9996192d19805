"""The Shenzhen radiographs: what the use case makes of the source as it comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from installations import ROOT, make_installation

from radloop.configuration import read_use_case
from radloop.data.ingest import ingest
from radloop.data.manifest import read_manifest
from radloop.settings import Settings
from radloop.validation.verdict import validate


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_installation(tmp_path / "site").settings


def test_the_source_is_ingested_split_by_patient_and_accepted(real_data: Path, settings: Settings) -> None:
    use_case = read_use_case(ROOT / "configs" / "use_cases" / "tb-cxr.yaml")
    result = ingest(use_case, real_data / "tb_shenzhen_256", settings)
    # val is tune, calibrate is 10/70 of the 398 train patients, test is the source's own
    assert result.splits == {"train": 341, "tune": 99, "calibrate": 57, "test": 165}
    assert result.unreadable == []
    frame = read_manifest(settings.data / "tb-cxr")
    test = frame[frame["split"] == "test"]
    assert (int((test["label"] == "tuberculosis").sum()), int((test["age"] < 18).sum()), int((test["age"] >= 60).sum())) == (
        84,
        11,
        11,
    )
    assert not frame["path"].str.contains("CHNCXR").any()
    assert not frame["patient"].str.contains("CHNCXR").any()
    verdict = validate(use_case, result.data_version, settings)
    assert verdict.success, verdict.sentences()


def test_a_missing_folder_fails_and_does_not_skip(tmp_path: Path) -> None:
    """The fixture must not turn a wrong path into a skip."""
    import os
    import subprocess
    import sys

    environment = os.environ | {"RADLOOP_REAL_DATA": str(tmp_path / "nowhere")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"{__file__}::test_the_source_is_ingested_split_by_patient_and_accepted",
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RADLOOP_REAL_DATA is set and" in done.stdout
    environment.pop("RADLOOP_REAL_DATA")
    done = subprocess.run([*command, "-rs"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "point it at a folder that holds tb_shenzhen_256/" in done.stdout
