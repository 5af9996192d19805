"""Readers' answers: one column a reader, in the words of the label."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from radloop.data.sources.labels import known_words
from radloop.data.sources.table import Record, Table
from radloop.errors import InputError
from radloop.use_case import UseCase

Answers = Mapping[str, str | None]


def answers_reader(table: Table, use_case: UseCase) -> Callable[[int, Record], Answers]:
    """Return a function from a row's number and itself to what each reader said, None where a cell is blank.

    Raises:
        InputError: a reader has no column; when called, an answer is outside the classes.
    """
    remedy = f"set source.readers in {use_case.name}.yaml"
    cells = {name: table.cell(column, f"reader {name}", remedy) for column, name in use_case.source.readers.items()}
    known = known_words(use_case)

    def read(number: int, record: Record) -> Answers:
        said = {name: cell(record) for name, cell in cells.items()}
        strange = [name for name, word in said.items() if word is not None and word not in known]
        if strange:
            raise InputError(
                "unknown_answer",
                f"{table.name}:{number}: what reader {strange[0]} said is outside the classes",
                f"map it to one of {list(use_case.labels.words)} under source.labels in {use_case.name}.yaml",
            )
        return {name: None if word is None else known[word] for name, word in said.items()}

    return read
