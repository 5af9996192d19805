"""The verdict on a data folder: its files, its findings, what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from installations import Installation
from validation.frames import manifest, row, use_case

from radloop.data.findings import write_findings
from radloop.data.manifest import Row, frame_of, write_manifest
from radloop.errors import IntegrityError
from radloop.settings import Settings
from radloop.validation.verdict import DataVerdict, validate

LEAK = {"kind": "patient", "splits": ["train", "test"], "rows": ["id0", "id3"]}


def stored(settings: Settings, count: int = 64) -> list[Row]:
    """Write files of a few bytes and their manifest: nothing here decodes them."""
    folder = settings.data / "small-case"
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(count):
        content = f"image {number}".encode()
        entry = row(number, sha256=sha256(content).hexdigest())
        (folder / str(entry.path)).write_bytes(content)
        rows.append(entry)
    write_manifest(folder, frame_of(rows, use_case()), use_case())
    write_findings(folder, {"policy": "refuse", "dropped": 0, "leaks": []}, [])
    return rows


def judged(settings: Settings, rows: list[Row] | None = None) -> DataVerdict:
    if rows is not None:
        write_manifest(settings.data / "small-case", frame_of(rows, use_case()), use_case())
    return validate(use_case(), "1.dir", settings)


def test_intact_files_pass_with_a_page(installation: Installation) -> None:
    stored(installation.settings)
    verdict = judged(installation.settings)
    assert verdict.success
    assert verdict.data_version == "1.dir"
    assert {"files_present", "files_intact", "leaks"} <= {check.code for check in verdict.checks}
    assert "small-case-images" in Path(verdict.page).read_text()
    assert "1.dir" in Path(verdict.sheet).read_text()


def test_a_changed_and_a_missing_file_are_named(installation: Installation) -> None:
    rows = stored(installation.settings)
    folder = installation.settings.data / "small-case"
    (folder / "images" / "id4.png").write_bytes(b"image 5")
    (folder / "images" / "id9.png").unlink()
    moved = replace(rows[2], path="images/absent.png")
    verdict = judged(installation.settings, [*rows[:2], moved, *rows[3:]])
    assert {check.code: check.rows for check in verdict.failed} == {
        "files_present": ("id2", "id9"),
        "files_intact": ("id2", "id4", "id9"),
    }
    assert "every file is the one that was ingested: 3 do not, id2, id4, id9" in verdict.sentences()


def test_the_leaks_of_ingest_refuse_and_are_printed(installation: Installation) -> None:
    stored(installation.settings)
    folder = installation.settings.data / "small-case"
    write_findings(folder, {"policy": "refuse", "dropped": 0, "leaks": [LEAK]}, [{"row": 3, "code": "truncated", "message": "m"}])
    verdict = judged(installation.settings)
    assert [check.code for check in verdict.failed] == ["leaks"]
    assert verdict.failed[0].rows == ("id0", "id3")
    assert json.loads(json.dumps(verdict.as_dict()))["leaks"] == [LEAK]


def test_missing_evidence_means_no(installation: Installation) -> None:
    stored(installation.settings)
    (installation.settings.data / "small-case" / "leaks.json").unlink()
    with pytest.raises(IntegrityError):
        judged(installation.settings)


def test_a_split_without_a_label_is_named(installation: Installation) -> None:
    rows = [entry for entry in stored(installation.settings) if (entry.split, entry.label) != ("calibrate", "opacity")]
    assert [check.rows for check in judged(installation.settings, rows).failed] == [("calibrate/opacity",)]


def test_the_version_before_is_compared(installation: Installation) -> None:
    stored(installation.settings)
    before = manifest(use_case()).assign(sex="F")
    verdict = validate(use_case(), "2.dir", installation.settings, previous=before)
    assert verdict.success
    assert [check.code for check in verdict.warned] == ["drift_sex"]
