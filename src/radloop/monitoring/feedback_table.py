"""Feedback from a table: every row is judged before the first is written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radloop.errors import InputError, RadloopError
from radloop.inference.api_keys import NAME
from radloop.inference.feedback import answers_of, check_answer, labels_of, understood
from radloop.records.answers import AnswerRecord
from radloop.records.feedback import Given, Status, feedback_folder, given_to, now, payload, status_of
from radloop.settings import Settings

SEPARATOR = "|"
"""Between the findings of one image."""
_COLUMNS = {"request_id", "label"}


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not taken; what stands in it is not repeated, it could name a patient.

    Attributes:
        row: its line in the file, 1 is the header.
    """

    row: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a table.

    Attributes:
        counts: rows by status: new, duplicate, contradicts.
        bad: rows that were not taken.
        written: entries that were appended.
        blank: rows of a work list that nobody has filled in; they are passed over.
    """

    counts: Mapping[Status, int]
    bad: tuple[BadRow, ...]
    written: int
    blank: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return asdict(self)


def take_table(
    content: str, settings: Settings, *, reader: str | None = None, settles: bool = False, skip_bad: bool = False
) -> Taken:
    """Judge every row of a CSV with the columns `request_id`, `label` and perhaps `reader`, and append what is good.

    A row without a label is passed over: a work list may come back half done, and silence is no finding.

    Args:
        content: of the file.
        settings: of the installation.
        reader: of rows that name none.
        settles: the labels outweigh what was given before them.
        skip_bad: append the good rows although others are bad.

    Raises:
        InputError: `invalid_table`: the columns are not there.
        OSError: the record could not be written.
    """
    lines = csv.DictReader(io.StringIO(content.removeprefix("\ufeff")))
    if lines.fieldnames is None or not set(lines.fieldnames) >= _COLUMNS:
        raise InputError(
            "invalid_table", "the table has no columns request_id and label", "its first line is: request_id,label,reader"
        )
    rows = [
        (lines.line_num, {name: (row[name] or "").strip() for name in (*sorted(_COLUMNS), "reader") if name in row})
        for row in lines
    ]
    blank = sum(not row["label"] for _, row in rows)
    rows = [(number, row) for number, row in rows if row["label"]]
    ids = {row["request_id"] for _, row in rows}
    answers, before = answers_of(ids, settings), given_to(ids, feedback_folder(settings))
    counts: dict[Status, int] = {"new": 0, "duplicate": 0, "contradicts": 0}
    entries, bad = [], []
    for number, row in rows:
        try:
            answer = check_answer(answers.get(row["request_id"]))
            new = Given(now(), _words(row["label"], answer, settings), _reader(row.get("reader") or reader), settles)
        except RadloopError as error:
            bad.append(BadRow(number, error.code, f"{error.message} ({error.hint})"))
            continue
        status = status_of(new, before.setdefault(row["request_id"], []))
        counts[status] += 1
        if status != "duplicate":
            before[row["request_id"]].append(new)
            entries.append(payload(new, answer, None, "csv"))
    if bad and not skip_bad:
        return Taken(counts, tuple(bad), 0, blank)
    _append(entries, settings)
    return Taken(counts, tuple(bad), len(entries), blank)


def _words(text: str, answer: Mapping[str, Any], settings: Settings) -> tuple[str, ...]:
    labels = labels_of(answer, settings.bundles, settings)
    parts = [part.strip() for part in text.split(SEPARATOR) if part.strip()]
    return understood(parts if len(parts) != 1 else parts[0], labels)


def _reader(name: str | None) -> str | None:
    if name and not re.fullmatch(NAME, name):
        raise InputError("invalid_name", "a reader's name has letters, digits, spaces, dots, hyphens", "never a patient's")
    return name or None


def _append(entries: list[dict[str, Any]], settings: Settings) -> None:
    if not entries:
        return
    record = AnswerRecord(feedback_folder(settings))
    try:
        tickets = [record.append(entry) for entry in entries]
        record.flushed(tickets[-1]).result()
    finally:
        record.close()


def read_table(path: Path) -> str:
    """Return the text of a CSV.

    Raises:
        InputError: `missing_file`, or `invalid_table`: not text.
    """
    if not path.is_file():
        raise InputError("missing_file", f"no such file: {path}", "check the path")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("invalid_table", "the file is not UTF-8 text", "save it as CSV, UTF-8") from None
