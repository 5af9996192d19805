"""The confident joint by hand, and on labels of which a known part is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.statistics.label_noise import contradicted


def two(*ones: float) -> np.ndarray:
    return np.asarray([[1 - one, one] for one in ones])


def test_by_hand() -> None:
    # The mean of those labelled 1 is 0.75, that of the zeros' own chances (0.2 + 0.9 + 0.8) / 3: only 0.8 speaks for a class
    # that is not its label; 0.6 speaks for none.
    found = contradicted(two(0.9, 0.6, 0.8, 0.1, 0.2), [1, 1, 0, 0, 0])
    assert found.tolist() == [False, False, True, False, False]


def test_the_unknown_and_a_class_that_nobody_has_contradict_nothing() -> None:
    assert not contradicted(two(0.99, 0.1, 0.9), [-1, 0, 0]).any()


def test_of_three_classes_the_most_probable_that_speaks_counts() -> None:
    said = np.asarray([[0.5, 0.4, 0.1], [0.1, 0.6, 0.3], [0.1, 0.2, 0.7], [0.3, 0.35, 0.35], [0.1, 0.8, 0.1]])
    # means: a (0.5 + 0.1) / 2 = 0.3, b 0.6, c (0.7 + 0.35) / 2
    assert contradicted(said, [0, 1, 2, 2, 0]).tolist() == [False, False, False, True, True]


def test_most_wrong_labels_are_found_and_few_right_ones_are() -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random(4000) < 0.5).astype(int)
    said = 1 / (1 + np.exp(-(4 * truth - 2 + rng.normal(size=4000))))
    flipped = rng.random(4000) < 0.1
    found = contradicted(two(*said), np.where(flipped, 1 - truth, truth))
    assert found[flipped].mean() > 0.6
    assert found[~flipped].mean() < 0.01


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="labels"):
        contradicted(two(0.5), [2])
