"""The gate judges bounds: luck on few cases does not pass, the same truth on many does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.judgement import judge
from radloop.governance.gate import decide
from radloop.use_case import Subgroups
from tests.governance.documents import policy

TRUTH = 0.93
"""The model's true AUROC."""
ASKED = policy({"kind": "lower_bound", "name": "auroc_lower", "metric": "auroc", "limit": 0.90})


def evidence(n: int, seed: int) -> dict[str, Any]:
    """Return the judgement of n patients, half of them ill, by a model of the true AUROC: two normals, d' = sqrt(2) z(AUROC)."""
    ill = np.arange(n) % 2 == 0
    scores = np.random.default_rng(seed).normal(size=n) + ill * np.sqrt(2) * norm.ppf(TRUTH)
    frame = pd.DataFrame({"patient": [f"P{number}" for number in range(n)]})
    frame = frame.reindex(columns=["patient", "sex", "age_band", "site", "view", "device"]).astype(object)
    cases = Cases(
        frame.where(frame.notna(), None), norm.cdf(scores)[:, None], ill.astype(float)[:, None], np.ones(n, dtype=np.bool_)
    )
    return judge(cases, Outputs("binary", ("finding",), (0.5,)), Subgroups(), ASKED).as_dict()


@pytest.mark.parametrize("seed", range(2))
def test_forty_lucky_cases_are_rejected_and_four_thousand_of_the_same_truth_pass(seed: int) -> None:
    tries = (evidence(40, 100 * seed + number) for number in range(100))
    # A point estimate above the limit, and above the truth, yet not the luck of a set without any error.
    lucky = next(found for found in tries if TRUTH < found["metrics"]["auroc"]["value"] < 0.95)
    few = decide(lucky, ASKED)
    assert not few.passed
    assert few.reasons[0].status == "failed"
    many = evidence(4000, seed)
    assert decide(many, ASKED).passed
    assert abs(many["metrics"]["auroc"]["value"] - TRUTH) < 0.02
