"""DeLong's test by hand, beside the bootstrap, and with patients of several images."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radloop.statistics.delong import delong
from radloop.statistics.discrimination import auroc
from radloop.statistics.outputs import one
from radloop.statistics.resamples import drawn

FIRST, SECOND, LABELS = [0.6, 0.8, 0.5, 0.7], [0.5, 0.5, 0.5, 0.5], [1, 1, 0, 0]


def models(seed: int, patients: int, gap: float, images: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return two models' scores, labels and patients; images of a patient resemble each other."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), images)
    labels = (rng.random(patients) < 0.4).astype(int)[owner]
    scores = [1.5 * labels + rng.normal(size=patients)[owner] + 0.3 * rng.normal(size=owner.size) for _ in range(2)]
    return scores[0] + gap * labels, scores[1], labels, owner


def test_by_hand() -> None:
    # First: 0.6 beats one of two, 0.8 both, 0.5 loses to both, 0.7 to one. Second: ties. The components differ by 0 and 1/2
    # among positives, 1/2 and 0 among negatives; each class has variance 1/8 and two cases: 1/16 + 1/16.
    found = delong(FIRST, SECOND, LABELS, [1, 2, 3, 4])
    assert (found.first, found.second, found.difference.value) == (0.75, 0.5, 0.25)
    half = 1.959964 * math.sqrt(1 / 8)
    assert (found.difference.low, found.difference.high) == pytest.approx((0.25 - half, 0.25 + half), abs=1e-6)
    assert found.p == pytest.approx(0.4795, abs=1e-4)  # z = 0.7071


def test_patients_with_both_classes_by_hand() -> None:
    # The patients are 0.6 with 0.7 and 0.8 with 0.5: each lies 1/4 from the mean in both classes, on the same side, so that the
    # covariance, 2 * 2/1 * 2 * (1/8)^2 = 1/8, joins the 1/8 of the classes.
    found = delong(FIRST, SECOND, LABELS, ["a", "b", "b", "a"])
    assert found.difference.high - 0.25 == pytest.approx(1.959964 * 0.5, abs=1e-6)
    assert found.p == pytest.approx(0.6171, abs=1e-4)


@pytest.mark.parametrize("decimals", [1, 12], ids=["ties", "no ties"])
def test_areas_and_variance_equal_all_pairs_written_out(decimals: int) -> None:
    first, second, labels, owner = models(1, 70, 0.4)
    first, second = np.round(first, decimals), np.round(second, decimals)
    found = delong(first, second, labels, owner)
    assert (found.first, found.second) == pytest.approx((auroc(first, labels), auroc(second, labels)), abs=1e-12)
    wins = [(s[labels == 1][:, None] > s[labels == 0]) + (s[labels == 1][:, None] == s[labels == 0]) / 2 for s in (first, second)]
    gained = wins[0] - wins[1]
    variance = sum(np.var(gained.mean(axis=axis), ddof=1) / gained.shape[1 - axis] for axis in (0, 1))
    assert found.difference.high - found.difference.value == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-6)


def test_copies_of_an_image_add_nothing() -> None:
    once = delong(*models(2, 120, 0.5))
    four = delong(*(np.tile(array, 4) for array in models(2, 120, 0.5)))
    assert (four.p, four.difference.low) == pytest.approx((once.p, once.difference.low), abs=1e-12)


def test_the_spread_is_that_of_the_bootstrap() -> None:
    first, second, labels, owner = models(3, 200, 0.3, images=3)
    found = delong(first, second, labels, owner)
    both = [one(1 / (1 + np.exp(-scores)), labels, owner, threshold=None, metrics=["auroc"]) for scores in (first, second)]
    weights = drawn(np.random.default_rng(0), 200, 2000)
    draws = np.subtract(*(measure(weights)[None, "auroc"] for measure in both))
    assert found.difference.high - found.difference.value == pytest.approx(1.96 * draws.std(), rel=0.08)


def test_equal_models_are_told_apart_once_in_twenty() -> None:
    """400 cohorts of 60 patients with four images each: 5%, where images taken for patients would give three in ten."""
    cohorts = [models(seed, 60, 0.0, images=4) for seed in range(400)]
    by_patient = np.mean([delong(*cohort).p < 0.05 for cohort in cohorts])
    by_image = np.mean([delong(*cohort[:3], np.arange(240)).p < 0.05 for cohort in cohorts])
    assert 0.02 <= by_patient <= 0.085
    assert by_image > 0.2


def test_equal_rankings_speak_for_nothing() -> None:
    found = delong([0.1, 0.4, 0.6, 0.2], [1, 4, 6, 2], [0, 1, 1, 0], [1, 2, 3, 4])
    assert (found.difference.value, found.difference.low, found.difference.high, found.p) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("first", "second", "labels", "patients"),
    [
        ([0.1, 0.2], [0.1, 0.2], [1, 1], [1, 2]),  # one class
        ([], [], [], []),
        ([0.1, 0.9, 0.8], [0.3, 0.2, 0.9], [0, 1, 1], [1, 2, 3]),  # one negative patient
        ([0.1, 0.2, 0.8, 0.9], [0.8, 0.9, 0.1, 0.2], [0, 0, 1, 1], [1, 2, 3, 4]),  # all in order against none: nothing varies
    ],
)
def test_what_cannot_be_known_is_nan(first: list[float], second: list[float], labels: list[int], patients: list[int]) -> None:
    found = delong(first, second, labels, patients)
    assert math.isnan(found.p)
    assert math.isnan(found.difference.low)
    assert math.isnan(found.difference.high)


def test_scores_of_other_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="same cases"):
        delong([0.1, 0.2], [0.1], [0, 1], [1, 2])
    with pytest.raises(ValueError, match="level of 95"):
        delong([0.1, 0.2], [0.1, 0.3], [0, 1], [1, 2], level=95)
