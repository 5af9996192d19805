"""What lies on a reader's desk: the files of a work list, what was seen in them and what was answered, in memory only."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from radloop.serving.reading.urgency import by_urgency

HELD = 200_000_000
"""Bytes of all desks together; beyond it the desk that was not touched for longest is cleared."""


@dataclass
class Case:
    """One file of a work list.

    Attributes:
        name: as the reader's machine calls it; it is shown to the reader only.
        content: the file.
        picture: what the viewer shows, None where it cannot be shown.
        answer: what the service answered, None where it refused; of a clip, that of all its frames together.
        problem: why it did, None where it answered.
        job: of a clip that is being read: how far it is.
        clip: the answer's frames, None of an image: `labels`, `timeline`, `peaks`, `refused`, `frames_per_second`.
        target: the finding whose heat map was asked for, None for the most probable one's.
        said: what became of the reader's own judgement.
    """

    name: str
    content: bytes
    picture: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    job: dict[str, Any] | None = None
    clip: dict[str, Any] | None = None
    target: str | None = None
    said: str = ""

    @property
    def waits(self) -> bool:
        """Tell whether nothing was said of it yet."""
        return self.answer is None and self.problem is None

    def forget(self) -> None:
        """Forget what was said of it: it is asked about anew."""
        self.answer = self.problem = self.job = self.clip = None
        self.said = ""

    @property
    def size(self) -> int:
        """Return the bytes that it holds, about."""
        return len(self.content) + len((self.picture or {}).get("png", ""))


@dataclass
class Desk:
    """The cases of one visitor's page.

    Attributes:
        shown: the index of the one that is looked at.
        chosen: whether the reader chose it; otherwise the most urgent one is shown as answers come.
        turn: counts how often the whole list was asked about; who still asks for an earlier turn stops.
    """

    cases: list[Case] = field(default_factory=list)
    shown: int = 0
    chosen: bool = False
    turn: int = 0

    @property
    def case(self) -> Case | None:
        """Return the case that is looked at."""
        return self.cases[self.shown] if 0 <= self.shown < len(self.cases) else None

    def order(self) -> list[int]:
        """Return the indices of the cases as they are read: the most urgent first, last what waits for an answer."""
        ranked = by_urgency([case.answer for case in self.cases])
        return sorted(ranked, key=lambda index: self.cases[index].waits)


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
            desk = self._desks.pop(word or "", None)
            if desk is not None:
                desk.turn += 1

    def trim(self) -> None:
        """Forget the desks that were not touched for longest, until the others are within the limit; one always stays."""
        with self._lock:
            sizes = {word: sum(case.size for case in desk.cases) for word, desk in self._desks.items()}
            total = sum(sizes.values())
            while total > self._held and len(self._desks) > 1:
                word, _ = self._desks.popitem(last=False)
                total -= sizes[word]
