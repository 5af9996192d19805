"""The leaks of public data sets, each caught by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from radloop.data.leakage import apply_policy, described, find_duplicates, find_leaks
from radloop.data.sources.row import SourceRow
from radloop.data.split import assign_splits
from radloop.images.fingerprint import fingerprint
from radloop.use_case import SPLITS, Leakage, SplitSpec

SPEC = Leakage(policy="drop")
OURS = {"train": "train", "val": "tune", "valid": "tune", "test": "test"}
Loaded = tuple[pd.DataFrame, dict[str, NDArray[np.uint8]], pd.DataFrame]


def load(folder: Path, split: str = "split", patient: str | None = None, group: str | None = None) -> Loaded:
    """Return a manifest's leakage columns, thumbnails by id, and the source's table."""
    if not folder.is_dir():
        pytest.skip(f"RADLOOP_REAL_DATA has no {folder.name}")
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    prints = []
    for path in table["path"]:
        with Image.open(folder / path) as image:
            pixels = np.asarray(image.convert("L"))
        prints.append(fingerprint(pixels, pixels))
    names = [f"i{number:05d}" for number in range(len(table))]
    frame = pd.DataFrame({"id": names, "patient": table[patient] if patient else names, "group": table[group] if group else None})
    frame["split"] = table[split].map(OURS)
    frame = frame.assign(pixels=[one.pixels for one in prints], dhash=[one.dhash for one in prints], excluded=None, kind="image")
    return frame, {name: one.thumbnail for name, one in zip(names, prints, strict=True)}, table


def test_nih_patients_in_two_splits_of_the_source(real_data: Path) -> None:
    frame, thumbnails, table = load(real_data / "nih_chestxray14_1000_64", "source_split", "patient_id")
    leaks = find_leaks(frame, thumbnails, SPEC)
    assert {kind: len([leak for leak in leaks if leak.kind == kind]) for kind in ("patient", "identical")} == {
        "patient": 30,
        "identical": 0,
    }
    # The source's README counts 8 in train and test, 15 in train and validation, 9 in validation and test.
    places = Counter(
        pair
        for leak in leaks
        for pair in (("train", "tune"), ("train", "test"), ("tune", "test"))
        if set(pair) <= set(leak.splits)
    )
    assert places == {("train", "test"): 8, ("train", "tune"): 15, ("tune", "test"): 9}
    spans = table.groupby("patient_id")["source_split"].nunique()
    wanted = {tuple(frame["id"][table["patient_id"] == name]) for name in spans.index[spans > 1]}
    assert {leak.rows for leak in leaks if leak.kind == "patient"} == wanted


@pytest.mark.parametrize("name, groups, test_files", [("brain-mri-tumor-4class", 46, 49), ("kidney-ct-4class", 124, 125)])
def test_identical_images_on_both_sides(real_data: Path, name: str, groups: int, test_files: int) -> None:
    frame, thumbnails, table = load(real_data / name)
    leaks = find_leaks(frame, thumbnails, SPEC)
    identical = [leak for leak in leaks if leak.kind == "identical"]
    crossing = table["dup_crosses_split"] == "1"
    assert len(identical) == groups
    found = {name for leak in identical for name in leak.rows}
    assert sum(place == "test" for leak in identical for place in leak.places) == test_files
    # The table marks what crosses in the full source; here count the groups of which both sides were drawn.
    both = table[crossing].groupby("dup_group")["split"].nunique()
    assert found == set(frame["id"][table["dup_group"].isin(both.index[both > 1])])
    changed, dropped = apply_policy(frame, leaks, SPEC)
    assert dropped == int((changed["excluded"] == "leak").sum()) >= groups
    assert set(changed["split"][changed["excluded"] == "leak"]) == {"train"}
    assert not any(leak["stands"] for leak in described(changed, leaks))
    assert find_leaks(changed, thumbnails, SPEC) == ()


def test_the_sixty_originals_of_the_cervical_spine_are_found_in_a_random_split(real_data: Path) -> None:
    frame, thumbnails, _ = load(real_data / "cervical-spine-fracture", group="source_image")
    # One of each original's three files in every other split: no original is spared by chance.
    order = np.random.default_rng(7).permuted(np.tile(["train", "tune", "test"], (60, 1)), axis=1)
    frame = frame.assign(split=order[frame["group"].astype("category").cat.codes, frame.groupby("group").cumcount()])
    leaks = find_leaks(frame, thumbnails, SPEC)
    assert sum(leak.kind == "group" for leak in leaks) == 60
    # By the pixels alone rotated copies are found where they are turned little.
    blind = find_leaks(frame.assign(group=None), thumbnails, SPEC)
    assert {leak.kind for leak in blind} <= {"identical", "near_duplicate"}
    group = dict(zip(frame["id"], frame["group"], strict=True))
    seen = {group[leak.rows[a]] for leak in blind for a, b in leak.pairs if group[leak.rows[a]] == group[leak.rows[b]]}
    assert 20 <= len(seen) < 60


def test_our_own_split_of_the_cervical_spine_separates_no_original(real_data: Path) -> None:
    table = pd.read_csv(real_data / "cervical-spine-fracture" / "manifest.csv", dtype=str, keep_default_na=False)
    rows = [
        SourceRow(Path(path), path, label, path, group=source)
        for path, label, source in zip(table["path"], table["label"], table["source_image"], strict=True)
    ]
    table["ours"] = assign_splits(rows, SplitSpec()).splits
    assert int(table.groupby("source_image")["ours"].nunique().max()) == 1
    # 60 originals, 30 a label: 18 : 4.5 : 3 : 4.5 each
    assert Counter(table.drop_duplicates("source_image")["ours"]) == {"train": 36, "tune": 9, "calibrate": 6, "test": 9}


def test_kermanys_radiographs_have_no_near_duplicates_across_its_official_split(real_data: Path) -> None:
    frame, thumbnails, table = load(real_data / "kermany_pneumonia_224", patient="patient_id")
    # Equal tokens of train and test are different children: named by split they are no leak, taken as they are they look like 170.
    assert sum(leak.kind == "patient" and leak.splits == ("train", "test") for leak in find_leaks(frame, {}, SPEC)) == 170
    named = frame.assign(patient=table["split"] + "/" + table["patient_id"])
    assert find_leaks(named, thumbnails, SPEC) == ()
    assert find_duplicates(named, thumbnails, SPEC) == ()
    assert set(named["split"]) < set(SPLITS)
