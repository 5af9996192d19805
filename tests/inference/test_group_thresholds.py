"""Thresholds by group: who takes which, in the answer as in the judgement."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bundles import make_facts

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.measures import cases_measure
from radloop.evaluation.outcomes import called
from radloop.inference.group_thresholds import GroupPoint, GroupThresholds

SEX = GroupThresholds(
    attribute="sex",
    age_bands=(),
    points=(
        GroupPoint(word="F", thresholds=(0.3,), fitted=(True,), n=40),
        GroupPoint(word="M", thresholds=(0.6,), fitted=(True,), n=40),
    ),
    unknown=(0.3,),
)
AGE = SEX.model_copy(
    update={
        "attribute": "age_band",
        "age_bands": ((0, 17), (18, 120)),
        "points": (GroupPoint(word="18-120", thresholds=(0.5,), fitted=(True,), n=9),),
    }
)


@pytest.mark.parametrize(
    ("groups", "clinical", "cut"),
    [
        (SEX, {"sex": "F", "age": 9.0}, 0.3),
        (SEX, {"sex": "M"}, 0.6),
        (SEX, {"sex": "O"}, 0.3),
        (SEX, {"sex": None}, 0.3),
        (SEX, {}, 0.3),
        (AGE, {"age": 18.0, "sex": "M"}, 0.5),
        (AGE, {"age": 17.9}, 0.3),
        (AGE, {"age": float("nan")}, 0.3),
    ],
)
def test_a_patient_takes_the_groups_threshold_and_an_unknown_one_the_most_sensitive(
    groups: GroupThresholds, clinical: dict[str, object], cut: float
) -> None:
    assert make_facts(groups=groups.model_dump()).cuts(clinical) == (cut,)


def test_without_groups_all_share_one() -> None:
    assert make_facts().cuts({"sex": "F"}) == (0.42,)


def test_groups_need_a_threshold_an_output() -> None:
    with pytest.raises(ValueError, match="as many thresholds"):
        make_facts(groups=SEX.model_copy(update={"points": (), "unknown": (0.3, 0.4)}).model_dump())


def test_every_case_is_judged_at_its_own_threshold() -> None:
    frame = pd.DataFrame({"patient": list("abcdef"), "sex": ["F", "F", "M", "M", None, "M"]})
    said = np.asarray([0.4, 0.2, 0.4, 0.7, 0.4, 0.5])[:, None]
    truth = np.asarray([1, 1, 1, 1, 0, 0], np.float64)[:, None]
    cases = Cases(frame, said, truth, np.ones(6, np.bool_))
    outputs = Outputs("binary", ("mass",), (0.5,), groups=SEX)
    assert called(cases, outputs)[:, 0].tolist() == [True, False, False, True, True, False]
    found = cases_measure(cases, outputs, (True,), ["sensitivity", "specificity", "auroc"])(np.ones((6, 1)))
    assert (found[None, "sensitivity"][0], found[None, "specificity"][0]) == (0.5, 0.5)
