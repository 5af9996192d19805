"""Weights against rare classes, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.errors import ConfigError
from radloop.training.balance import draw_weights, group_weights, loss_weights
from radloop.use_case import BinaryLabels, ClassLabels, FindingLabels, RegionLabels

NAN = np.nan
BINARY = BinaryLabels(positive="yes", negative="no")
CLASSES = ClassLabels(kind="multiclass", classes=("a", "b", "c"))
FINDINGS = FindingLabels(kind="multilabel", findings=("a", "b", "c"), none="none")


def column(*values: float) -> np.ndarray:
    return np.asarray(values, np.float32)[:, None]


def test_both_sides_of_a_question_weigh_the_same_in_all() -> None:
    weights = loss_weights(column(1, 0, 0, 0), BINARY)
    np.testing.assert_allclose(weights, [[4 / 6], [2.0]])  # 3 x 2/3 = 1 x 2


def test_classes_weigh_by_inverse_frequency() -> None:
    truths = np.eye(3, dtype=np.float32)[[0, 0, 0, 1]]
    np.testing.assert_allclose(loss_weights(truths, CLASSES), [4 / 9, 4 / 3, 1.0])  # c is not there


def test_unknown_cells_do_not_count() -> None:
    truths = np.asarray([[1, 0, NAN], [0, NAN, NAN], [NAN, 0, NAN], [0, 0, NAN]], np.float32)
    # a: one of three; b: none of three, nothing to balance on that side; c: nothing known
    np.testing.assert_allclose(loss_weights(truths, FINDINGS), [[3 / 4, 3 / 6, 1], [3 / 2, 1, 1]])


def test_a_segmentation_has_no_classes_to_weigh() -> None:
    with pytest.raises(ConfigError) as refused:
        loss_weights(column(1, 0), RegionLabels(kind="segmentation", target="tumor"))
    assert refused.value.code == "balance_segmentation"


def test_drawing_weighs_every_class_the_same_unknown_too() -> None:
    np.testing.assert_allclose(draw_weights(column(1, 0, 0, NAN), BINARY), [1, 1 / 2, 1 / 2, 1])
    truths = np.eye(3, dtype=np.float32)[[0, 0, 2, 1]]
    np.testing.assert_allclose(draw_weights(truths, CLASSES), [1 / 2, 1 / 2, 1, 1])
    with pytest.raises(ConfigError):
        draw_weights(truths, FINDINGS)


def test_label_and_group_become_independent() -> None:
    # F: yes, yes. M: yes, no. A yes is due 3/4 x 1/2 of F and of M, and has 2/4 and 1/4; a no is due 1/4 x 1/2 of M and has 1/4.
    weights = group_weights(column(1, 1, 1, 0), BINARY, ["F", "F", "M", "M"])
    np.testing.assert_allclose(weights[:, 0], [3 / 4, 3 / 4, 3 / 2, 1 / 2])
    with_unknown = group_weights(column(1, NAN, 1, 0, 0), BINARY, ["F", "F", None, "F", None])
    np.testing.assert_allclose(with_unknown[:, 0], 1.0)  # both groups have one of each


def test_classes_are_weighed_by_row_and_findings_by_cell() -> None:
    truths = np.eye(3, dtype=np.float32)[[0, 0, 1, 0]]
    weights = group_weights(truths, CLASSES, ["F", "F", "M", "M"])
    np.testing.assert_allclose(weights, np.repeat([[3 / 4], [3 / 4], [1 / 2], [3 / 2]], 3, axis=1))
    cells = np.asarray([[1, 0, NAN], [1, 0, NAN], [1, 0, 1], [0, 0, 0]], np.float32)
    found = group_weights(cells, FINDINGS, ["F", "F", "M", "M"])
    np.testing.assert_allclose(found[:, 0], [3 / 4, 3 / 4, 3 / 2, 1 / 2])
    np.testing.assert_allclose(found[:, 1:], 1.0)  # one label only, or one group only


def test_every_label_of_every_group_is_drawn_as_often() -> None:
    drawn = draw_weights(column(1, 1, 0, 1, NAN), BINARY, ["F", "F", "F", "M", None])
    np.testing.assert_allclose(drawn, [1 / 2, 1 / 2, 1, 1, 1])
