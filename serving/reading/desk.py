"""What lies on a reader's desk: the files of a work list, what was seen in them and what was answered, in memory only."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

HELD = 200_000_000
"""Bytes of all desks together; beyond it the desk that was not touched for longest is cleared."""


@dataclass
class Case:
    """One file of a work list.

    Attributes:
        name: as the reader's machine calls it; it is shown to the reader only.
        content: the file.
        picture: what the viewer shows, None where it cannot be shown.
        answer: what the service answered, None where it refused.
        problem: why it did, None where it answered.
        job: of a video: how far it is, and its result at the end.
        target: the finding whose heat map was asked for, None for the most probable one's.
        said: what became of the reader's own judgement.
    """

    name: str
    content: bytes
    picture: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    job: dict[str, Any] | None = None
    target: str | None = None
    said: str = ""

    @property
    def size(self) -> int:
        """Return the bytes that it holds, about."""
        return len(self.content) + len((self.picture or {}).get("png", ""))


@dataclass
class Desk:
    """The cases of one visitor's page.

    Attributes:
        shown: the index of the one that is looked at.
    """

    cases: list[Case] = field(default_factory=list)
    shown: int = 0

    @property
    def case(self) -> Case | None:
        """Return the case that is looked at."""
        return self.cases[self.shown] if 0 <= self.shown < len(self.cases) else None


class Desks:
    """Every visitor's desk, by a word that nobody can guess."""

    def __init__(self, held: int = HELD) -> None:
        self._desks: OrderedDict[str, Desk] = OrderedDict()
        self._lock = threading.Lock()
        self._held = held

    def open(self, word: str | None) -> tuple[str, Desk]:
        """Return a desk and its word; a new one where the word is not known any more."""
        with self._lock:
            if word is None or word not in self._desks:
                word = uuid.uuid4().hex
                self._desks[word] = Desk()
            self._desks.move_to_end(word)
            return word, self._desks[word]

    def clear(self, word: str | None) -> None:
        """Forget a desk."""
        with self._lock:
            self._desks.pop(word or "", None)

    def trim(self) -> None:
        """Forget the desks that were not touched for longest, until the others are within the limit; one always stays."""
        with self._lock:
            sizes = {word: sum(case.size for case in desk.cases) for word, desk in self._desks.items()}
            total = sum(sizes.values())
            while total > self._held and len(self._desks) > 1:
                word, _ = self._desks.popitem(last=False)
                total -= sizes[word]
