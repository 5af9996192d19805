"""The verdict on manifests without files: every check fails on its defect, names its rows, and has its level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from validation.frames import manifest, row, use_case

from radloop.data.manifest import COLUMNS, frame_of
from radloop.use_case import UseCase
from radloop.validation.check import Check
from radloop.validation.verdict import DataVerdict, judge_manifest

FINDINGS = {"kind": "multilabel", "findings": ["mass", "edema"], "none": "healthy"}
LEAK = {"kind": "near_duplicate", "splits": ["train", "test"], "rows": ["id0", "id3"]}


def by_code(verdict: DataVerdict) -> dict[str, Check]:
    return {check.code: check for check in verdict.checks}


def fails(verdict: DataVerdict) -> dict[str, tuple[str, ...]]:
    return {check.code: check.rows for check in verdict.checks if not check.success}


def test_a_clean_manifest_passes_and_leaves_pages(tmp_path: Path) -> None:
    case = use_case(subgroups={"gated": [{"attribute": "sex", "value": "F"}]})
    frame = manifest(case)
    verdict = judge_manifest(case, frame, tmp_path, previous=frame)
    assert fails(verdict) == {}
    assert verdict.success
    assert verdict.sentences() == verdict.warnings() == []
    assert by_code(verdict)["drift_sex"].observed == "sex 0.000"
    assert by_code(verdict)["subgroup_sizes"].observed == "sex=F 8"
    document = verdict.as_dict()
    assert json.loads(json.dumps(document)) == document
    assert {"code", "level", "name", "success", "rows"} <= document["checks"][0].keys()
    assert "small-case-images" in Path(verdict.page).read_text()
    docs = "".join(path.read_text() for path in tmp_path.rglob("validations/**/*.html"))
    assert "population stability index" in docs
    assert "Each of these subgroups has at least 0 images in test: sex=F" in docs
    assert "no patient is in two splits" in docs
    assert "Rendering failed" not in docs
    sheet = Path(verdict.sheet).read_text()
    assert "the data is accepted" in sheet
    assert "http" not in sheet


def test_every_row_check_fails_on_its_row(tmp_path: Path) -> None:
    case = use_case(validation={"min_images": 65, "min_per_label_and_split": 2, "sites": ["A"], "views": ["PA"]})
    spoilt: dict[str, dict[str, Any]] = {
        "row0": {"label": "pneumonia"},
        "row1": {"age": 230.0},
        "row2": {"split": "dev"},
        "row3": {"sex": "X"},
        "row4": {"id": "id5"},
        "row6": {"patient": "P7"},
        "row8": {"rows": 12},
        "row9": {"columns": 12},
        "row10": {"site": "B"},
        "row11": {"view": "AP"},
        "row12": {"label": None},
        "row13": {"patient": None},
        "row14": {"kind": "photo"},
        "row16": {"group": "G"},
        "row17": {"group": "G"},
        "row20": {"pixels": "same"},
        "row21": {"pixels": "same"},
        "row24": {"series": "S"},
        "row25": {"series": "S"},
        "row28": {"kind": "frame", "clip": "gone"},
        "row29": {"id": "c", "kind": "clip", "frame": 3, "path": None},
    }
    verdict = judge_manifest(case, manifest(case, **spoilt), tmp_path)
    assert fails(verdict) == {
        "rows_complete": ("id13",),
        "unique_ids": ("id5", "id5"),
        "known_splits": ("id2",),
        "known_kinds": ("id14",),
        "frames_of_clips": ("id28",),
        "clips_of_frames": ("c",),
        "min_images": (),
        "patients_known": ("id13",),
        "labels_present": ("id12",),
        "known_labels": ("id0",),
        "plausible_ages": ("id1",),
        "image_height": ("id8",),
        "image_width": ("id9",),
        "known_sexes": ("id3",),
        "known_sites": ("id10",),
        "known_views": ("id11",),
        "patient_splits": ("id6", "id7"),
        "group_splits": ("id16", "id17"),
        "pixel_splits": ("id20", "id21"),
        "series_splits": ("id24", "id25"),
    }
    assert not verdict.success
    assert any("plausible" in sentence and "id1" in sentence for sentence in verdict.sentences())


def test_levels_decide_whether_a_failed_check_refuses(tmp_path: Path) -> None:
    shown = use_case(validation={"min_images": 40, "levels": {"plausible_ages": "warn"}})
    verdict = judge_manifest(shown, manifest(shown, row1={"age": 230.0}), tmp_path)
    assert verdict.success
    assert verdict.warnings() == ["ages are plausible: 1 do not, id1"]
    case = use_case(
        validation={"min_images": 40, "min_per_subgroup": 9, "levels": {"subgroup_sizes": "stop"}}, subgroups=_gated("F")
    )
    refused = judge_manifest(case, manifest(case), tmp_path)
    assert fails(refused) == {"subgroup_sizes": ("sex=F",)}
    assert not refused.success
    severities = [
        expectation["severity"]
        for path in (tmp_path / "gx" / "expectations").glob("*images.json")
        for expectation in json.loads(path.read_text())["expectations"]
        if expectation["type"] == "expect_subgroup_sizes"
    ]
    assert severities == ["critical"]


def _gated(sex: str) -> dict[str, Any]:
    return {"gated": [{"attribute": "sex", "value": sex}]}


def test_leaks_refuse_by_name_or_say_how_many_were_dropped(tmp_path: Path) -> None:
    case = use_case()
    refused = judge_manifest(case, manifest(case), tmp_path, leaks=[LEAK])
    assert not refused.success
    assert refused.sentences() == [
        "no image stands on both sides of a split: no, seen 1 near duplicate in train and test: id0, id3"
    ]
    assert refused.as_dict()["leaks"] == [LEAK]
    assert "id0, id3" in Path(refused.sheet).read_text()
    dropping = use_case(leakage={"policy": "drop"})
    dropped = judge_manifest(dropping, manifest(dropping, row0={"excluded": "leak"}), tmp_path, leaks=[LEAK | {"stands": False}])
    assert dropped.success
    assert [check.code for check in dropped.warned] == ["leaks"]
    assert "1 images were dropped" in dropped.warnings()[0]
    # What dropping could not mend, such as a test image that an earlier version trained on, refuses all the same.
    standing = judge_manifest(dropping, manifest(dropping), tmp_path, leaks=[LEAK | {"stands": True}])
    assert [check.code for check in standing.failed] == ["leaks_standing"]


def test_imbalance_proportions_quarantine_and_refused_files(tmp_path: Path) -> None:
    case = use_case(source={"max_unreadable": 1}, split={"proportions": [0.9, 0.04, 0.03, 0.03]})
    changes = {f"row{number}": {"label": "opacity"} for number in range(3, 64, 4)}
    changes |= {f"row{number}": {"excluded": "quarantine:black"} for number in (0, 1, 2, 4)}
    refused = [{"row": 7, "code": "truncated", "message": "m"}, {"row": 9, "code": "truncated", "message": "m"}]
    verdict = judge_manifest(case, manifest(case, **changes), tmp_path, refused=refused)
    found = by_code(verdict)
    # opacity in test: all of 16 against 39 of 60; 16/16 - 39/60 = 0.35
    assert "test/opacity" in found["label_balance"].rows
    assert found["label_balance"].observed == "a largest difference of 0.350 in test/normal"
    assert found["split_proportions"].rows == ("train",)
    assert found["quarantine_share"].rows == ("id0", "id1", "id2", "id4")
    assert found["quarantine_share"].observed == "4 of 64 (6.2%), black 4"
    assert found["unreadable_files"].rows == ("source row 7", "source row 9")
    assert fails(verdict).keys() == {
        "images_per_label",
        "label_balance",
        "split_proportions",
        "quarantine_share",
        "unreadable_files",
    }
    assert [check.code for check in verdict.failed] == ["images_per_label", "unreadable_files"]


def test_drift_is_measured_on_what_splits_use(tmp_path: Path) -> None:
    case = use_case()
    before = manifest(case)
    after = before.assign(sex="F", contrast=0.25)
    after.loc[0, "excluded"] = "leak"
    found = by_code(judge_manifest(case, after, tmp_path, previous=before))
    assert (found["drift_sex"].rows, found["drift_quality"].rows) == (("sex",), ("contrast",))
    assert found["drift_label"].success
    assert found["drift_sex"].level == "warn"


def test_findings_are_judged_one_by_one(tmp_path: Path) -> None:
    case = use_case(FINDINGS)
    values: list[dict[str, float | None]] = [
        {"mass": float(number // 4 % 2), "edema": None if number % 4 == 3 and number > 8 else float(number // 8 % 2)}
        for number in range(64)
    ]
    values[5] = {"mass": 0.5, "edema": None}
    values[6] = {"mass": None, "edema": None}
    frame = frame_of([row(number, label=None, findings=finding) for number, finding in enumerate(values)], case)
    verdict = judge_manifest(case, frame, tmp_path, previous=frame)
    found = by_code(verdict)
    assert (found["known_labels"].rows, found["labels_present"].rows) == (("id5",), ("id6",))
    # 14 of the 16 of test do not know edema; healthy is unknown in the 7 of them without a mass.
    assert found["unknown_share"].rows == ("test/edema",)
    assert found["images_per_finding"].rows == ("test/edema", "test/healthy")
    assert found["images_per_finding"].level == "warn"
    assert found["drift_label"].observed == "finding_edema 0.000, finding_mass 0.000"


def test_slices_and_clips_have_checks_of_their_own(tmp_path: Path) -> None:
    image = {"modalities": ["CT"], "body_parts": ["HEAD"], "size": 64, "pixel_domain": "hounsfield"}
    case = use_case(image={**image, "window": {"center": 40, "width": 80}})
    changes: dict[str, dict[str, Any]] = {
        f"row{number}": {"format": "dicom", "series": f"S{number}", "position": 1.0} for number in range(64)
    }
    changes["row1"] |= {"series": None}
    changes["row2"] |= {"position": None}
    changes["row8"] |= {"series": "S4"}
    found = fails(judge_manifest(case, manifest(case, **changes), tmp_path))
    assert found == {"series_known": ("id1",), "position_known": ("id2",), "position_unique": ("id4", "id8")}


@pytest.mark.parametrize("labels", [None, FINDINGS])
def test_nothing_known_is_a_verdict_not_an_exception(labels: dict[str, Any] | None, tmp_path: Path) -> None:
    case: UseCase = use_case(labels, subgroups=_gated("F"), image={"modalities": ["MR"], "body_parts": ["HEAD"], "size": 64})
    columns = [*COLUMNS, *(["finding_mass", "finding_edema"] if labels else [])]
    for empty in (None, float("nan")):
        frame = pd.DataFrame({name: [empty] * 50 for name in columns})
        verdict = judge_manifest(case, frame, tmp_path, previous=frame)
        assert not verdict.success
        assert {"rows_complete", "patients_known", "labels_present"} <= fails(verdict).keys()
        assert not any("nothing that can be judged" in (check.observed or "") for check in verdict.checks)
    nobody = judge_manifest(case, frame.iloc[:0], tmp_path)
    assert "min_images" in fails(nobody)
    assert not any("nothing that can be judged" in (check.observed or "") for check in nobody.checks)


def test_a_column_too_few_is_named_and_nothing_else_breaks(tmp_path: Path) -> None:
    case = use_case(FINDINGS)
    frame = frame_of([row(number, label=None, findings={"mass": 1.0, "edema": 0.0}) for number in range(64)], case)
    verdict = judge_manifest(case, frame.drop(columns="finding_edema").assign(extra=1), tmp_path)
    assert by_code(verdict)["schema"].observed == "finding_edema is missing, extra is new"
    assert not verdict.success
