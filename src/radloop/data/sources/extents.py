"""The extent of a finding: a column of numbers, or the worst of several columns of yes and no."""

from __future__ import annotations

from collections.abc import Callable

from radloop.data.sources.quantity import read_number
from radloop.data.sources.table import Record, Table
from radloop.use_case import UseCase

_YES = frozenset({"1", "1.0", "yes", "y", "true"})
_NO = frozenset({"0", "0.0", "no", "n", "false"})


def extent_reader(table: Table, use_case: UseCase) -> Callable[[Record], float | None]:
    """Return a function from a row to its extent, None where it is unknown.

    The column `source.columns.extent` goes first. Of `source.extent_from` the largest extent of the columns that
    say yes counts; 0 where all say no; and where none says yes and one is silent, nobody knows.

    Raises:
        InputError: there is no such column.
    """
    source = use_case.source
    number = table.cell(source.columns.extent, "extent", f"set source.columns.extent in {use_case.name}.yaml")
    remedy = f"set source.extent_from in {use_case.name}.yaml"
    cells = [(table.cell(column, "extent", remedy), extent) for column, extent in source.extent_from.items()]

    def read(record: Record) -> float | None:
        said = read_number(number(record))[0]
        if said is not None or not cells:
            return said
        answers = [(_answer(cell(record)), extent) for cell, extent in cells]
        reached = [extent for answer, extent in answers if answer]
        if reached:
            return max(reached)
        return 0.0 if all(answer is False for answer, _ in answers) else None

    return read


def _answer(text: str | None) -> bool | None:
    word = (text or "").casefold()
    return True if word in _YES else False if word in _NO else None
