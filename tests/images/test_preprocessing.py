"""The network's input."""

from __future__ import annotations

import numpy as np

from radloop.images.preprocessing import prepare
from radloop.use_case import ImageSpec

SPEC = ImageSpec(modalities=("CR",), body_parts=("CHEST",), size=32)


def test_an_image_of_the_right_size_is_copied() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
    prepared = prepare(pixels, SPEC)
    assert np.array_equal(prepared, pixels)
    assert prepared.flags.c_contiguous and prepared.flags.writeable
    assert not np.shares_memory(prepared, pixels)


def test_reduction_averages_instead_of_picking() -> None:
    # a checkerboard of single pixels is grey when reduced by 8; picking would give 0 or 255
    checkers = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    prepared = prepare(checkers, SPEC)
    assert prepared.min() >= 125 and prepared.max() <= 130


def test_other_shapes_are_squashed() -> None:
    pixels = np.zeros((100, 50), np.uint8)
    pixels[:50] = 200
    prepared = prepare(pixels[:, ::-1], SPEC)  # not contiguous
    assert prepared.shape == (32, 32)
    assert (prepared[:14] == 200).all() and (prepared[18:] == 0).all()
