"""Palettes to luma, worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radloop.errors import Refusal
from radloop.images.groups import Attributes
from radloop.images.palette import palette_luma

COLOURS = ("Red", "Green", "Blue")


def palette(descriptor: list[int], tables: list[bytes], *, segmented: bool = False) -> Attributes:
    dataset = Dataset()
    for colour, table in zip(COLOURS, tables, strict=True):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", descriptor)
        setattr(dataset, f"{'Segmented' if segmented else ''}{colour}PaletteColorLookupTableData", table)
    return Attributes(dataset)


def words(*numbers: int, order: str = "<") -> bytes:
    return np.array(numbers, f"{order}u2").tobytes()


def lumas(values: list[int], attributes: Attributes, **options: Any) -> list[int]:
    return palette_luma(np.array(values), attributes, big_endian=options.get("big_endian", False)).tolist()


def test_sixteen_bit_entries_and_values_beyond_the_table() -> None:
    # entries 10 to 12: red, green, blue; 0.299, 0.587 and 0.114 of 255 are 76.2, 149.7 and 29.1
    attributes = palette([3, 10, 16], [words(65535, 0, 0), words(0, 65535, 0), words(0, 0, 65535)])
    assert lumas([9, 10, 11, 12, 13], attributes) == [76, 76, 150, 29, 29]


def test_big_endian_entries() -> None:
    table = words(0, 0x8000, 0xFFFF, order=">")
    assert lumas([0, 1, 2], palette([3, 0, 16], [table] * 3), big_endian=True) == [0, 128, 255]


def test_eight_bit_entries_two_to_a_word_or_one() -> None:
    assert lumas([0, 1], palette([2, 0, 8], [bytes((7, 200))] * 3)) == [7, 200]
    assert lumas([0, 1], palette([2, 0, 8], [words(7, 200)] * 3)) == [7, 200]


def test_entries_that_say_16_bits_and_use_8() -> None:
    assert lumas([0, 1], palette([2, 0, 16], [words(7, 255)] * 3)) == [7, 255]


def test_a_segmented_table() -> None:
    # two entries as they are, then a line of four steps from 0x2000 to 0xA000: 0x4000, 0x6000, 0x8000, 0xA000
    table = words(0, 2, 0, 0x2000, 1, 4, 0xA000)
    assert lumas([0, 1, 2, 3, 4, 5], palette([6, 0, 16], [table] * 3, segmented=True)) == [0, 32, 64, 96, 128, 159]


@pytest.mark.parametrize(
    ("descriptor", "table", "segmented"),
    [
        ([4, 0, 16], words(1, 2), False),  # too short
        ([4, 0, 16], words(0, 2, 5, 6), True),  # too short once expanded
        ([4, 0, 16], words(1, 4, 9), True),  # a line from nowhere
        ([4, 0, 16], words(2, 4, 0, 0), True),  # refers back
    ],
)
def test_broken_tables_are_refused(descriptor: list[int], table: bytes, segmented: bool) -> None:
    attributes = palette(descriptor, [table] * 3, segmented=segmented)
    with pytest.raises(Refusal) as caught:
        lumas([0], attributes)
    assert caught.value.code == "unreadable_image"


def test_a_segmented_table_expands_no_further_than_it_promises() -> None:
    # lines of 65535 steps from 0 to 65535: the first four entries are 0 to 3, too small for more than 8 bits
    bomb = words(0, 1, 0, *[1, 65535, 0xFFFF] * 100)  # 6.5 million entries where 4 are promised
    assert lumas([0, 3], palette([4, 0, 16], [bomb] * 3, segmented=True)) == [0, 3]


def test_a_missing_palette_is_refused() -> None:
    with pytest.raises(Refusal):
        lumas([0], Attributes(Dataset()))
