"""Facts as columns: files, clips, shared patients, slices."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pandas as pd
from validation.frames import manifest, row, use_case

from radloop.data.manifest import frame_of
from radloop.validation.facts import tidied, with_image_facts, with_row_facts


def test_unknown_is_one_word_and_no_number_is_unknown() -> None:
    frame = tidied(pd.DataFrame({"sex": ["", float("nan"), "F"], "age": ["old", None, 40], "text": [True, False, True]}))
    assert list(frame["sex"]) == [None, None, "F"]
    assert frame["age"].isna().tolist() == [True, True, False]
    assert frame["text"].tolist() == [True, False, True]


def test_files_are_present_and_intact_by_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(b"one")
    (tmp_path / "changed.png").write_bytes(b"two")
    digest = sha256(b"one").hexdigest()
    changes = [{"path": "good.png"}, {"path": "changed.png"}, {"path": "absent.png"}, {"path": None, "kind": "clip", "frame": 0}]
    frame = frame_of([row(number, sha256=digest, **change) for number, change in enumerate(changes)], use_case())
    found = with_row_facts(tidied(frame), tmp_path, workers=2)
    assert found["present"].tolist() == [True, True, False, True]
    assert found["intact"].tolist() == [True, False, False, True]


def test_a_row_without_an_id_is_named_by_its_place() -> None:
    frame = manifest(use_case(), 3).assign(id=["a", None, ""])
    found = with_row_facts(tidied(frame), None, 1)
    assert found["named"].tolist() == ["a", "row 2", "row 3"]
    assert found["complete"].tolist() == [True, False, False]


def test_clips_and_frames_must_agree() -> None:
    rows = [
        row(0, id="c1", kind="clip", frame=2, path=None),
        row(1, id="f1", kind="frame", clip="c1", frame=0),
        row(2, id="f2", kind="frame", clip="c1", frame=1),
        row(3, id="c2", kind="clip", frame=2, path=None),
        row(4, id="f3", kind="frame", clip="c2", frame=0),
        row(5, id="f4", kind="frame", clip="gone", frame=0),
        row(6),
    ]
    found = with_row_facts(tidied(frame_of(rows, use_case())), None, 1)
    assert found.loc[~found["frames_agree"], "id"].tolist() == ["c2"]
    assert found.loc[~found["clip_found"], "id"].tolist() == ["f4"]


def test_splits_are_counted_by_patient_group_and_pixels() -> None:
    frame = frame_of(
        [
            row(0, split="train", patient="P", group="G", pixels="x"),
            row(1, split="test", patient="P", group=None, pixels="y"),
            row(2, split="test", patient="Q", group="G", pixels="x"),
            row(3, split="test", patient="R", group=None, pixels=""),
            row(4, split="train", patient="S", group=None, pixels=""),
        ],
        use_case(),
    )
    found = with_image_facts(with_row_facts(tidied(frame), None, 1), use_case())
    assert found["patient_splits"].tolist() == [2, 2, 1, 1, 1]
    assert found["group_splits"].dropna().tolist() == [2, 2]
    assert found["pixel_splits"].dropna().tolist() == [2, 1, 2]
    assert found["age_band"].tolist() == ["18-39"] * 5


def test_slices_need_a_series_and_a_place_of_their_own() -> None:
    places = [
        ("S", 1.0, "dicom"),
        ("S", 1.0, "dicom"),
        ("S", 2.0, "dicom"),
        ("S", None, "dicom"),
        (None, 1.0, "dicom"),
        (None, None, "png"),
    ]
    rows = [row(number, series=series, position=place, format=kind) for number, (series, place, kind) in enumerate(places)]
    found = with_image_facts(with_row_facts(tidied(frame_of(rows, use_case())), None, 1), use_case())
    assert found["series_known"].tolist() == [True, True, True, True, False, True]
    assert found["position_known"].tolist() == [True, True, True, False, True, True]
    assert found["same_position"].fillna(0).tolist() == [2, 2, 1, 0, 0, 0]
