"""What earlier searches for near-duplicates found is not searched for again, and nothing is lost by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from radloop.data.leakage import NearMemory, find_duplicates, find_leaks, memory
from radloop.images.fingerprint import fingerprint
from radloop.use_case import SPLITS, Leakage

SPEC = Leakage(policy="drop", hash_distance=20, correlation=0.97)


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.executescript(memory.SCHEMA)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def manifest() -> tuple[pd.DataFrame, dict[str, NDArray[np.uint8]]]:
    """120 images: forty pictures, each with two noisy copies; every tenth has the same pixels as the one before."""
    draw = np.random.default_rng(5)
    rows, thumbnails = [], {}
    for number in range(120):
        picture = np.random.default_rng(number % 40).integers(30, 220, (16, 16))
        pixels = np.kron(picture, np.ones((8, 8), np.int64)) + draw.integers(-3, 4, (128, 128))
        found = fingerprint(pixels, pixels.astype(np.uint8))
        name = f"i{number:03d}"
        thumbnails[name] = found.thumbnail
        split = SPLITS[int(draw.integers(0, 4))]
        rows.append({"id": name, "split": split, "dhash": found.dhash, "pixels": found.pixels})
        if number % 10 == 9:  # a copy that is stored once has one thumbnail
            rows.append(rows[-1] | {"id": f"{name}-2", "split": "test"})
    frame = pd.DataFrame(rows).assign(excluded=None, kind="image", patient=[f"p{n}" for n in range(len(rows))], group=None)
    return frame, thumbnails


def test_a_grown_manifest_gives_what_a_search_of_everything_gives(
    manifest: tuple[pd.DataFrame, dict[str, NDArray[np.uint8]]], database: sqlite3.Connection
) -> None:
    frame, thumbnails = manifest
    known = NearMemory(database, "recipe")
    for size in (50, 90, len(frame)):
        part = frame[:size]
        assert find_duplicates(part, thumbnails, SPEC, known) == find_duplicates(part, thumbnails, SPEC)
        assert find_leaks(part, thumbnails, SPEC, memory=known) == find_leaks(part, thumbnails, SPEC)
    leaks = find_leaks(frame, thumbnails, SPEC, memory=known)
    assert {leak.kind for leak in leaks} == {"identical", "near_duplicate"}
    # What went and comes back was compared with what came in between.
    shrunk = frame[40:]
    assert find_leaks(shrunk, thumbnails, SPEC, memory=known) == find_leaks(shrunk, thumbnails, SPEC)
    assert find_leaks(frame, thumbnails, SPEC, memory=known) == leaks


def test_what_was_compared_is_not_compared_again(
    manifest: tuple[pd.DataFrame, dict[str, NDArray[np.uint8]]], database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, thumbnails = manifest
    first = find_duplicates(frame, thumbnails, SPEC, NearMemory(database, "recipe"))

    def refuse(*_: object) -> None:
        raise AssertionError("searched again")

    monkeypatch.setattr(memory, "near_pairs", refuse)
    assert find_duplicates(frame, thumbnails, SPEC, NearMemory(database, "recipe")) == first
    with pytest.raises(AssertionError, match="searched again"):  # other thumbnails, or other limits
        find_duplicates(frame, thumbnails, SPEC, NearMemory(database, "another"))
    with pytest.raises(AssertionError, match="searched again"):
        find_duplicates(frame, thumbnails, Leakage(correlation=0.98), NearMemory(database, "recipe"))


def test_a_forgotten_picture_leaves_nothing(
    manifest: tuple[pd.DataFrame, dict[str, NDArray[np.uint8]]], database: sqlite3.Connection
) -> None:
    frame, thumbnails = manifest
    known = NearMemory(database, "recipe")
    find_duplicates(frame, thumbnails, SPEC, known)
    memory.forget(database, ["i000"])
    left = [name for row in database.execute("select first, second from near") for name in row]
    left += [name for (name,) in database.execute("select id from compared")]
    assert "i000" not in left
    assert "i040" in left
    assert find_duplicates(frame, thumbnails, SPEC, known) == find_duplicates(frame, thumbnails, SPEC)
