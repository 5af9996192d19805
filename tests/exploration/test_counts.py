"""The numbers of the exploration page, counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from exploration.manifests import make_row, make_thumbnail

from radloop.configuration import read_use_case
from radloop.data.manifest import frame_of
from radloop.exploration.counts import (
    class_masks,
    co_occurrence,
    crosstab,
    histograms,
    identical_groups,
    images_per_patient,
    intensities,
    missing,
    split_table,
)
from radloop.exploration.pictures import leak_pairs, samples

USE_CASES = Path(__file__).parents[2] / "configs" / "use_cases"
BINARY = read_use_case(USE_CASES / "phantom-cxr.yaml")
FINDINGS = read_use_case(USE_CASES / "thorax-cxr.yaml")


def findings(**known: float | None) -> dict[str, float | None]:
    return {name: known.get(name, 0.0) for name in FINDINGS.labels.words[:-1]}


def test_classes_of_findings_overlap_and_the_rest_is_unknown() -> None:
    rows = [
        make_row(0, label=None, findings=findings(Edema=1.0, Mass=1.0)),
        make_row(1, label=None, findings=findings()),
        make_row(2, label=None, findings=findings(Edema=None)),
    ]
    masks = class_masks(frame_of(rows, FINDINGS), FINDINGS)
    assert masks["Edema"].tolist() == [True, False, False]
    assert masks["Mass"].tolist() == [True, False, False]
    assert masks["No Finding"].tolist() == [False, True, False], "an unknown finding is not an absent one"
    assert masks["unknown"].tolist() == [False, False, True]
    assert list(masks)[-2:] == ["No Finding", "unknown"]


def test_co_occurrence() -> None:
    rows = [
        make_row(0, label=None, findings=findings(Edema=1.0, Mass=1.0)),
        make_row(1, label=None, findings=findings(Edema=1.0)),
        make_row(2, label=None, findings=findings(Mass=None)),
    ]
    assert co_occurrence(frame_of(rows, FINDINGS), ["Edema", "Mass", "Hernia"]) == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]


def test_splits_count_images_and_patients() -> None:
    rows = [
        make_row(0, patient="a"),
        make_row(1, patient="a", label="opacity"),
        make_row(2, patient="b", split="test", label="opacity"),
        make_row(3, patient="c", split="test", excluded="leak"),
    ]
    frame = frame_of(rows, BINARY)
    used = frame["excluded"].isna().to_numpy()
    table = {row["name"]: row for row in split_table(frame, used, class_masks(frame, BINARY))}
    assert table["normal"] == {"name": "normal", "train": 1, "tune": 0, "calibrate": 0, "test": 0, "out": 1}
    assert table["opacity"] == {"name": "opacity", "train": 1, "tune": 0, "calibrate": 0, "test": 1, "out": 0}
    assert table["images"] == {"name": "images", "train": 2, "tune": 0, "calibrate": 0, "test": 1, "out": 1}
    assert table["patients"] == {"name": "patients", "train": 1, "tune": 0, "calibrate": 0, "test": 1, "out": 1}


def test_a_crosstab_puts_the_frequent_first_and_the_unknown_last() -> None:
    masks = {"x": np.array([True, True, True, False, False]), "y": np.array([False, False, False, True, True])}
    table = crosstab("Site", pd.Series(["B", "A", None, "A", None], dtype=object), masks)
    assert table.totals == (3, 2)
    assert table.rows == (("A", 2, (1, 1)), ("B", 1, (1, 0)), ("unknown", 2, (1, 1)))


def test_a_crosstab_counts_many_values_together() -> None:
    values = [f"site {number:02d}" for number in range(20)] * 2 + ["site 00"]
    table = crosstab("Site", values, {"all": np.ones(41, bool)})
    assert table.rows[0] == ("site 00", 3, (3,))
    assert table.rows[-1] == ("8 others", 16, (16,))
    assert sum(row[1] for row in table.rows) == 41


def test_a_value_that_says_none_is_not_unknown() -> None:
    assert crosstab("View", ["None", None], {"all": np.ones(2, bool)}).rows == (("None", 1, (1,)), ("unknown", 1, (1,)))


def test_histograms_leave_nan_out_and_keep_what_is_beyond() -> None:
    values = np.array([0.0, 0.9, 1.0, 5.0, np.nan])
    (band,) = histograms(values, {"all": np.ones(5, bool)}, np.array([0.0, 1.0, 2.0]))
    assert band.counts.tolist() == [2, 2]  # 0 and 0.9; 1 and, at the end, 5


def test_intensities_count_pixels() -> None:
    pictures = [np.zeros((64, 64), np.uint8), np.full((64, 64), 255, np.uint8), None]
    bands = intensities(pictures, {"a": np.array([True, True, True]), "b": np.array([False, False, True])}, bins=4)
    assert bands[0].counts.tolist() == [4096, 0, 0, 4096]
    assert bands[1].counts.tolist() == [0, 0, 0, 0]


def test_images_per_patient() -> None:
    patients = pd.Series(["a"] + ["b"] * 2 + ["c"] * 4 + ["d"] * 5 + ["e"] * 25)
    assert images_per_patient(patients) == [
        ("1", 1),
        ("2", 1),
        ("3", 0),
        ("4 to 5", 2),
        ("6 to 10", 0),
        ("11 to 20", 0),
        ("21 or more", 1),
    ]


def test_missing_values_most_first() -> None:
    frame = pd.DataFrame({"a": [1, None, None], "b": [None, None, None], "c": [1, 2, 3]})
    assert missing(frame, ["a", "b", "c"]) == [("b", 3), ("a", 2)]


def test_identical_images_with_other_labels_come_first() -> None:
    rows = [make_row(number, pixels=pixels, label=label) for number, (pixels, label) in enumerate([("p", "normal"), ("q", "normal"), ("p", "normal"), ("q", "opacity"), ("r", "normal")])]  # fmt: skip
    assert identical_groups(frame_of(rows, BINARY)) == [[1, 3], [0, 2]]


def test_samples_are_the_same_again_and_of_different_patients() -> None:
    rows = [make_row(number, patient="one" if number < 30 else f"p{number}") for number in range(40)]
    frame = frame_of(rows, BINARY)
    used, thumbnails = np.ones(40, bool), {row.id: make_thumbnail(number) for number, row in enumerate(rows)}
    masks = class_masks(frame, BINARY)
    grids = samples(frame, used, masks, thumbnails)
    assert grids == samples(frame, used, masks, thumbnails)
    ids = [item["id"] for item in grids[0]["cards"]]
    assert len(set(ids)) == 12
    patients = frame.set_index("id").loc[ids]["patient"]
    assert patients.nunique() == 11, "ten patients with an image each and one with thirty: one image is a second"
    assert grids[1]["cards"] == []


def test_a_leak_shows_two_images_of_different_splits() -> None:
    rows = [make_row(0), make_row(1), make_row(2, split="test")]
    frame = frame_of(rows, BINARY)
    leaks = [
        {"kind": "patient", "splits": ["train", "test"], "rows": [row.id for row in rows]},
        {"kind": "identical", "splits": ["train", "test"], "rows": [rows[0].id, "gone"], "places": ["train", "test"]},
        {
            "kind": "near_duplicate",
            "splits": ["train", "test"],
            "rows": [row.id for row in rows],
            "pairs": [[0, 1], [1, 2]],
            "correlation": 0.99,
        },
    ]
    shown = leak_pairs(frame, leaks, ["normal"] * 3, {rows[0].id: make_thumbnail(0)})
    assert [[item["id"] for item in leak["cards"]] for leak in shown] == [
        [rows[0].id, rows[2].id],
        [rows[0].id, "gone"],
        [rows[1].id, rows[2].id],
    ]
    assert [item["split"] for item in shown[1]["cards"]] == ["train", "test"]
    assert shown[0]["cards"][0]["picture"].startswith("data:image/png;base64,")
    assert shown[1]["cards"][1]["picture"] is None
