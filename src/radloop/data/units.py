"""Units: rows that hang together by what they share, and are never torn apart by a split, a fold or a resample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence


def joined_rows(names: Sequence[Iterable[Hashable]]) -> list[list[int]]:
    """Return the positions of the rows of each unit, units and rows in the order of first appearance.

    A unit is a connected part of the graph in which rows that hold an equal name are joined.

    Args:
        names: what each of n rows holds; a row without a name is a unit of its own.
    """
    parent = list(range(len(names)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]  # path halving
            row = parent[row]
        return row

    first: dict[Hashable, int] = {}
    for row, own in enumerate(names):
        for name in own:
            parent[root(row)] = root(first.setdefault(name, row))
    units: dict[int, list[int]] = defaultdict(list)
    for row in range(len(names)):
        units[root(row)].append(row)
    return list(units.values())


def joined_columns(columns: Mapping[str, Sequence[Hashable]]) -> list[list[int]]:
    """Return the units of n rows as `joined_rows` does; rows with an equal name in one column stay together.

    Args:
        columns: n names by column; None and NaN name nothing.
    """
    rows = zip(*columns.values(), strict=True)
    return joined_rows(
        [[(column, name) for column, name in zip(columns, row, strict=True) if name is not None and name == name] for row in rows]
    )
