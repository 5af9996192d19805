"""One run of the loop on disk: its key, its attempt, and what its finished stages gave.

A run's key is what it was asked to do. The same key goes on with its unfinished attempt; once that is
finished, the same key starts the next attempt. A stage's result is written in one rename, so a crash
leaves it done or not done.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radloop.errors import Refusal
from radloop.records.seal import canonical, digest_document, write_atomic


@dataclass(frozen=True)
class Run:
    """An attempt at a key.

    Attributes:
        folder: everything the attempt keeps while it runs.
        key: 16 hexadecimal digits over what was asked.
        attempt: 1 for the first.
    """

    folder: Path
    key: str
    attempt: int

    @property
    def name(self) -> str:
        """Return the attempt's name, unique within its use case."""
        return f"{self.key}-{self.attempt:03d}"

    def result(self, stage: str) -> dict[str, Any] | None:
        """Return what a stage gave, or None if it has not finished."""
        path = self.folder / f"{stage}.json"
        return dict(json.loads(path.read_bytes())) if path.is_file() else None

    def store(self, stage: str, result: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what a stage gave; from now on it is finished."""
        write_atomic(self.folder / f"{stage}.json", canonical(dict(result)))
        return dict(result)

    @property
    def finished(self) -> bool:
        """Tell whether every stage is done."""
        return (self.folder / "finished.json").is_file()

    def finish(self) -> None:
        """Close the attempt: the same key will start another."""
        write_atomic(self.folder / "finished.json", canonical({"finished": True}))


def open_run(folder: Path, asked: Mapping[str, Any]) -> Run:
    """Return the unfinished attempt at what is asked, or the next one.

    Args:
        folder: the use case's folder of runs.
        asked: use case, data version, config, seed, budget: everything that decides the result.
    """
    key = digest_document(dict(asked)).removeprefix("sha256:")[:16]
    attempts = sorted(int(path.name.rpartition("-")[2]) for path in folder.glob(f"{key}-[0-9]*") if path.is_dir())
    last = Run(folder / f"{key}-{attempts[-1]:03d}", key, attempts[-1]) if attempts else None
    if last is not None and not last.finished:
        return last
    number = last.attempt + 1 if last else 1
    run = Run(folder / f"{key}-{number:03d}", key, number)
    run.folder.mkdir(parents=True, exist_ok=True)
    run.store("asked", asked)
    return run


@contextmanager
def locked(folder: Path, doing: str = "being retrained") -> Iterator[None]:
    """Hold a use case's runs: it never retrains twice at once. The lock falls with the process.

    Args:
        folder: named as the use case.
        doing: what the other process does to it, for the message.

    Raises:
        Refusal: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refusal("busy", f"{folder.name} is {doing} by another process", "wait for it to end") from error
        yield
