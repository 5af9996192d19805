"""How far is far, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.packaging.parity import compare


def logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def test_the_largest_change_of_any_output_counts() -> None:
    trained = np.asarray([[logit(0.5), logit(0.2)], [logit(0.9), logit(0.7)]])
    served = np.asarray([[logit(0.5), logit(0.2)], [logit(0.9), logit(0.6)]])
    found = compare(trained, served, "multilabel", (1.0, 1.0), [(0.5, 0.65)] * len(trained))
    assert (found.n, found.flips) == (2, 1)
    assert found.max_difference == pytest.approx(0.1)
    # without a threshold there is no decision to change
    assert compare(trained, served, "multilabel", (1.0, 1.0), [(0.5, None)] * len(trained)).flips == 0


def test_of_classes_the_most_probable_decides() -> None:
    trained, served = np.log([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]), np.log([[0.4, 0.5, 0.1], [0.5, 0.4, 0.1]])
    found = compare(trained, served, "multiclass", (1.0,), [(None,) * 3] * len(trained))
    assert (found.n, found.flips) == (2, 1)
    assert found.max_difference == pytest.approx(0.2)


def test_one_output() -> None:
    found = compare(np.asarray([[0.0], [2.0]]), np.asarray([[0.0], [2.0]]), "binary", (1.3,), [(0.5,)] * 2)
    assert found.as_dict() == {"n": 2, "max_difference": 0.0, "flips": 0}
