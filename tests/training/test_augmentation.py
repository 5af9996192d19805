"""Augmentation: exact where it is none, bounded where it is some, the same for the same generator."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from radloop.training import augmentation
from radloop.training.augmentation import augment, erase, expose, move, move_masks, placements


def changed(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return augment(images, strength, generator).images


def moved(pixels: Tensor, seed: int = 0) -> Tensor:
    return move(pixels, placements(len(pixels), 1.0, seeded(seed)))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> Tensor:
    return torch.randint(0, 256, (8, 1, 64, 64), dtype=torch.uint8, generator=seeded(1))


@pytest.fixture
def extremes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every amount takes its largest value."""
    monkeypatch.setattr(augmentation, "_draw", lambda count, amounts, _: torch.ones(count, amounts))


def test_no_strength_changes_nothing_and_draws_nothing(images: Tensor) -> None:
    generator = seeded()
    before = generator.get_state()
    assert torch.equal(changed(images, 0, generator), images.float())
    assert torch.equal(generator.get_state(), before)


def test_the_generator_is_all_the_randomness(images: Tensor) -> None:
    original = images.clone()
    torch.manual_seed(3)
    first = changed(images, 1.0, seeded())
    torch.manual_seed(4)
    assert torch.equal(first, changed(images, 1.0, seeded()))
    assert not torch.equal(first, changed(images, 1.0, seeded(9)))
    assert torch.equal(images, original)


def test_each_image_gets_its_own_amounts(images: Tensor) -> None:
    same = changed(images[:1].expand(8, -1, -1, -1), 1.0, seeded())
    assert len({tuple(image.flatten().tolist()) for image in same}) == 8


def test_a_stronger_change_takes_as_many_draws(images: Tensor) -> None:
    weak, strong = seeded(), seeded()
    changed(images, 0.1, weak)
    changed(images, 2.0, strong)
    assert torch.equal(weak.get_state(), strong.get_state())


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_grey_values_stay_grey_values(images: Tensor, strength: float) -> None:
    result = changed(images, strength, seeded())
    assert result.dtype == torch.float32
    assert result.shape == images.shape
    assert result.isfinite().all()
    assert result.min() >= 0
    assert result.max() <= 255


@pytest.mark.usefixtures("extremes")
def test_a_shift_goes_right_and_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "ROTATION", 0.0)
    monkeypatch.setattr(augmentation, "ZOOM", 0.0)
    monkeypatch.setattr(augmentation, "SHIFT", 0.25)
    pixels = torch.zeros(1, 1, 8, 8)
    pixels[0, 0, 1, 3] = 200
    found = moved(pixels)
    expected = torch.zeros(1, 1, 8, 8)
    expected[0, 0, 3, 5] = 200  # a quarter of eight pixels is two
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


@pytest.mark.usefixtures("extremes")
def test_a_zoom_enlarges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "ROTATION", 0.0)
    monkeypatch.setattr(augmentation, "SHIFT", 0.0)
    monkeypatch.setattr(augmentation, "ZOOM", 0.6931472)  # twice as large
    pixels = torch.zeros(1, 1, 64, 64)
    pixels[..., 24:40, 24:40] = 255
    assert (moved(pixels) > 127).sum().item() == 32 * 32


@pytest.mark.parametrize("seed", range(20))
def test_the_heart_stays_on_its_side(seed: int) -> None:
    pixels = torch.zeros(4, 1, 64, 64)
    pixels[..., 20:50, 40:56] = 255
    found = moved(pixels, seed)
    assert (found[..., 32:].sum(dim=(1, 2, 3)) > found[..., :32].sum(dim=(1, 2, 3))).all()


@pytest.mark.usefixtures("extremes")
def test_hand_worked_exposure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "GAMMA", 0.6931472)  # squares
    pixels = torch.tensor([[[[0.0, 127.5], [127.5, 255.0]]]])
    # Squared: 0, 63.75, 63.75, 255; mean 95.625; distances times 1.2; plus 20.
    expected = torch.tensor([[[[0.875, 77.375], [77.375, 255.0]]]])
    torch.testing.assert_close(expose(pixels, 1.0, seeded()), expected, atol=1e-3, rtol=0)


def test_an_erased_rectangle_has_its_size_and_the_mean() -> None:
    pixels = torch.randint(0, 256, (500, 1, 50, 40), generator=seeded(1)).float()
    hidden = erase(pixels, 1.0, seeded()) != pixels
    rows, columns = hidden.any(dim=3).sum(dim=(1, 2)), hidden.any(dim=2).sum(dim=(1, 2))
    hit = rows > 0
    assert 0.24 < hit.float().mean().item() < 0.36
    assert set(rows[hit].tolist()) <= set(range(4, 17))  # 10 to 30 per cent of 50
    assert set(columns[hit].tolist()) <= set(range(3, 14))
    place = int(hit.nonzero()[0])
    erased = erase(pixels, 1.0, seeded())[place][hidden[place]]
    torch.testing.assert_close(erased, pixels[place].mean().expand_as(erased))


@pytest.mark.usefixtures("extremes")
def test_a_mask_moves_with_its_image_and_the_outside_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "ROTATION", 0.0)
    monkeypatch.setattr(augmentation, "ZOOM", 0.0)
    monkeypatch.setattr(augmentation, "SHIFT", 0.25)
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    mask[0, 0, 1, 3], mask[0, 0, 2, 2] = 1, 255
    found = move_masks(mask, placements(1, 1.0, seeded()))
    expected = torch.full((1, 1, 8, 8), 255, dtype=torch.uint8)
    expected[..., 2:, 2:] = 0
    expected[0, 0, 3, 5], expected[0, 0, 4, 4] = 1, 255
    assert torch.equal(found, expected)


@pytest.mark.parametrize("seed", range(5))
def test_a_mask_stays_on_what_it_outlines(seed: int) -> None:
    masks = torch.zeros(8, 1, 64, 64, dtype=torch.uint8)
    masks[..., 20:44, 30:50] = 1
    images, found = augment(masks * 200, 1.0, seeded(seed), masks=masks)
    assert found is not None
    assert found.dtype == torch.uint8
    assert set(found.unique().tolist()) <= {0, 1, 255}
    inside, outside = images[found == 1], images[found == 0]
    assert inside.median() > outside.median() + 60
    assert (found == 1).sum(dim=(1, 2, 3)).min() > 0.7 * 24 * 20


def test_masks_leave_the_draws_as_they_are(images: Tensor) -> None:
    alone = augment(images, 1.0, seeded())
    beside = augment(images, 1.0, seeded(), masks=torch.zeros_like(images))
    assert torch.equal(alone.images, beside.images)
    assert alone.masks is None
