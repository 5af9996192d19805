"""The distance by hand, and strangers that it tells from the sample's own."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.statistics.familiarity import fit_familiar, upper_limit


def test_by_hand() -> None:
    # Along x the variance is 4 (2 and -2), along y 1, along z 1/4: one axis of its own, and 1 + 1/4 for the rest.
    sample = np.asarray([[2, 1, 0.5], [2, -1, -0.5], [-2, 1, -0.5], [-2, -1, 0.5]])
    found = fit_familiar(sample + 5, 1)
    assert found.variances == pytest.approx([4])
    assert found.rest == pytest.approx(1.25)
    assert found.distance([[5, 5, 5], [7, 5, 5], [5, 7.5, 5], [7, 6, 5.5]]) == pytest.approx([0, 1, 5, 2])


def test_strangers_lie_beyond_the_limit_and_new_ones_of_the_kind_within() -> None:
    rng = np.random.default_rng(3)
    mix = rng.normal(size=(8, 100))

    def kind(n: int) -> np.ndarray:
        return rng.normal(size=(n, 8)) @ mix + 0.3 * rng.normal(size=(n, 100))

    found = fit_familiar(kind(300), 16)
    limit = upper_limit(found.distance(kind(200)), 0.99)
    assert limit is not None
    assert np.mean(found.distance(kind(2000)) <= limit) > 0.97
    stranger = rng.normal(size=(200, 100)) * np.sqrt(8.1)  # as large, in every direction
    assert np.mean(found.distance(stranger) > limit) == 1.0


def test_the_limit_is_a_rank_and_too_few_set_none() -> None:
    assert upper_limit(np.arange(99), 0.99) == 98.0
    assert upper_limit(np.arange(98), 0.99) is None
    assert upper_limit(np.arange(199), 0.99) == 197.0


@pytest.mark.parametrize(("shape", "components"), [((5, 9), 5), ((9, 5), 5), ((9, 5), 0)])
def test_more_directions_than_there_are_are_refused(shape: tuple[int, int], components: int) -> None:
    with pytest.raises(ValueError, match="directions"):
        fit_familiar(np.random.default_rng(0).normal(size=shape), components)


def test_vectors_that_are_all_alike_are_refused() -> None:
    with pytest.raises(ValueError, match="do not vary"):
        fit_familiar(np.ones((9, 5)), 2)
