"""The sample: who is in it, and that it answers as serving does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from readers import MIDDLE, Reader

from radloop.evaluation.cases import Cases
from radloop.evaluation.sample import MOST, OF_A_UNIT, chosen_rows
from radloop.use_case import Policy


def cases(patients: list[int], truth: list[list[float]]) -> Cases:
    """Return cases of numbered patients."""
    frame = pd.DataFrame({"patient": [f"P{number}" for number in patients]})
    found = np.array(truth)
    return Cases(frame, np.full(found.shape, 0.5), found, np.ones(len(found), np.bool_))


def test_the_rare_are_in_and_patients_stay_whole() -> None:
    # 150 patients of two images each, of whom 20 have the finding.
    patients = [number // 2 for number in range(300)]
    given = cases(patients, [[float(number % 15 < 2)] for number in patients])
    rows = chosen_rows(given, (True,), 1)
    assert len(rows) == MOST == len(set(rows.tolist()))
    assert rows.tolist() == sorted(rows.tolist())
    assert all(row ^ 1 in rows for row in rows)
    assert given.truths[rows].sum() == MOST / 2  # drawn in turn: half have it, of the 14% in all
    assert chosen_rows(given, (True,), 1).tolist() == rows.tolist() != chosen_rows(given, (True,), 2).tolist()


def test_few_are_all_in() -> None:
    given = cases([0, 1, 1, 2], [[1.0], [0.0], [0.0], [np.nan]])
    assert chosen_rows(given, (True,), 1).tolist() == [0, 1, 2]  # whose truth is known
    assert chosen_rows(given.within(np.zeros(4, np.bool_)), (True,), 1).tolist() == []


def test_a_unit_of_many_images_is_thinned_evenly() -> None:
    given = cases([0] * 41 + [1], [[1.0]] * 41 + [[0.0]])
    assert OF_A_UNIT == 5
    assert chosen_rows(given, (True,), 1).tolist() == [0, 10, 20, 30, 40, 41]


def test_each_label_has_its_turn_and_the_unjudged_has_none() -> None:
    truth = [[1.0, 0, 0]] * 100 + [[1.0, 1, 0]] * 20 + [[0.0, 0, 1]] * 4
    given = cases(list(range(124)), truth)
    rows = chosen_rows(given, (True, True, False), 1)
    found = given.truths[rows]
    # Strata: the first label (100), the second as the rarer (20), none that is judged (4).
    assert [int(found[:, 1].sum()), int(found[:, 2].sum()), len(rows)] == [20, 4, MOST]


def test_it_answers_as_serving_does(make_reader: Callable[..., Reader], policy: Policy) -> None:
    reader = make_reader(MIDDLE)
    sample = reader.sample(policy)
    assert len(sample.cases) == 40
    for number, row in enumerate(sample.cases.frame.to_dict("records")):
        served = reader.predictor.score(reader.folder / row["path"])
        np.testing.assert_array_equal(sample.cases.probabilities[number], served.probabilities)
    same = sample.altered(lambda _, picture: picture)
    np.testing.assert_array_equal(same.probabilities, sample.cases.probabilities)
    dark = sample.altered(lambda _, picture: replace(picture, pixels=np.zeros_like(picture.pixels)))
    assert float(np.ptp(dark.probabilities)) == 0
    assert sample.without_clinical() is sample


def test_a_large_image_is_reduced_to_twice_the_networks_side(make_reader: Callable[..., Reader], policy: Policy) -> None:
    reader = make_reader(MIDDLE)
    path = reader.folder / "images" / "0.png"
    with Image.open(path) as stored:
        stored.resize((512, 256)).save(path)
    shapes = {picture.pixels.shape for picture in reader.sample(policy).pictures}
    assert shapes == {(64, 128), (64, 64)}


def test_nobody_gives_an_empty_sample(make_reader: Callable[..., Reader], policy: Policy) -> None:
    reader = make_reader(MIDDLE)
    nobody = replace(reader, cases=reader.cases.within(np.zeros(40, np.bool_))).sample(policy)
    assert nobody.pictures == ()
    assert nobody.cases.probabilities.shape == (0, 1)


def test_what_is_followed_is_dice_for_a_region(make_reader: Callable[..., Reader], policy: Policy) -> None:
    sample = make_reader(MIDDLE).sample(policy)
    assert sample.metric == "auroc"
    assert replace(sample, outputs=replace(sample.outputs, kind="segmentation")).metric == "dice"


@pytest.mark.parametrize("dice", [None, np.array([0.5, 1.0])])
def test_dice_is_a_mean_over_images(
    make_reader: Callable[..., Reader], policy: Policy, dice: np.ndarray[tuple[int], np.dtype[np.float64]] | None
) -> None:
    sample = make_reader(MIDDLE).sample(policy)
    region = replace(sample, outputs=replace(sample.outputs, kind="segmentation"))
    two = replace(sample.cases.within(np.array([0, 2])), dice=dice)
    found = region.measure(two)(np.ones((2, 1)))[None, "dice"]
    assert np.isnan(found[0]) if dice is None else found[0] == 0.75
