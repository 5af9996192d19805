"""A source's table: CSV in UTF-8, also compressed, with its header, read once and row by row."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from radloop.errors import InputError, nearest

Record = list[str]
SUFFIXES = (".csv", ".csv.gz", ".tsv")
_KNOWN_NAMES = ("manifest.csv", "metadata.csv", "Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")


@dataclass(frozen=True)
class Table:
    """An open table.

    Attributes:
        path: the file.
        columns: its header, without surrounding blanks.
    """

    path: Path
    columns: tuple[str, ...]
    _records: Iterator[Record]

    @property
    def name(self) -> str:
        """Return what messages call it: a file's own name may be a person's."""
        plain = self.path.name.removesuffix(".gz")
        return plain if plain in _KNOWN_NAMES else "table"

    @property
    def root(self) -> Path:
        """Return the folder that its paths are relative to."""
        return self.path.parent.resolve()

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield each row with its number in the file, the header being row 1; short rows are filled with blanks.

        Raises:
            InputError: a row is longer than the header: a separator in an unquoted cell has shifted it.
        """
        width = len(self.columns)
        for number, record in enumerate(self._records, start=2):
            if len(record) > width and any(cell.strip() for cell in record[width:]):
                raise InputError(
                    "row_too_long",
                    f"{self.name}:{number}: {len(record)} cells under {width} columns",
                    "quote the cells that contain the separator",
                )
            if record:
                yield number, record + [""] * (width - len(record))

    def cell(self, column: str | None, meaning: str, remedy: str) -> Callable[[Record], str | None]:
        """Return the reader of a column: a cell without surrounding blanks, None where it is empty.

        Args:
            column: its name; None is a column of unknowns.
            meaning: what it holds, for the message.
            remedy: where to name another column, for the hint.

        Raises:
            InputError: there is no such column, or there are two.
        """
        if column is None:
            return lambda _: None
        if self.columns.count(column) != 1:
            few = column not in self.columns
            raise InputError(
                "column_missing" if few else "column_twice",
                f"{self.name} has {'no' if few else 'more than one'} column '{column}' for the {meaning}",
                f"{nearest(column, self.columns)} or {remedy}" if few else "give every column its own name",
            )
        place = self.columns.index(column)
        return lambda record: record[place].strip() or None


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Open a table; the separator (comma, semicolon or tab) is the one that the header has most of.

    Raises:
        InputError: missing, not CSV or not UTF-8, now or while its rows are read.
    """
    try:
        with _opened(path) as stream:
            first = stream.readline()
            separator = max(",;\t", key=first.count)
            header = next(csv.reader([first], delimiter=separator), [])
            yield Table(path, tuple(column.strip() for column in header), csv.reader(stream, delimiter=separator))
    except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError("source_unreadable", "the table is not a UTF-8 CSV file", "save it as CSV, UTF-8") from error
    except FileNotFoundError as error:
        raise InputError("source_missing", "the table does not exist", "give it with --source") from error


def _opened(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(newline="", encoding="utf-8-sig")
