"""The leakage firewall."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from radloop.data.leakage import Leak, apply_policy, described, find_duplicates, find_leaks
from radloop.data.leakage.duplicates import connected, near_pairs
from radloop.images.fingerprint import correlation, correlations, dhash_bits
from radloop.use_case import Leakage

SPEC = Leakage(policy="drop", hash_distance=20, correlation=0.97)
ZERO = "0" * 64
FAR = "f" * 64
Image = NDArray[np.uint8]


def frame_of(*rows: dict[str, Any]) -> pd.DataFrame:
    """Rows without a patient, pixels or hash that they share with another, but for what is given."""
    made = []
    for number, row in enumerate(rows):
        base = {"id": f"i{number}", "patient": f"p{number}", "group": None, "split": "train", "excluded": None, "kind": "image"}
        made.append(base | {"pixels": f"{number:064x}", "dhash": ZERO} | row)
    return pd.DataFrame(made)


def picture(seed: int, noise: float = 0.0) -> Image:
    """A smooth picture; the same with noise is a near-duplicate of it."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(40, 210, (8, 8)).repeat(8, axis=0).repeat(8, axis=1)
    return np.clip(coarse + noise * np.random.default_rng([seed, 1]).standard_normal((64, 64)), 0, 255).astype(np.uint8)


def nothing(name: str) -> Image | None:
    return None


def stands(frame: pd.DataFrame, leaks: Sequence[Leak]) -> list[bool]:
    return [leak["stands"] for leak in described(frame, leaks)]


def test_a_patient_in_two_splits_is_one_finding_that_names_all_rows() -> None:
    frame = frame_of({"patient": "a"}, {"patient": "a", "split": "test"}, {"patient": "a"}, {"patient": "b"}, {"patient": "b"})
    assert [leak.as_dict() for leak in find_leaks(frame, nothing, SPEC)] == [
        {"kind": "patient", "splits": ["train", "test"], "rows": ["i0", "i1", "i2"], "places": ["train", "test", "train"]}
    ]


def test_a_group_and_identical_pixels_in_two_splits_are_findings() -> None:
    frame = frame_of(
        {"group": "g"}, {"group": "g", "split": "tune"}, {"pixels": "aa"}, {"pixels": "aa", "split": "calibrate"}, {"group": None}
    )
    leaks = find_leaks(frame, nothing, SPEC)
    assert [(leak.kind, leak.splits, leak.rows) for leak in leaks] == [
        ("identical", ("train", "calibrate"), ("i2", "i3")),
        ("group", ("train", "tune"), ("i0", "i1")),
    ]


def test_rows_that_no_split_uses_and_clips_do_not_count() -> None:
    shared = {"patient": "a", "pixels": "aa", "group": "g"}
    frame = frame_of(
        shared, shared | {"split": "test", "excluded": "quarantine:contrast"}, shared | {"split": "tune", "kind": "clip"}
    )
    assert find_leaks(frame, nothing, SPEC) == ()


def test_a_near_duplicate_is_found_with_its_numbers() -> None:
    # i1 is i0 with noise and 3 other bits; i2 looks like neither; i3 is like i0 too, but in the same split.
    pictures = {"i0": picture(1), "i1": picture(1, 3.0), "i2": picture(2), "i3": picture(1, 2.0)}
    frame = frame_of({}, {"split": "test", "dhash": "7" + ZERO[1:]}, {"split": "test"}, {"dhash": "1" + ZERO[1:]})
    (leak,) = find_leaks(frame, pictures, SPEC)
    assert (leak.kind, leak.splits, leak.rows, leak.pairs) == (
        "near_duplicate",
        ("train", "test"),
        ("i0", "i1", "i3"),
        ((0, 1), (1, 2)),
    )
    assert leak.distance == 3
    assert leak.correlation == min(correlation(pictures[name], pictures["i1"]) for name in ("i0", "i3"))


def test_both_limits_must_be_met() -> None:
    pictures = {"i0": picture(1), "i1": picture(1, 3.0)}
    far = frame_of({}, {"split": "test", "dhash": FAR})
    assert find_leaks(far, pictures, SPEC) == ()
    near = frame_of({}, {"split": "test"})
    assert len(find_leaks(near, pictures, SPEC)) == 1
    assert find_leaks(near, pictures, Leakage(correlation=0.9999)) == ()


def test_identical_images_are_no_near_duplicates_and_an_image_of_one_grey_is_none() -> None:
    blank = np.full((64, 64), 7, np.uint8)
    frame = frame_of({"pixels": "aa"}, {"pixels": "aa", "split": "test"}, {}, {"split": "test"})
    leaks = find_leaks(frame, {"i0": picture(1), "i1": picture(1), "i2": blank, "i3": blank}, SPEC)
    assert [leak.kind for leak in leaks] == ["identical"]


def test_a_second_copy_without_a_thumbnail_takes_that_of_the_first() -> None:
    frame = frame_of({"pixels": "aa"}, {"pixels": "aa", "id": "i0-2"}, {"split": "test", "id": "i2"})
    (leak,) = find_leaks(frame, {"i0": picture(1), "i2": picture(1, 3.0)}, SPEC)
    assert leak.rows == ("i0", "i0-2", "i2")


def test_findings_do_not_depend_on_the_index_of_the_frame() -> None:
    frame = frame_of({"patient": "a"}, {"patient": "a", "split": "test"})
    moved = frame.set_axis([7, 3])
    assert find_leaks(moved, nothing, SPEC) == find_leaks(frame, nothing, SPEC)
    assert list(apply_policy(moved, find_leaks(moved, nothing, SPEC), SPEC)[0]["excluded"]) == ["leak", None]


def earlier_of(*rows: dict[str, Any]) -> pd.DataFrame:
    made = frame_of(
        *(
            {"id": f"e{number}", "patient": f"q{number}", "pixels": f"e{number}", "version": "v1"} | row
            for number, row in enumerate(rows)
        )
    )
    return made[["id", "patient", "group", "split", "pixels", "dhash", "version"]]


def test_yesterdays_test_image_may_not_train_under_another_name() -> None:
    frame = frame_of({"pixels": "aa"}, {})
    (leak,) = find_leaks(frame, nothing, SPEC, earlier_of({"pixels": "aa", "split": "test"}, {"split": "test"}))
    assert (leak.kind, leak.splits, leak.rows, leak.places) == ("identical", ("train", "test"), ("i0", "e0"), ("train", "test"))
    assert leak.versions == (None, "v1")


def test_yesterdays_patient_group_and_picture_are_found_and_the_same_split_is_none() -> None:
    frame = frame_of({"patient": "a"}, {"group": "g"}, {})
    earlier = earlier_of(
        {"patient": "a", "split": "tune"}, {"group": "g", "split": "calibrate"}, {"split": "test"}, {"patient": "a"}
    )
    leaks = find_leaks(frame, {"i2": picture(1), "e2": picture(1, 3.0), "i0": picture(2)}, SPEC, earlier)
    assert [(leak.kind, leak.rows, leak.versions) for leak in leaks] == [
        ("near_duplicate", ("i2", "e2"), (None, "v1")),
        ("patient", ("i0", "e0"), (None, "v1")),
        ("group", ("i1", "e1"), (None, "v1")),
    ]


def test_earlier_rows_among_themselves_are_no_finding() -> None:
    earlier = earlier_of({"patient": "a", "split": "test"}, {"patient": "a"})
    pictures = {"e0": picture(1), "e1": picture(1, 3.0)}
    assert find_leaks(frame_of({}), pictures, SPEC, earlier) == ()


@pytest.mark.parametrize("split, excluded", [("train", ["leak"]), ("tune", ["leak"]), ("test", [None])])
def test_an_earlier_test_image_drops_the_present_one_but_never_from_test(split: str, excluded: list[str | None]) -> None:
    frame = frame_of({"pixels": "aa", "split": split})
    leaks = find_leaks(frame, nothing, SPEC, earlier_of({"pixels": "aa", "split": "test" if split != "test" else "train"}))
    changed, dropped = apply_policy(frame, leaks, SPEC)
    assert (list(changed["excluded"]), dropped) == (excluded, sum(word is not None for word in excluded))
    assert stands(changed, leaks) == [not dropped]


def test_drop_keeps_what_is_nearest_to_judging() -> None:
    frame = frame_of(
        *({"patient": "a", "split": split} for split in ("train", "tune", "calibrate", "test", "test")), {"patient": "b"}
    )
    leaks = find_leaks(frame, nothing, SPEC)
    changed, dropped = apply_policy(frame, leaks, SPEC)
    assert list(changed["excluded"]) == ["leak", "leak", "leak", None, None, None]
    assert dropped == 3
    assert list(frame["excluded"]) == [None] * 6
    assert find_leaks(changed, nothing, SPEC) == ()
    assert stands(frame, leaks) == [True]
    assert stands(changed, leaks) == [False]


def test_refuse_drops_nothing() -> None:
    frame = frame_of({"patient": "a"}, {"patient": "a", "split": "test"})
    leaks = find_leaks(frame, nothing, Leakage(policy="refuse"))
    assert apply_policy(frame, leaks, Leakage(policy="refuse"))[1] == 0


def test_a_row_goes_only_for_one_that_stays() -> None:
    # In a chain train - tune - test, tune goes for test; train resembles only what is gone, and stays.
    chain = Leak(
        "near_duplicate", ("train", "tune", "test"), ("i0", "i1", "i2"), ("train", "tune", "test"), pairs=((0, 1), (1, 2))
    )
    frame = frame_of({}, {"split": "tune"}, {"split": "test"})
    changed, dropped = apply_policy(frame, [chain], SPEC)
    assert (list(changed["excluded"]), dropped) == ([None, "leak", None], 1)
    assert stands(changed, [chain]) == [False]


def test_a_finding_survives_json() -> None:
    frame = frame_of({}, {"split": "test"}, {"patient": "a"})
    earlier = earlier_of({"patient": "a", "split": "test"})
    leaks = find_leaks(frame, {"i0": picture(1), "i1": picture(1, 3.0)}, SPEC, earlier)
    documents = [leak.as_dict() for leak in leaks]
    assert json.loads(json.dumps(documents)) == documents
    assert len(leaks) == 2


def test_duplicates_are_found_inside_a_split_too() -> None:
    frame = frame_of({}, {}, {"pixels": "aa"}, {"pixels": "aa"}, {"split": "test"}, {})
    pictures = {"i0": picture(1), "i1": picture(1, 3.0), "i4": picture(1, 2.0), "i5": picture(3)}
    assert find_duplicates(frame, pictures, SPEC) == (("i0", "i1", "i4"), ("i2", "i3"))


def test_an_empty_manifest_has_no_leaks() -> None:
    assert find_leaks(frame_of({})[:0], nothing, SPEC) == ()
    assert find_duplicates(frame_of({})[:0], nothing, SPEC) == ()


def scenes(random: np.random.Generator, n: int) -> NDArray[np.uint8]:
    """Noisy copies of a few pictures, some with flat corners, some with a label, some of one grey."""
    bases = random.uniform(0, 255, (12, 16, 16)).repeat(4, axis=1).repeat(4, axis=2)
    bases[:6, :16, :32], bases[3:9, 48:, 48:], bases[11, :, :40] = 3, 200, 90
    noise = random.uniform(0, 45, n)[:, None, None] * random.standard_normal((n, 64, 64))
    noise[:, :16, :32] *= random.integers(0, 2, n)[:, None, None]
    made = np.clip(bases[random.integers(0, 12, n)] + noise, 0, 255).astype(np.uint8)
    made[random.random(n) < 0.3, 20:36, 4:60] = 255
    made[:3] = 9
    return made


@pytest.mark.parametrize("limit, distance", [(0.85, 24), (0.95, 40), (0.985, 256)])
@pytest.mark.parametrize("seed", range(4))
def test_the_search_finds_exactly_what_comparing_all_pairs_finds(seed: int, limit: float, distance: int) -> None:
    random = np.random.default_rng(seed)
    n = 400  # six cells in each of the eight views
    images = scenes(random, n)
    packed = random.integers(0, 2**63, (3, 4), dtype=np.uint64)[random.integers(0, 3, n)]
    packed ^= random.integers(0, 2**12, (n, 4), dtype=np.uint64)
    parts = random.integers(0, 4, n)
    found = near_pairs(lambda places: images[places], packed, parts, ~np.eye(4, dtype=bool), distance, limit)
    first, second = np.triu_indices(n, 1)
    # The three of one grey are equal: `identical` is the word for them.
    wanted = (
        (np.bitwise_count(packed[first] ^ packed[second]).sum(axis=1) <= distance) & (parts[first] != parts[second]) & (first > 2)
    )
    first, second = first[wanted], second[wanted]
    direct = np.concatenate(
        [correlations(images[first[k : k + 1000]], images[second[k : k + 1000]]) for k in range(0, len(first), 1000)]
    )
    near = direct >= limit
    assert near.sum() > 20
    assert list(zip(found.first, found.second, strict=True)) == list(zip(first[near], second[near], strict=True))
    assert found.correlation.tolist() == direct[near].tolist()


def test_most_pairs_of_many_images_are_never_measured() -> None:
    random = np.random.default_rng(3)
    n = 6000
    grid = np.linspace(-1, 1, 64)
    spread = random.uniform(0.15, 1.0, (n, 2, 1, 1))
    centre = random.uniform(-0.8, 0.8, (n, 2, 1, 1))
    bumps = np.exp(
        -(((grid[:, None] - centre[:, 0]) / spread[:, 0]) ** 2) - (((grid[None, :] - centre[:, 1]) / spread[:, 1]) ** 2)
    )
    images = (200 * bumps + random.uniform(0, 20, (n, 64, 64))).astype(np.uint8)
    hashes = np.zeros((n, 4), np.uint64)
    found = near_pairs(lambda places: images[places], hashes, random.integers(0, 2, n), ~np.eye(2, dtype=bool), 40, 0.995)
    assert found.compared < 0.5 * (n / 2) ** 2
    assert found.confirmed < 0.0001 * (n / 2) ** 2


def test_connected_sets_and_hashes_as_words() -> None:
    assert connected([(1, 2), (3, 2), (8, 5)]) == [[1, 2, 3], [5, 8]]
    bits = dhash_bits([ZERO, "8" + ZERO[1:], FAR])
    assert np.bitwise_count(bits[0] ^ bits[1]).sum() == 1
    assert np.bitwise_count(bits[0] ^ bits[2]).sum() == 256
