"""Numbers on `tune`, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from radloop.training.tuning import overlaps, tune_accuracy, tune_auroc, tune_dice

NAN = math.nan


def table(*rows: list[float]) -> np.ndarray:
    return np.asarray(rows, np.float64)


def test_the_area_is_the_mean_over_outputs_that_have_both_classes() -> None:
    logits = table([3, 1, 0], [2, 5, 0], [1, 2, 0], [0, 9, 1])
    truths = table([1, 0, 0], [0, 1, 0], [1, 0, 0], [0, NAN, 0])
    # first: pairs 3>2, 3>0, 1<2, 1>0: 3 of 4; second: 5 above 1 and 2; third has no positive
    assert tune_auroc(logits, truths, "multilabel") == (0.75 + 1.0) / 2
    assert math.isnan(tune_auroc(logits, np.zeros((4, 3)), "multilabel"))


def test_a_class_is_ranked_by_its_probability_not_by_its_logit() -> None:
    # The first image has the larger logit for a, and the smaller probability of it.
    logits = table([5, 9], [4, 0], [0, 4])
    truths = table([0, 1], [1, 0], [0, 1])
    assert tune_auroc(logits, truths, "multiclass") == 1.0
    assert tune_auroc(logits, truths, "multilabel") < 1.0


def test_right_answers_are_counted_over_what_is_known() -> None:
    assert tune_accuracy(table([0.0], [-0.1], [2.0], [1.0]), table([1], [1], [0], [NAN]), "binary") == 1 / 3
    logits = table([1, 3, 2], [5, 4, 0], [0, 0, 1])
    assert tune_accuracy(logits, table([0, 1, 0], [0, 1, 0], [NAN, NAN, NAN]), "multiclass") == 0.5
    assert math.isnan(tune_accuracy(table([1.0]), table([NAN]), "binary"))


def test_overlaps_are_counted_at_the_masks_size() -> None:
    logits = torch.full((3, 1, 2, 2), -9.0)
    logits[0, 0, :, 0] = 9.0  # the left half: enlarged to 8 pixels, the columns 0 to 3
    masks = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    masks[0, 0, :, 2:6] = 1
    masks[0, 0, 4:] = 255
    masks[1] = 255
    counts = overlaps(logits, masks)
    assert counts.tolist() == [[2 * 4, 4 * 4 + 4 * 4], [0, 0]]
    assert tune_dice(counts) == pytest.approx((16 / 32 + 1) / 2)
    assert math.isnan(tune_dice(counts[:0]))
