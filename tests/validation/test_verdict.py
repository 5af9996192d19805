"""Great Expectations' verdict: what it finds, and that it names rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from installations import Installation

from radloop.configuration import load_use_case
from radloop.data.ingest import ingest
from radloop.data.manifest import Row, read_manifest, write_manifest
from radloop.settings import Settings
from radloop.validation.verdict import DataVerdict, validate


@pytest.fixture
def settings(installation: Installation, phantoms: Path) -> Settings:
    settings = installation.settings
    ingest(load_use_case("phantom-cxr", settings), phantoms, settings)
    return settings


def judged(settings: Settings, rows: list[Row] | None = None) -> DataVerdict:
    if rows is not None:
        (settings.data / "phantom-cxr" / "manifest.parquet").unlink()
        write_manifest(settings.data / "phantom-cxr", rows)
    return validate(load_use_case("phantom-cxr", settings), "1.dir", settings)


def rows(settings: Settings) -> list[Row]:
    frame = read_manifest(settings.data / "phantom-cxr")
    return [Row(**record) for record in frame.to_dict("records")]


def test_clean_phantoms_pass_with_a_page(settings: Settings) -> None:
    verdict = judged(settings)
    assert verdict.success
    assert verdict.sentences() == []
    assert len(verdict.checks) >= 14
    assert "phantom-cxr-images" in Path(verdict.page).read_text()


def test_each_defect_is_found_and_its_rows_are_named(settings: Settings) -> None:
    good = rows(settings)
    first, second = good[0], next(row for row in good if row.split != good[0].split)
    cases = {
        "every label is a class": replace(first, label="pneumonia"),
        "ages are plausible": replace(first, age=230.0),
        "every split is known": replace(first, split="dev"),
        "every known sex is expected": replace(first, sex="X"),
        "every image is listed once": replace(first, id=second.id),
        "no patient is in two splits": replace(first, patient=second.patient),
        "every file decodes": replace(first, path="images/absent.dcm"),
        "every file is the one that was ingested": replace(first, sha256="0" * 64),
        "no image is lower than 64 pixels": replace(first, rows=12),
    }
    for name, spoilt in cases.items():
        verdict = judged(settings, [spoilt, *good[1:]])
        failed = {check.name: check for check in verdict.failed}
        assert name in failed, (name, list(failed))
        assert spoilt.id in failed[name].rows
        assert any(sentence.startswith(name) and spoilt.id in sentence for sentence in verdict.sentences())


def test_a_split_without_a_label_is_named(settings: Settings) -> None:
    kept = [row for row in rows(settings) if (row.split, row.label) != ("calibrate", "opacity")]
    verdict = judged(settings, kept)
    assert [check.rows for check in verdict.failed] == [("calibrate/opacity",)]
