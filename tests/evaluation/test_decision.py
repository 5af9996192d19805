"""Decision curves about the threshold in use, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.decision import judge_net_benefit, net_benefit_as_json, thresholds_about
from radloop.use_case import Policy


def cases(truth: list[list[float]], said: list[list[float]]) -> Cases:
    """Return cases of a patient each."""
    frame = pd.DataFrame({"patient": [f"P{number}" for number in range(len(truth))]})
    return Cases(frame, np.array(said), np.array(truth), np.ones(len(truth), np.bool_))


def test_thresholds_are_even_in_the_logarithm_of_their_odds() -> None:
    found = thresholds_about(0.5, fine=False)
    assert len(found) == 9
    # Odds from a quarter to four, each the square root of two times the one before.
    assert [p / (1 - p) for p in found] == pytest.approx([2 ** (k / 2) for k in range(-4, 5)])
    assert found[4] == 0.5
    assert thresholds_about(0.5, fine=True)[::4] == pytest.approx(found)
    assert thresholds_about(0.0, fine=False)[4] == 0.005
    assert all(0 < p < 1 for p in thresholds_about(1.0, fine=True))


def test_one_output_by_hand(policy: Policy) -> None:
    found = judge_net_benefit(
        cases([[0], [1], [0], [1], [np.nan]], [[0.1], [0.3], [0.5], [0.9], [0.8]]),
        Outputs("binary", ("tb",), (0.5,)),
        (True,),
        policy,
    )
    document = net_benefit_as_json(found, Outputs("binary", ("tb",), (0.5,)))
    assert len(document["thresholds"]) == len(document["model"]) == len(document["treat_all"]) == len(document["gain"]) == 9
    # At 0.2 two true and one false alarm of four known cases: 2/4 - 1/4 * 1/4; everyone: 2/4 - 1/4 * 2/4.
    assert document["thresholds"][0] == pytest.approx(0.2)
    assert document["model"][0]["value"] == pytest.approx(0.4375)
    assert document["treat_all"][0]["value"] == pytest.approx(0.375)
    assert document["gain"][0]["value"] == pytest.approx(0.0625)
    # In use: one true, one false alarm, which is worth as much; everyone too.
    assert document["model"][4]["value"] == document["treat_all"][4]["value"] == document["treat_none"] == 0


def test_of_several_those_that_decide_and_can_be_judged(policy: Policy) -> None:
    truth, said = [[0, 1, 1], [1, 0, 0], [0, 1, 0]], [[0.2, 0.9, 0.1], [0.8, 0.3, 0.4], [0.1, 0.7, 0.6]]
    outputs = Outputs("multilabel", ("mass", "nodule", "hernia"), (0.5, 0.4, None))
    found = judge_net_benefit(cases(truth, said), outputs, (True, False, True), policy)
    assert set(net_benefit_as_json(found, outputs)["labels"]) == {"mass"}
    assert found["mass"].curve.model[4].value == pytest.approx(1 / 3)


@pytest.mark.parametrize("kind", ["multiclass", "segmentation"])
def test_where_nothing_is_weighed_there_is_no_curve(kind: str, policy: Policy) -> None:
    outputs = Outputs(kind, ("a", "b"), (0.5, 0.5))
    assert judge_net_benefit(cases([[0, 1], [1, 0]], [[0.2, 0.8], [0.9, 0.1]]), outputs, (True, True), policy) == {}
    assert net_benefit_as_json({}, outputs) == {}


def test_nobody_known_gives_no_curve(policy: Policy) -> None:
    outputs = Outputs("binary", ("tb",), (0.5,))
    assert judge_net_benefit(cases([[np.nan]], [[0.2]]), outputs, (True,), policy) == {}
