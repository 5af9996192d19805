"""Units, worked by hand."""

from __future__ import annotations

import math

from radloop.data.units import joined_columns, joined_rows


def test_rows_that_share_a_name_hang_together_whoever_joins_them() -> None:
    assert joined_rows([["a"], ["b"], ["c", "a"], [], ["b", "d"], ["d", "c"]]) == [[0, 1, 2, 4, 5], [3]]
    assert joined_rows([["a"], ["b"], ["a"]]) == [[0, 2], [1]]
    assert joined_rows([]) == []


def test_a_name_joins_within_its_column_only_and_the_unknown_joins_nobody() -> None:
    columns = {"patient": ["1", "2", "2", "3", "4"], "group": [None, "1", None, "1", math.nan]}
    assert joined_columns(columns) == [[0], [1, 2, 3], [4]]
    assert joined_columns({"patient": []}) == []
