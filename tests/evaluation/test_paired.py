"""The difference of two AUROCs by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.paired import paired_areas

FRAME = pd.DataFrame({"patient": list("abcde")})
TRUTH = np.array([[1.0], [1], [0], [0], [np.nan]])
FIRST = Cases(FRAME, np.array([[0.9], [0.8], [0.2], [0.1], [0.5]]), TRUTH, np.ones(5, np.bool_))


def test_by_hand() -> None:
    # The first ranks all four pairs rightly, the second all but (0.2, 0.8). Components of the first are all 1; of the second
    # 1 and 1/2 of the positives, 1/2 and 1 of the negatives: each variance 1/8, so 1/8/2 + 1/8/2 = 1/8 of the difference.
    second = replace(FIRST, probabilities=np.array([[0.9], [0.2], [0.8], [0.1], [0.5]]))
    found = paired_areas(FIRST, second, Outputs("binary", ("tb",), (0.5,)), (True,))
    assert found["difference"] == 0.25
    assert found["high"] - found["difference"] == pytest.approx(1.959964 * np.sqrt(1 / 8))
    assert found["low"] == pytest.approx(0.5 - found["high"])
    assert found["p"] == pytest.approx(0.4795, abs=1e-4)  # 0.25 / sqrt(1/8) is 0.7071


def test_one_class_is_unknown() -> None:
    alone = FIRST.within(np.array([0, 1]))
    assert paired_areas(alone, alone, Outputs("binary", ("tb",), (0.5,)), (True,)) == dict.fromkeys(
        ("difference", "low", "high", "p")
    )


def test_of_several_each_that_is_judged() -> None:
    both = replace(FIRST, probabilities=np.repeat(FIRST.probabilities, 2, 1), truths=np.repeat(TRUTH, 2, 1))
    found = paired_areas(both, both, Outputs("multilabel", ("mass", "hernia"), (0.5, 0.5)), (True, False))
    assert found == {"labels": {"mass": {"difference": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}}}
