"""Losses worked by hand, and the unknown that counts for nothing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from radloop.models.network import Outputs
from radloop.training.batch import Batch
from radloop.training.losses import Loss, mask_loss

NAN = math.nan
NOBODY = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def batch(truths: list[list[float]], **more: Tensor) -> Batch:
    return Batch(NOBODY.expand(len(truths), -1, -1, -1), torch.tensor(truths), **more)


def outputs(logits: list[list[float]], grades: Tensor | None = None, mask: Tensor | None = None) -> Outputs:
    return Outputs(torch.tensor(logits, requires_grad=True), grades, mask)


def test_a_yes_or_no_question_is_torchs_own_loss_to_the_bit() -> None:
    logits, truths = torch.randn(24, 1), (torch.arange(24) % 3 == 0).float()[:, None]
    loss = Loss("binary", complete=True, smoothing=0.1)(Outputs(logits, None, None), Batch(NOBODY, truths))
    assert torch.equal(loss, functional.binary_cross_entropy_with_logits(logits, truths * 0.9 + 0.05))


def test_the_loss_of_a_class_with_smoothing_and_without() -> None:
    given = batch([[0, 1, 0]])
    said = outputs([[0.0, math.log(2), 0.0]])
    assert Loss("multiclass")(said, given).item() == pytest.approx(math.log(2))  # the class has 2 of 4
    # 0.3 is spread over three classes: 0.8 on the right one, 0.1 on each of the others
    smooth = Loss("multiclass", smoothing=0.3)(said, given).item()
    assert smooth == pytest.approx(0.8 * math.log(2) + 0.2 * math.log(4))


def test_classes_weigh_and_a_row_without_a_class_does_not() -> None:
    given = batch([[1, 0], [0, 1], [NAN, NAN]])
    said = outputs([[0.0, 0.0], [1.0, 0.0], [9.0, 9.0]])
    loss = Loss("multiclass", weights=torch.tensor([1.0, 3.0]))(said, given)
    assert loss.item() == pytest.approx((math.log(2) + 3 * softplus(1)) / 4)
    assert Loss("multiclass")(said, given).item() == pytest.approx((math.log(2) + softplus(1)) / 2)


def test_unknown_findings_are_left_out_of_the_mean() -> None:
    said = outputs([[0.0, 5.0], [-1.0, 2.0]])
    loss = Loss("multilabel")(said, batch([[1, NAN], [NAN, 0]]))
    assert loss.item() == pytest.approx((math.log(2) + softplus(2)) / 2)
    loss.backward()
    assert said.logits.grad is not None
    assert said.logits.grad[0, 1] == said.logits.grad[1, 0] == 0
    weights = torch.tensor([[0.5, 0.25], [2.0, 4.0]])  # of false and of true
    weighed = Loss("multilabel", weights=weights)(said, batch([[1, NAN], [NAN, 0]]))
    assert weighed.item() == pytest.approx((2 * math.log(2) + 0.25 * softplus(2)) / 2)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_a_batch_of_which_nothing_is_known_gives_nothing(kind: str) -> None:
    said = outputs([[3.0, -1.0]])
    loss = Loss(kind)(said, batch([[NAN, NAN]]))
    loss.backward()
    assert loss.item() == 0
    assert said.logits.grad is not None
    assert said.logits.grad.abs().sum() == 0


def test_severity_and_location_weigh_beside_the_diagnosis() -> None:
    grades = torch.tensor([[0.0, -2.0], [7.0, 7.0]])
    mask = torch.zeros(2, 1, 4, 4)
    masks = torch.full((2, 1, 8, 8), 255, dtype=torch.uint8)
    masks[0] = 0
    given = batch([[1], [0]], grades=torch.tensor([1, -1]), masks=masks)
    loss = Loss("binary", complete=True, severity=0.5, location=2.0)(outputs([[0.0], [0.0]], grades, mask), given)
    severity = (math.log(2) + softplus(-2)) / 2  # level 1 of 3: above 0, not above 1; the other image is not graded
    location = math.log(2) + 1 - 1 / (8 + 1)  # all of 16 places said with one half, none true
    assert loss.item() == pytest.approx(math.log(2) + 0.5 * severity + 2 * location, rel=1e-6)


def test_a_segmentation_learns_from_its_mask_only() -> None:
    mask = torch.zeros(1, 1, 4, 4)
    masks = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    masks[..., :4, :] = 1
    loss = Loss("segmentation", location=1.0)(outputs([[9.0]], mask=mask), batch([[NAN]], masks=masks))
    # 8 of 16 places, one half each: overlap 4 of areas 8 + 8
    assert loss.item() == pytest.approx(math.log(2) + 1 - (2 * 4 + 1) / (16 + 1), rel=1e-6)


def test_a_place_has_the_share_of_its_known_pixels() -> None:
    masks = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    masks[0, 0, 0] = torch.tensor([1, 255, 0, 0])
    masks[0, 0, 1] = torch.tensor([0, 255, 0, 0])
    masks[..., 2:, :] = 255
    logits = torch.tensor([[[[1.0, -50.0], [33.0, -33.0]]]])
    # Above left 1 of 2 known pixels is inside, a half of its four; above right all is outside; below nothing is known.
    pixels = (0.5 * (softplus(-1) + softplus(1)) / 2) / 1.5
    said = 0.5 / (1 + math.exp(-1))
    dice = 1 - (2 * said * 0.5 + 1) / (said + 0.25 + 1)
    assert mask_loss(logits, masks).item() == pytest.approx(pixels + dice, rel=1e-5)


def test_unknown_pixels_do_not_pull() -> None:
    logits = torch.randn(2, 1, 4, 4, requires_grad=True)
    loss = mask_loss(logits, torch.full((2, 1, 16, 16), 255, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().sum() == 0


def test_tune_is_judged_plainly() -> None:
    loss = Loss("multiclass", smoothing=0.3, weights=torch.ones(3), severity=0.5, location=1.0).plain(complete=True)
    assert loss == Loss("multiclass", complete=True, severity=0.5, location=1.0)


@pytest.mark.parametrize("complete", [True, False])
def test_a_cell_weighs_as_it_is_told(complete: bool) -> None:
    given = batch([[1], [0]], weights=torch.tensor([[0.5], [3.0]]))
    loss = Loss("binary", complete=complete)(outputs([[0.0], [1.0]]), given).item()
    assert loss == pytest.approx((0.5 * math.log(2) + 3.0 * softplus(1.0)) / 2)


def test_a_row_of_classes_weighs_as_it_is_told() -> None:
    given = batch([[1, 0], [0, 1]], weights=torch.tensor([[0.5, 0.5], [1.5, 1.5]]))
    loss = Loss("multiclass")(outputs([[0.0, 0.0], [1.0, 0.0]]), given).item()
    assert loss == pytest.approx((0.5 * math.log(2) + 1.5 * softplus(1.0)) / 2)
