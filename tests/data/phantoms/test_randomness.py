"""Draws are reproducible, bounded, and made of the published generator's words."""

from __future__ import annotations

import numpy as np

from radloop.data.phantoms.randomness import Draws, Stream


def test_the_generator_is_the_published_one() -> None:
    # Known answer of Random123, philox4x64-10, counter 0 and key 0; numpy counts up before its first block.
    words = np.random.Philox(counter=2**256 - 1, key=0).random_raw(4)
    assert [f"{int(word):016x}" for word in words] == [
        "16554d9eca36314c",
        "db20fe9d672d0fdc",
        "d7e772cee186176b",
        "7e68b68aec7ba23b",
    ]


def test_draws_depend_on_seed_stream_and_index_alone() -> None:
    def dice(seed: int, stream: Stream, index: int) -> list[int]:
        draws = Draws(seed, stream, index)
        return [draws.between(1, 6) for _ in range(8)]

    assert dice(2026, Stream.IMAGE, 7) == [4, 3, 4, 4, 2, 2, 6, 1]
    others = [dice(2027, Stream.IMAGE, 7), dice(2026, Stream.POSE, 7), dice(2026, Stream.IMAGE, 8)]
    assert all(other != dice(2026, Stream.IMAGE, 7) for other in others)


def test_the_largest_seed_is_a_key() -> None:
    assert 0 <= Draws(2**64 - 1, Stream.NOISE, 2**40).below(10) < 10


def test_draws_stay_in_their_bounds_and_reach_them() -> None:
    draws = Draws(1, Stream.BLOCK, 0)
    assert {draws.between(-1, 1) for _ in range(100)} == {-1, 0, 1}
    assert {draws.choice("ab") for _ in range(100)} == {"a", "b"}
    values = [draws.around(100, 30) for _ in range(500)]
    assert min(values) >= 70
    assert max(values) <= 130
    assert 97 <= sum(values) / 500 <= 103
    many = draws.many(500, 30)
    assert np.abs(many).max() <= 30
    assert abs(many.mean()) < 3


def test_shuffled_keeps_the_items() -> None:
    order = Draws(2, Stream.BLOCK, 0).shuffled("abcdef")
    assert sorted(order) == list("abcdef")
    assert order != list("abcdef")


def test_noise_is_four_bytes_summed() -> None:
    word = int(np.random.Philox(key=np.array([1, Stream.NOISE << 48], dtype=np.uint64)).random_raw())
    octets = word.to_bytes(8, "little")
    noise = Draws(1, Stream.NOISE, 0).noise(300, 301)
    assert noise[0, :2].tolist() == [sum(octets[:4]) - 510, sum(octets[4:]) - 510]
    # Four bytes: mean 4 * 127.5 = 510, variance 4 * (256² - 1) / 12 = 148².
    assert noise.shape == (300, 301)
    assert noise.dtype == np.int32
    assert abs(noise.mean()) < 2
    assert 146 < noise.std() < 150
