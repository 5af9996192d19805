"""A label list: the CSV of `radloop queue UC --out FILE`, gone through row by row, and given back with its labels."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

SEPARATOR = "|"
"""Between the findings of one image, as `radloop feedback` reads them."""
LONGEST = 1000
"""Rows that a list may have."""
_NEEDED = ("request_id", "label")
_REQUEST = re.compile(r"[0-9a-f]{32}")
_WANTED = "make it with: radloop queue UC --out queue.csv"


class LabelListError(ValueError):
    """Raise for a file that is none; the message says what is wrong, and repeats nothing that stands in it."""


@dataclass(frozen=True)
class Row:
    """One request that wants a label.

    Attributes:
        cells: of the file, by column.
        labels: words that say what it shows; empty as long as nobody has said.
        reader: who said so, empty where nobody wrote it down.
        sent: whether the service has these labels.
        told: what the service said of them, or why they were not taken.
    """

    cells: Mapping[str, str]
    labels: tuple[str, ...] = ()
    reader: str = ""
    sent: bool = False
    told: str = ""

    @property
    def request_id(self) -> str:
        """Return which request it is."""
        return self.cells["request_id"]

    @property
    def file(self) -> str:
        """Return the name of the image's file without its folders, empty where the list does not say."""
        return re.split(r"[/\\]", self.cells.get("path", ""))[-1]


@dataclass(frozen=True)
class LabelList:
    """The rows in their order.

    Attributes:
        name: of the file.
        columns: of the file.
        shown: the index of the row that is looked at.
        kept: whether the labels are all in a file: nothing was filled in since it was read or saved.
        leaving: whether the reader was warned that clearing it loses labels.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    shown: int = 0
    kept: bool = True
    leaving: bool = False

    @property
    def row(self) -> Row:
        """Return the row that is looked at."""
        return self.rows[self.shown]

    @property
    def done(self) -> int:
        """Return how many labels the service has."""
        return sum(row.sent for row in self.rows)

    def look(self, index: int) -> LabelList:
        """Look at a row; where there is none of that number, at the same as before."""
        return replace(self, shown=index if 0 <= index < len(self.rows) else self.shown)

    def filled(self, index: int, row: Row) -> LabelList:
        """Return the list with another row in the place of one."""
        return replace(self, rows=(*self.rows[:index], row, *self.rows[index + 1 :]), kept=False)

    def onward(self) -> LabelList:
        """Look at the next row without a label that was sent, from the beginning after the end; stay where there is none."""
        count = len(self.rows)
        turns = ((self.shown + step) % count for step in range(1, count))
        return self.look(next((index for index in turns if not self.rows[index].sent), self.shown))


def read_list(name: str, content: bytes) -> LabelList:
    """Return a label list; labels that were filled in elsewhere are kept, and count as not sent.

    Semicolons between the cells are understood as well: spreadsheets of many countries write them.

    Args:
        name: of the file.
        content: CSV, UTF-8, with the columns `request_id` and `label`.

    Raises:
        LabelListError: it is none.
    """
    try:
        text = content.decode("utf-8-sig")
        first = text.partition("\n")[0]
        lines = csv.reader(io.StringIO(text), delimiter=";" if ";" in first and "," not in first else ",", strict=True)
        cells = [(lines.line_num, line) for line in lines if any(line)]
    except UnicodeDecodeError:
        raise LabelListError("The file is not UTF-8 text: save it as CSV, UTF-8.") from None
    except csv.Error:
        raise LabelListError(f"The file is no CSV that can be read; {_WANTED}.") from None
    columns = tuple(cell.strip() for cell in cells[0][1]) if cells else ()
    _check_columns(columns)
    rows = [_row(number, line, columns) for number, line in cells[1:]]
    _check_rows(rows)
    return _first_open(LabelList(name, columns, tuple(rows)))


def write_list(labels: LabelList) -> str:
    """Return the list as CSV with the labels filled in; a column `reader` joins where somebody gave a name.

    `radloop feedback` takes it: what was sent from the page already is a duplicate there and changes nothing.
    """
    named = any(row.reader for row in labels.rows)
    columns = [*labels.columns, *(["reader"] if named and "reader" not in labels.columns else [])]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in labels.rows:
        said = {"label": SEPARATOR.join(row.labels)} | ({"reader": row.reader} if row.reader else {})
        writer.writerow({**dict.fromkeys(columns, ""), **row.cells, **said})
    return text.getvalue()


def _check_columns(columns: Sequence[str]) -> None:
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise LabelListError(f"This is no label list: its first line does not name {' and '.join(missing)}; {_WANTED}.")
    if len(set(columns)) != len(columns):
        raise LabelListError("The first line names a column twice.")


def _row(number: int, line: Sequence[str], columns: Sequence[str]) -> Row:
    if len(line) > len(columns):
        raise LabelListError(f"Line {number} has more cells than the first line names; is a comma in it not quoted?")
    cells = {name: cell.strip() for name, cell in zip(columns, [*line, *[""] * (len(columns) - len(line))], strict=True)}
    if not _REQUEST.fullmatch(cells["request_id"]):
        raise LabelListError(f"Line {number} names no request: a request id has 32 letters from 0 to f.")
    words = tuple(dict.fromkeys(word.strip() for word in cells["label"].split(SEPARATOR) if word.strip()))
    return Row(cells, words, cells.get("reader", ""))


def _check_rows(rows: Sequence[Row]) -> None:
    if not rows:
        raise LabelListError("The list has no rows: nothing waits for a label.")
    if len(rows) > LONGEST:
        raise LabelListError(f"The list has {len(rows)} rows, more than the {LONGEST} that one may have here; divide it.")
    name, count = Counter(row.request_id for row in rows).most_common(1)[0]
    if count > 1:
        twice = [str(place) for place, row in enumerate(rows, start=1) if row.request_id == name]
        raise LabelListError(f"One request stands in the rows {', '.join(twice)}: leave it in one of them.")


def _first_open(labels: LabelList) -> LabelList:
    """Look at the first row that nobody has filled in."""
    return labels.look(next((index for index, row in enumerate(labels.rows) if not row.labels), 0))
