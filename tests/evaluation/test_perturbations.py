"""Perturbations: what each does to a picture worked out by hand, and that five strengths are five."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.evaluation.perturbations import PERTURBATIONS, blur, contrast, jpeg, noise, resolution, rotation

HALVES = np.repeat(np.array([[40, 160]], np.uint8), 32, axis=1).repeat(64, axis=0)
SMOOTH = (np.add.outer(np.arange(64), np.arange(64)) * 2).astype(np.uint8)


def draws(seed: int = 1) -> np.random.Generator:
    """Return a picture's own generator."""
    return np.random.default_rng(seed)


def test_noise_has_its_standard_deviation() -> None:
    grey = np.full((200, 200), 128, np.uint8)
    noisy = noise(grey, 16, draws())
    assert float(noisy.mean()) == pytest.approx(128, abs=0.5)
    assert float(noisy.std()) == pytest.approx(16, rel=0.02)
    np.testing.assert_array_equal(noisy, noise(grey, 16, draws()))


def test_less_contrast_keeps_the_mean() -> None:
    # The mean of 40 and 160 is 100: at a quarter they lie 15 away from it.
    assert np.unique(contrast(HALVES, 0.25, draws())).tolist() == [85, 115]


def test_blur_is_a_share_of_the_longer_side() -> None:
    line = np.zeros((9, 200), np.uint8)
    line[:, 100] = 250
    spread = blur(line, 2, draws())[4].astype(float)  # 4 pixels
    places = np.arange(200)
    assert float(np.sqrt((spread * (places - 100) ** 2).sum() / spread.sum())) == pytest.approx(4, rel=0.1)


def test_rotation_turns_to_either_side_and_shows_the_edge() -> None:
    dot = np.full((65, 65), 30, np.uint8)
    dot[30:35, 50:55] = 250
    found = {tuple(np.argwhere(rotation(dot, 90, draws(seed)) == 250).mean(axis=0)) for seed in range(8)}
    assert found == {(12.0, 32.0), (52.0, 32.0)}  # 20 to the right of the middle becomes 20 above or below it
    assert np.unique(rotation(np.full((64, 64), 30, np.uint8), 20, draws())).tolist() == [30]


def test_fewer_pixels_are_their_means() -> None:
    rows = np.array([[0, 100], [200, 20]], np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    chess = np.array([[0, 200], [200, 0]] * 2, np.uint8)
    assert np.unique(resolution(np.tile(chess, (1, 2)), 0.5, draws())).tolist() == [100]
    assert resolution(rows, 0.25, draws()).tolist() == [[80] * 4] * 4


def test_compression_gives_a_picture_of_the_same_size() -> None:
    errors = [float(np.abs(jpeg(SMOOTH, quality, draws()).astype(int) - SMOOTH).mean()) for quality in (95, 5)]
    assert errors[0] < 1 < errors[1]


@pytest.mark.parametrize("name", sorted(PERTURBATIONS))
def test_each_strength_is_worse_than_the_one_before(name: str) -> None:
    found = PERTURBATIONS[name]
    grains = np.random.default_rng(0).integers(60, 190, (16, 16))
    picture = np.kron(grains, np.ones((5, 5))).astype(np.uint8)
    distances = [float(np.abs(found.apply(picture, amount, draws()).astype(int) - picture).mean()) for amount in found.amounts]
    assert all(found.apply(picture, amount, draws()).shape == picture.shape for amount in found.amounts)
    assert distances == sorted(distances)
    assert distances[-1] > distances[0]
