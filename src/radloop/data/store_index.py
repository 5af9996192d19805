"""What ingest has already stored: so that a killed ingest goes on, and a grown source costs only what is new.

One SQLite file a use case. Sources are named by a keyed hash of their path within the source, for a
path may hold a name; nothing here says who a patient is.
"""

from __future__ import annotations

import hmac
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.data.leakage import NearMemory, memory

_SCHEMA = """
create table if not exists stored (
    source text primary key, stamp text not null, recipe text not null, patient text not null, facts text not null
) without rowid;
create index if not exists stored_patient on stored (patient);
create table if not exists thumbnails (id text primary key, pixels blob not null) without rowid;
"""
_SIDE = 64


@dataclass(frozen=True)
class Known:
    """What the index holds of one source file.

    Attributes:
        stamp: size, times and inode of the source file when it was read.
        recipe: digest of everything else that the result depends on.
        facts: what `radloop.data.storing.store` returned, or the refusal.
    """

    stamp: str
    recipe: str
    facts: dict[str, Any]


class StoreIndex:
    """The index of one use case; use it as a context manager. One process writes at a time."""

    def __init__(self, path: Path, key: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._key = key
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = normal")
        self._database.executescript(_SCHEMA + memory.SCHEMA)

    def __enter__(self) -> StoreIndex:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()

    def source(self, name: str) -> str:
        """Return the keyed hash under which a source's file is kept."""
        return hmac.digest(self._key, name.encode("utf-8", "surrogateescape"), "sha256").hex()[:32]

    def known(self) -> Mapping[str, Known]:
        """Return everything that is indexed, by the source's keyed hash."""
        rows = self._database.execute("select source, stamp, recipe, facts from stored")
        return {source: Known(stamp, recipe, json.loads(facts)) for source, stamp, recipe, facts in rows}

    def keep(self, entries: Iterable[tuple[str, str, Known, Mapping[str, NDArray[np.uint8]]]]) -> None:
        """Write a batch of (source, patient, known, thumbnails by id) in one transaction."""
        self._database.execute("begin")
        for source, patient, known, thumbnails in entries:
            values = (source, known.stamp, known.recipe, patient, json.dumps(known.facts))
            self._database.execute(
                "insert or replace into stored (source, stamp, recipe, patient, facts) values (?, ?, ?, ?, ?)", values
            )
            self._insert(thumbnails)
        self._database.execute("commit")

    def keep_thumbnails(self, thumbnails: Mapping[str, NDArray[np.uint8]]) -> None:
        """Write thumbnails by the id of the stored image."""
        self._database.execute("begin")
        self._insert(thumbnails)
        self._database.execute("commit")

    def _insert(self, thumbnails: Mapping[str, NDArray[np.uint8]]) -> None:
        rows = [(name, np.ascontiguousarray(pixels).tobytes()) for name, pixels in thumbnails.items()]
        self._database.executemany("insert or replace into thumbnails values (?, ?)", rows)

    def near_memory(self, recipe: str) -> NearMemory:
        """Return what earlier searches for near-duplicates found among thumbnails made by a recipe."""
        return NearMemory(self._database, recipe)

    def thumbnails(self) -> dict[str, NDArray[np.uint8]]:
        """Return uint8 [64, 64] by the id of the stored image."""
        rows = self._database.execute("select id, pixels from thumbnails")
        return {name: np.frombuffer(pixels, np.uint8).reshape(_SIDE, _SIDE) for name, pixels in rows}


def forget(path: Path, patient: str) -> int:
    """Remove a patient's entries and thumbnails; return how many source files were known.

    Args:
        path: of the index; absent is fine.
        patient: the pseudonym.
    """
    if not path.is_file():
        return 0
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.executescript(memory.SCHEMA)  # an index from before there were such tables
        rows = database.execute("select facts from stored where patient = ?", (patient,)).fetchall()
        names = [(image["id"],) for (facts,) in rows for image in json.loads(facts).get("images", ())]
        database.execute("pragma secure_delete = on")
        database.execute("begin")
        database.executemany("delete from thumbnails where id = ?", names)
        memory.forget(database, [name for (name,) in names])
        database.execute("delete from stored where patient = ?", (patient,))
        database.execute("commit")
        database.execute("pragma wal_checkpoint(truncate)")
    finally:
        database.close()
    return len(rows)
