"""Requests of one bundle in the order in which they were answered, as arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from radloop.errors import IntegrityError
from radloop.images.quality import QUALITY
from radloop.inference.recorded import embedding
from radloop.monitoring.index import ANSWERS
from radloop.records.answers import answers_folder
from radloop.settings import Settings

COLUMNS = (
    "at",
    "request_id",
    "answered",
    "code",
    "site",
    "sex",
    "age_band",
    "patient",
    "file",
    "scores",
    "quality",
    "segment",
    "start",
    "length",
)
"""What is read of a request to look for drift."""

Mark = tuple[int, str]
"""A place in the order of requests: milliseconds since 1970, and the request's id."""


@dataclass(frozen=True, slots=True)
class Window:
    """Requests one after another.

    Attributes:
        rows: of the index, `COLUMNS` each, by time.
    """

    rows: Sequence[Sequence[Any]]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def last(self) -> Mark:
        """Return the place behind it."""
        return int(self.rows[-1][0]), str(self.rows[-1][1])

    @property
    def span(self) -> tuple[str, str]:
        """Return the times of the first and the last request, ISO 8601."""
        return iso(int(self.rows[0][0])), iso(int(self.rows[-1][0]))

    @property
    def refused(self) -> tuple[int, int]:
        """Return how many requests were refused, and how many there are."""
        return sum(not row[2] for row in self.rows), len(self.rows)

    def codes(self) -> dict[str, int]:
        """Return the refusals by code."""
        found: dict[str, int] = {}
        for row in self.rows:
            if not row[2]:
                found[str(row[3])] = found.get(str(row[3]), 0) + 1
        return found

    def answered(self) -> Window:
        """Return one answer a patient and a file, the first: what is sent twice would look like a population of its own."""
        seen: set[str] = set()
        kept = []
        for row in self.rows:
            names = {f"{kind} {name}" for kind, name in (("patient", row[7]), ("file", row[8])) if name is not None}
            if row[2] and not names & seen:
                kept.append(row)
                seen |= names
        return Window(kept)

    def words(self, attribute: str) -> list[str]:
        """Return the known words of `site`, `sex` or `age_band`."""
        place = COLUMNS.index(attribute)
        return [str(row[place]) for row in self.rows if row[place] is not None]

    def scores(self) -> NDArray[np.float64]:
        """Return the probabilities of the answers, [n, K]."""
        return np.stack([np.frombuffer(row[9], dtype="<f8") for row in self.rows])

    def quality(self) -> NDArray[np.float64]:
        """Return the quality of the images that were decoded, [n, 7]."""
        found = [np.frombuffer(row[10], dtype="<f8") for row in self.rows if row[10] is not None]
        return np.stack(found) if found else np.empty((0, len(QUALITY)))


def after(use_case: str, bundle: str, mark: Mark | None) -> sa.Select[Any]:
    """Return the question for a bundle's requests behind a place, by time."""
    at, name = ANSWERS.c.at, ANSWERS.c.request_id
    question = sa.select(*(ANSWERS.c[column] for column in COLUMNS)).where(
        ANSWERS.c.use_case == use_case, ANSWERS.c.bundle == bundle
    )
    if mark is not None:
        question = question.where(sa.or_(at > mark[0], sa.and_(at == mark[0], name > mark[1])))
    return question.order_by(at, name)


def embeddings(window: Window, settings: Settings) -> NDArray[np.float64]:
    """Return the embeddings of answers, [n, C], read from the lines of the record.

    Raises:
        IntegrityError: `moved_record`: a segment was rewritten since the index was refreshed.
    """
    return np.stack([embedding(payload["embedding"]).astype(np.float64) for payload in payloads(window, settings)])


def payloads(window: Window, settings: Settings) -> list[dict[str, Any]]:
    """Return what the record holds of some requests, in their order.

    Raises:
        IntegrityError: `moved_record`.
    """
    folder, found = answers_folder(settings), []
    for row in window.rows:
        name, start, length = row[-3:]
        try:
            with (folder / name).open("rb") as stream:
                stream.seek(start)
                payload = json.loads(stream.read(length))["payload"]
        except (OSError, ValueError, KeyError):
            payload = None
        if payload is None or payload["request_id"] != row[1]:
            raise IntegrityError("moved_record", "record: a segment was rewritten meanwhile", "run the command again")
        found.append(payload)
    return found


def iso(at: int) -> str:
    """Return milliseconds since 1970 as ISO 8601, UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")


def milliseconds(time: str) -> int:
    """Return ISO 8601 as milliseconds since 1970."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)
