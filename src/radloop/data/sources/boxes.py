"""Boxes in a table's cell: numbers, four each."""

from __future__ import annotations

import re

from radloop.images.mask import Box

# A minus behind a digit is a dash between two numbers.
_NUMBER = re.compile(r"(?:(?<![\d.])[+-])?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_LARGEST = 1e6


def read_boxes(text: str | None) -> tuple[Box, ...]:
    """Return the boxes of a cell; what stands between the numbers means nothing, an empty cell holds none.

    Raises:
        ValueError: they are not four each.

    Example:
        >>> read_boxes("[99, 110, 189, 209]; 5 6 7 8")
        ((99.0, 110.0, 189.0, 209.0), (5.0, 6.0, 7.0, 8.0))
    """
    numbers = [float(word) for word in _NUMBER.findall(text or "")]
    if len(numbers) % 4 or (text and text.strip() and not numbers) or any(abs(number) > _LARGEST for number in numbers):
        raise ValueError("boxes are four numbers each")
    return tuple((numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]) for at in range(0, len(numbers), 4))
