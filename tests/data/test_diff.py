"""What changed between two manifests, by hand; and from two pinned versions without their images."""

from __future__ import annotations

import shutil
from typing import Any

import pandas as pd
from data_folders import Image, fill_folder
from installations import Installation

from radloop.data import versions
from radloop.data.diff import as_text, compare, difference

UC = "phantom-cxr"


def frame(*rows: tuple[Any, ...], **columns: list[Any]) -> pd.DataFrame:
    """Rows of (id, patient, pixels, label, split, excluded)."""
    made = pd.DataFrame(rows, columns=["id", "patient", "pixels", "label", "split", "excluded"])
    return made.assign(**columns)


def test_came_went_and_changed_by_hand() -> None:
    old = frame(
        ("a", "P1", "x1", "normal", "train", None),
        ("b", "P1", "x2", "normal", "train", None),
        ("c", "P2", "x3", "opacity", "test", None),
        ("d", "P3", "x4", "normal", "tune", None),
    )
    new = frame(
        ("e", "P4", "x5", "opacity", "train", None),
        ("a", "P1", "x1", "normal", "train", None),
        ("b", "P1", "x2", "opacity", "train", "quarantine:contrast"),
        ("c", "P2", "x3", "opacity", "train", None),
    )
    found = difference(old, new)
    assert found.came == ["e"]
    assert found.went == ["d"]
    assert [change.as_dict() for change in found.changed] == [
        {"id": "b", "column": "label", "from": "normal", "to": "opacity"},
        {"id": "b", "column": "excluded", "from": None, "to": "quarantine:contrast"},
        {"id": "c", "column": "split", "from": "test", "to": "train"},
    ]
    assert found.counts.as_dict() == {"from": 4, "to": 4, "came": 1, "went": 1, "changed": 2, "same": 1}


def test_nothing_changed_says_so() -> None:
    one = frame(("a", "P1", "x1", None, "train", None))
    found = difference(one, one)
    assert (found.came, found.went, found.changed, found.counts.same) == ([], [], [], 1)
    assert as_text(found) == "0 came, 0 went, 0 changed, 1 stayed"


def test_the_same_picture_under_another_id_changed_and_did_not_come() -> None:
    old = frame(
        ("a", "P1", "x", "normal", "train", None),
        ("b", "P1", "x", "normal", "train", None),
        ("c", "P2", "x", "normal", "test", None),
    )
    new = frame(("n", "P1", "x", "opacity", "train", None), ("m", "P3", "x", "normal", "test", None))
    found = difference(old, new)
    assert [change.as_dict() for change in found.changed] == [
        {"id": "n", "column": "id", "from": "a", "to": "n"},
        {"id": "n", "column": "label", "from": "normal", "to": "opacity"},
    ]
    assert (found.came, found.went) == (["m"], ["b", "c"])  # one's pixels are nobody else's image


def test_findings_are_compared_and_unknown_equals_unknown() -> None:
    old = frame(("a", "P1", "x", None, "train", None), finding_mass=[float("nan")], finding_nodule=[0.0])
    new = frame(("a", "P1", "x", None, "train", None), finding_mass=[float("nan")], finding_nodule=[1.0])
    assert [change.as_dict() for change in difference(old, new).changed] == [
        {"id": "a", "column": "finding_nodule", "from": 0.0, "to": 1.0}
    ]


def test_people_read_a_few_lines_of_many() -> None:
    empty = frame(("z", "P0", "z", "normal", "train", None))
    many = frame(*[(f"n{number}", f"P{number}", f"x{number}", "normal", "train", None) for number in range(25)])
    lines = as_text(difference(empty, many)).splitlines()
    assert lines[0] == "25 came, 1 went, 0 changed, 0 stayed"
    assert lines[1] == "+ n0"
    assert lines[21:] == ["  ... and 5 more came; --json lists them all", "- z"]


def test_only_listings_and_manifests_are_read(installation: Installation) -> None:
    settings = installation.settings
    ids = fill_folder(UC, [Image(b"one", "P1"), Image(b"two", "P2")], settings)
    first = versions.pin(UC, settings).version
    fill_folder(UC, [Image(b"two", "P2", split="test"), Image(b"three", "P3")], settings)
    second = versions.pin(UC, settings).version
    shutil.rmtree(settings.data)
    shutil.rmtree(settings.place / "dvc" / "cache")
    found, erased = compare(first, second, settings)
    assert found.went == [ids[0]]
    assert [change.as_dict() for change in found.changed] == [{"id": ids[1], "column": "split", "from": "train", "to": "test"}]
    assert (len(found.came), erased) == (1, [])
    cached = [path for path in (settings.place / "dvc" / "cache").rglob("*") if path.is_file()]
    assert cached == []  # and nothing was fetched for it
