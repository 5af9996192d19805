"""Augmentation: exact where it is none, bounded where it is some, the same for the same generator."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from radloop.training import augmentation
from radloop.training.augmentation import augment, erase, expose, move


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
    assert torch.equal(augment(images, 0, generator), images.float())
    assert torch.equal(generator.get_state(), before)


def test_the_generator_is_all_the_randomness(images: Tensor) -> None:
    original = images.clone()
    torch.manual_seed(3)
    first = augment(images, 1.0, seeded())
    torch.manual_seed(4)
    assert torch.equal(first, augment(images, 1.0, seeded()))
    assert not torch.equal(first, augment(images, 1.0, seeded(9)))
    assert torch.equal(images, original)


def test_each_image_gets_its_own_amounts(images: Tensor) -> None:
    same = augment(images[:1].expand(8, -1, -1, -1), 1.0, seeded())
    assert len({tuple(image.flatten().tolist()) for image in same}) == 8


def test_a_stronger_change_takes_as_many_draws(images: Tensor) -> None:
    weak, strong = seeded(), seeded()
    augment(images, 0.1, weak)
    augment(images, 2.0, strong)
    assert torch.equal(weak.get_state(), strong.get_state())


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_grey_values_stay_grey_values(images: Tensor, strength: float) -> None:
    result = augment(images, strength, seeded())
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
    moved = move(pixels, 1.0, seeded())
    expected = torch.zeros(1, 1, 8, 8)
    expected[0, 0, 3, 5] = 200  # a quarter of eight pixels is two
    torch.testing.assert_close(moved, expected, atol=1e-3, rtol=0)


@pytest.mark.usefixtures("extremes")
def test_a_zoom_enlarges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "ROTATION", 0.0)
    monkeypatch.setattr(augmentation, "SHIFT", 0.0)
    monkeypatch.setattr(augmentation, "ZOOM", 0.6931472)  # twice as large
    pixels = torch.zeros(1, 1, 64, 64)
    pixels[..., 24:40, 24:40] = 255
    assert (move(pixels, 1.0, seeded()) > 127).sum().item() == 32 * 32


@pytest.mark.parametrize("seed", range(20))
def test_the_heart_stays_on_its_side(seed: int) -> None:
    pixels = torch.zeros(4, 1, 64, 64)
    pixels[..., 20:50, 40:56] = 255
    moved = move(pixels, 1.0, seeded(seed))
    assert (moved[..., 32:].sum(dim=(1, 2, 3)) > moved[..., :32].sum(dim=(1, 2, 3))).all()


@pytest.mark.usefixtures("extremes")
def test_hand_worked_exposure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "GAMMA", 0.6931472)  # squares
    pixels = torch.tensor([[[[0.0, 127.5], [127.5, 255.0]]]])
    # Squared: 0, 63.75, 63.75, 255; mean 95.625; distances times 1.2; plus 20.
    expected = torch.tensor([[[[0.875, 77.375], [77.375, 255.0]]]])
    torch.testing.assert_close(expose(pixels, 1.0, seeded()), expected, atol=1e-3, rtol=0)


def test_an_erased_rectangle_has_its_size_and_the_mean() -> None:
    pixels = torch.randint(0, 256, (500, 1, 50, 40), generator=seeded(1)).float()
    changed = erase(pixels, 1.0, seeded()) != pixels
    rows, columns = changed.any(dim=3).sum(dim=(1, 2)), changed.any(dim=2).sum(dim=(1, 2))
    hit = rows > 0
    assert 0.24 < hit.float().mean().item() < 0.36
    assert set(rows[hit].tolist()) <= set(range(4, 17))  # 10 to 30 per cent of 50
    assert set(columns[hit].tolist()) <= set(range(3, 14))
    place = int(hit.nonzero()[0])
    erased = erase(pixels, 1.0, seeded())[place][changed[place]]
    torch.testing.assert_close(erased, pixels[place].mean().expand_as(erased))
