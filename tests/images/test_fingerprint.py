"""Fingerprints: exact digests, hand-worked hashes and thumbnails, and what copies keep."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radloop.images.fingerprint import correlation, correlations, dhash_bits, fingerprint


def scene(seed: int, rows: int = 256, columns: int = 256) -> NDArray[np.uint8]:
    """Smooth random structure."""
    coarse = np.random.default_rng(seed).integers(0, 256, (24, 24)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC))


def jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def distance(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> int:
    a, b = dhash_bits([fingerprint(image, image).dhash for image in (first, second)])
    return int(np.bitwise_count(a ^ b).sum())


def test_the_digest_is_of_type_shape_and_values() -> None:
    stored = np.arange(6, dtype=np.uint16).reshape(2, 3)
    shown = np.zeros((2, 3), np.uint8)
    expected = hashlib.sha256(b"<u2 (2, 3)" + bytes([0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0])).hexdigest()
    assert fingerprint(stored, shown).pixels == expected
    assert fingerprint(stored.astype(">u2"), shown).pixels == expected
    assert fingerprint(np.asfortranarray(stored), shown).pixels == expected
    others = [stored.reshape(3, 2), stored.astype(np.int16), stored.astype(np.uint32), stored + 1]
    assert len({expected, *(fingerprint(other, shown).pixels for other in others)}) == 5


def test_floats_and_volumes_have_a_digest() -> None:
    shown = np.zeros((2, 3), np.uint8)
    volume = np.arange(12, dtype=np.float64).reshape(2, 2, 3)
    assert fingerprint(volume, shown).pixels != fingerprint(volume.astype(np.float32), shown).pixels


def test_a_thumbnail_is_the_average_by_area() -> None:
    pixels = np.zeros((128, 96), np.uint8)
    # each cell is 2 rows x 1.5 columns: in row 0, the greys 10 20 30 give (10 + 20 / 2) / 1.5 and (20 / 2 + 30) / 1.5
    pixels[:2, :3] = [10, 20, 30]
    thumbnail = fingerprint(pixels, pixels).thumbnail
    assert thumbnail.shape == (64, 64)
    assert thumbnail.dtype == np.uint8
    assert thumbnail[0, :3].tolist() == [13, 27, 0]
    assert not thumbnail[1:].any()


def test_halves_round_up_and_small_images_are_enlarged() -> None:
    pixels = np.zeros((128, 128), np.uint8)
    pixels[0, :2] = 1  # two of four pixels
    assert fingerprint(pixels, pixels).thumbnail[0, 0] == 1
    tiny = np.array([[7, 200]], np.uint8)
    assert fingerprint(tiny, tiny).thumbnail[5].tolist() == [7] * 32 + [200] * 32


def test_the_hash_says_where_it_gets_brighter_to_the_right() -> None:
    pixels = np.zeros((160, 170), np.uint8)  # cells of 10 x 10
    pixels[:, 10:20] = 100  # cell 1 above cell 0, then down and flat
    assert fingerprint(pixels, pixels).dhash == "8000" * 16
    pixels[80:, :] = np.repeat(np.arange(17, dtype=np.uint8) * 2, 10)
    assert fingerprint(pixels, pixels).dhash == "8000" * 8 + "ffff" * 8


def test_one_grey_more_is_not_brighter() -> None:
    pixels = np.repeat(np.arange(17, dtype=np.uint8), 10)[None].repeat(160, axis=0)
    assert fingerprint(pixels, pixels).dhash == "0000" * 16
    pixels[0, 10:20] += 1
    assert fingerprint(pixels, pixels).dhash == "8000" + "0000" * 15


def test_bits_count_the_differing_ones() -> None:
    bits = dhash_bits(["00" * 32, "ff" * 32, "80" + "00" * 30 + "01"])
    assert bits.dtype == np.uint64
    assert bits.shape == (3, 4)
    assert bits[2].tolist() == [1 << 63, 0, 0, 1]
    assert np.bitwise_count(bits[0] ^ bits).sum(axis=1).tolist() == [0, 256, 2]
    assert dhash_bits([]).shape == (0, 4)


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_near_and_others_far(seed: int) -> None:
    original = scene(seed)
    half = np.asarray(Image.fromarray(original).resize((128, 128), Image.Resampling.BILINEAR))
    labelled = original.copy()
    labelled[10:40, 10:50] = 255
    brighter = np.minimum(original * 1.1, 255).astype(np.uint8)
    for copy in (jpeg(original, 50), half, labelled, brighter):
        assert distance(original, copy) <= 20
        assert correlation(*(fingerprint(image, image).thumbnail for image in (original, copy))) >= 0.97
    other = scene(seed + 100)
    assert distance(original, other) > 60
    assert correlation(*(fingerprint(image, image).thumbnail for image in (original, other))) < 0.5


def test_correlation_is_the_lower_median_of_the_blocks() -> None:
    ramp = np.tile(np.arange(16, dtype=np.uint8) * 10, (64, 4))
    assert correlation(ramp, ramp) == 1.0
    assert correlation(ramp, 150 - ramp) == -1.0
    half = ramp.copy()
    half[:, :32] = 150 - ramp[:, :32]  # 8 blocks at -1, 8 at 1
    assert correlation(ramp, half) == -1.0
    half[:16, :16] = ramp[:16, :16]
    assert correlation(ramp, half) == 1.0


def test_correlation_does_not_see_brightness_nor_a_label() -> None:
    first = (scene(1, 64, 64) // 2).astype(np.uint8)
    second = (first + 40).astype(np.uint8)
    second[:16, :32] = 255
    assert correlation(first, second) == 1.0


def test_flat_blocks_do_not_count_unless_only_one_is() -> None:
    flat = np.full((64, 64), 9, np.uint8)
    assert correlation(flat, flat) == 1.0
    assert correlation(flat, flat + 1) == 0.0
    one = flat.copy()
    one[:16, :16] = np.arange(16, dtype=np.uint8) * 10
    assert correlation(one, one) == 1.0
    assert correlation(one, flat) == 0.0


def test_pairs_are_compared_together_as_one_by_one() -> None:
    first, second = (np.stack([scene(seed, 64, 64) for seed in seeds]) for seeds in ((1, 2, 3), (1, 5, 6)))
    assert correlations(first, second).tolist() == [correlation(a, b) for a, b in zip(first, second, strict=True)]
    assert correlations(first[:0], second[:0]).shape == (0,)


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (700, 3), (1023, 767)])
def test_sums_are_exact_for_any_shape(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, shape).astype(np.uint8)
    rows, columns = shape
    exact = np.repeat(np.repeat(pixels.astype(object), 64, axis=0), 64, axis=1) if rows * columns < 4000 else None
    thumbnail = fingerprint(pixels, pixels).thumbnail
    if exact is None:
        assert abs(int(thumbnail.sum()) / 4096 - pixels.mean()) < 0.5
        return
    cells = exact.reshape(64, rows, 64, columns).sum(axis=(1, 3))
    area = rows * columns
    assert thumbnail.tolist() == [[(2 * int(cell) + area) // (2 * area) for cell in line] for line in cells]
