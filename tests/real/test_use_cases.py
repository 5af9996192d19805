"""The shipped use cases on their small sources: what comes out of ingest, counted by hand from the sources' own tables."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import need
from installations import ROOT, make_installation

from radloop.configuration import read_use_case
from radloop.data.ingest import IngestResult, ingest
from radloop.data.manifest import read_manifest
from radloop.images.raster import read_raster
from radloop.settings import Settings
from radloop.use_case import SPLITS
from radloop.validation.verdict import validate

CONFIGS = ROOT / "configs" / "use_cases"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_installation(tmp_path / "site").settings


def brought(name: str, source: Path, settings: Settings) -> tuple[IngestResult, pd.DataFrame, pd.DataFrame]:
    """Ingest and validate a use case; return the result, its manifest and the source's table."""
    need(source.is_dir(), f"RADLOOP_REAL_DATA has no {source.name}")
    use_case = read_use_case(CONFIGS / f"{name}.yaml")
    result = ingest(use_case, source, settings)
    verdict = validate(use_case, result.data_version, settings)
    assert verdict.success, verdict.sentences()
    assert result.unreadable == []
    frame = read_manifest(settings.data / name)
    used = frame[frame["excluded"].isna()]
    for column in ("patient", "group"):  # nothing that belongs together is apart
        assert (used.groupby(column)["split"].nunique() <= 1).all()
    return result, frame, pd.read_csv(source / "manifest.csv", dtype=str, keep_default_na=False)


def words(values: pd.Series) -> dict[Any, int]:
    return dict(Counter(values))


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_is_dated_and_every_question_has_its_limits(name: str) -> None:
    use_case = read_use_case(CONFIGS / f"{name}.yaml")
    assert use_case.policy.written == "2026-11-21"
    assert {"data_verdict", "parity"} <= {rule.kind for rule in use_case.policy.rules}
    assert any(rule.kind == "lower_bound" for rule in use_case.policy.rules)
    assert use_case.intended_use.not_for
    assert "Initial" not in (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8")


def test_sixteen_use_cases_are_shipped_and_listed() -> None:
    listed = (ROOT / "docs" / "use-cases.md").read_text(encoding="utf-8")
    assert len(NAMES) == 16
    assert all(f"| `{name}` |" in listed for name in NAMES)


def test_icu_cxr(real_data: Path, settings: Settings) -> None:
    result, frame, table = brought("icu-cxr", real_data / "hannover_covid_256", settings)
    assert (result.images, result.patients) == (243, 71)
    assert words(frame["label"]) == {"icu": 186, "no-icu": 57}
    # 48 images are of patients who died, 3 of these never in intensive care
    assert words(frame["extent"]) == {0.0: 54, 1.0: 141, 2.0: 48}
    assert words(frame["view"]) == {"AP": 194, "PA": 49}
    assert (result.splits["test"], sum(result.splits.values())) == (52, 243)
    assert set(result.splits) == set(SPLITS)
    # 139 and 35 blood gases; of the oxygen ones two are bounds
    assert frame["clinical_pco2"].notna().sum() == 174 == (table["pco2_val"] != "").sum()
    assert frame["clinical_crp"].notna().sum() == sum(np.isfinite(float(word)) for word in table["crp_val"] if word)


def test_covid_cxr(real_data: Path, settings: Settings) -> None:
    result, frame, table = brought("covid-cxr", real_data / "covid_chestxray_256", settings)
    assert result.images == 390 - (table["finding"] == "todo").sum() == 313
    assert words(frame["label"]) == {"covid-19": 217, "other": 96}
    assert words(frame[frame["split"] == "test"]["label"]) == {"covid-19": 43, "other": 14}
    # Seen by eye: twelve images carry the words of the machine or of the publication, one of them a date.
    assert result.quarantined == {"quarantine:text": 12}
    labelled = table[table["finding"] != "todo"]
    saturation = pd.to_numeric(labelled["pO2_saturation"], errors="coerce")
    assert frame["clinical_saturation"].notna().sum() == ((saturation <= 100) & (saturation >= 20)).sum()
    assert frame["clinical_temperature"].notna().sum() == (labelled["temperature"] != "").sum() == 19


def test_brain_tumor_mri_seg(real_data: Path, settings: Settings) -> None:
    result, frame, table = brought("brain-tumor-mri-seg", real_data / "brain-mri-tumor-br35h-seg", settings)
    assert (result.images, result.splits["test"]) == (370, 110)
    assert words(frame["label"]) == {"tumor": 370}
    assert frame["mask"].notna().all()
    folder = settings.data / "brain-tumor-mri-seg"
    shares = table.set_index(table["path"])["mask_area_frac"].astype(float).sort_index()
    for number in range(0, 370, 37):  # rows are in the order of the source's paths
        pixels, _ = read_raster(folder / frame["mask"][number])
        assert pixels.shape == (frame["rows"][number], frame["columns"][number])
        assert abs(float((pixels == 255).mean()) - shares.iloc[number]) < 1e-4
        assert set(np.unique(pixels)) == {0, 255}


def test_lung_us(real_data: Path, settings: Settings) -> None:
    result, frame, table = brought("lung-us", real_data / "lung-us-video", settings)
    clips = frame[frame["kind"] == "clip"]
    assert (len(clips), result.patients) == (18, 13)
    assert words(clips["label"]) == {"covid-19": 9, "other": 9}
    # Two frames a second of 25: one in 12.5
    counted = table["frames_decoded"].astype(int)
    assert abs(result.images - counted.sum() / 12.5) <= len(clips)
    assert words(clips["sex"]) == {"M": 10, "F": 8}
    for split in SPLITS:
        assert set(clips[clips["split"] == split]["label"]) == {"covid-19", "other"}


def test_spine_fracture_ct(real_data: Path, settings: Settings) -> None:
    result, frame, _ = brought("spine-fracture-ct", real_data / "cervical-spine-fracture", settings)
    # 20 of the 60 originals judge; of the other 40, 15/85 tune and 10/85 calibrate
    groups = {split: int(frame[frame["split"] == split]["group"].nunique()) for split in SPLITS}
    assert (groups["test"], sum(groups.values()), result.splits["test"]) == (20, 60, 60)
    assert words(frame["label"]) == {"fracture": 90, "normal": 90}


def test_lung_cancer_ct(real_data: Path, settings: Settings) -> None:
    result, frame, table = brought("lung-cancer-ct", real_data / "lung-ct-iqothnccd", settings)
    assert words(frame["label"]) == {"benign": 120, "malignant": 130, "normal": 130}
    # 13, 51 and 41 blocks of ten numbers have slices
    assert frame["group"].nunique() == 13 + 51 + 41
    numbers = table["path"].str.extract(r"\((\d+)\)")[0].astype(int) // 10
    assert frame["group"].nunique() == len(set(zip(table["label"], numbers, strict=True)))
    assert result.dropped == 0
    assert frame[frame["split"] == "test"]["label"].value_counts().min() >= 10
