"""Which wrong answers are shown, and as what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from readers import MIDDLE, Reader

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.hardest import _chosen, hardest


def cases(said: list[list[float]], truth: list[list[float]], patients: str) -> Cases:
    """Return cases of named patients."""
    return Cases(pd.DataFrame({"patient": list(patients)}), np.array(said), np.array(truth), np.ones(len(said), np.bool_))


def test_the_most_certain_come_first_one_a_patient() -> None:
    said, truth = [[0.9], [0.1], [0.8], [0.7], [0.4], [0.95]], [[0], [1], [0], [np.nan], [0], [1.0]]
    found = _chosen(cases(said, truth, "abacde"), Outputs("binary", ("tb",), (0.5,)), (True,), "normal")
    # The first two are equally wrong; the third is of the first one's patient; nobody knows the fourth; the rest is right.
    assert [(wrong.case, wrong.said, wrong.true) for wrong in found] == [(0, "tb 0.90", "normal"), (1, "normal, tb 0.10", "tb")]


def test_at_most_six() -> None:
    given = cases([[0.9]] * 9, [[0.0]] * 9, "abcdefghi")
    assert [wrong.case for wrong in _chosen(given, Outputs("binary", ("tb",), (0.5,)), (True,), "normal")] == [0, 1, 2, 3, 4, 5]


def test_classes_by_how_much_the_true_one_was_outweighed() -> None:
    said, truth = [[0.5, 0.4, 0.1], [0.7, 0.1, 0.2], [0.2, 0.2, 0.6]], np.eye(3)[[1, 1, 2]].tolist()
    found = _chosen(cases(said, truth, "abc"), Outputs("multiclass", ("x", "y", "z"), (None,) * 3), (True,) * 3, "")
    assert [(wrong.case, wrong.output, wrong.said, wrong.true) for wrong in found] == [
        (1, 0, "x 0.70", "y"),
        (0, 0, "x 0.50", "y"),
    ]


def test_findings_only_those_that_decide_and_can_be_judged() -> None:
    outputs = Outputs("multilabel", ("mass", "nodule", "hernia"), (0.5, None, 0.5))
    found = _chosen(cases([[0.8, 0.9, 0.9]], [[0.0, 0, 0]], "a"), outputs, (True, True, False), "")
    assert [(wrong.output, wrong.said, wrong.true) for wrong in found] == [(0, "mass 0.80", "no mass")]


@pytest.mark.parametrize("kind", ["segmentation", "binary"])
def test_where_nothing_is_shown(kind: str) -> None:
    assert _chosen(cases([[0.9]], [[float(kind == "binary")]], "a"), Outputs(kind, ("tb",), (0.5,)), (True,), "normal") == []


def test_images_are_scored_anew_with_their_heat(make_reader: Callable[..., Reader]) -> None:
    reader = make_reader(MIDDLE)
    flipped = replace(reader.cases, truths=1 - reader.cases.truths, probabilities=reader.cases.truths * 0.8 + 0.1)
    found = hardest(reader.predictor, flipped.within(np.arange(4)), reader.outputs, (True,), reader.folder)
    assert [item.id for item in found] == ["0000000000000000", "0000000000000002"]
    assert [item.said for item in found] == ["normal, tuberculosis 0.10"] * 2
    assert found[0].pixels.shape == (64, 64)
    assert np.unravel_index(found[0].heat.argmax(), (8, 8)) == (3, 3)
