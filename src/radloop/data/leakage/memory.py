"""What earlier searches for near-duplicates compared and found, so that a grown source costs only what is new."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from radloop.data.leakage.duplicates import Look, Pairs, near_pairs, thumbnail_reader
from radloop.images.fingerprint import dhash_bits
from radloop.use_case import Leakage

SCHEMA = """
create table if not exists compared (id text primary key, dhash text not null, recipe text not null) without rowid;
create table if not exists near (
    first text not null, second text not null, distance integer not null, correlation real not null, recipe text not null,
    primary key (first, second)
) without rowid;
"""
_NEW = np.array([[False, True], [True, True]])
"""Known pictures (0) were compared with each other; new ones (1) are compared with all."""


@dataclass(frozen=True)
class NearMemory:
    """Near-duplicates among all pictures that were searched under one recipe; what another one found is forgotten.

    Attributes:
        database: with the tables of `SCHEMA`, outside a transaction.
        recipe: of the thumbnails and the hashes.
    """

    database: sqlite3.Connection
    recipe: str

    def pairs(self, hashes: Mapping[str, str], look: Look, spec: Leakage) -> list[tuple[str, str, int, float]]:
        """Return (name, name, distance, correlation) of the near-duplicates among pictures, sorted by their names.

        Args:
            hashes: the difference hash of each picture, hexadecimal, by its name, which never means another picture.
            look: gives the thumbnails of these pictures, and of those that earlier searches knew.
            spec: what counts as near.
        """
        key = f"{self.recipe}:{spec.hash_distance}:{spec.correlation!r}"
        known = dict(self.database.execute("select id, dhash from compared where recipe = ?", (key,)))
        if not known.keys() >= hashes.keys():
            self._compare(known, hashes, look, spec, key)
        rows = self.database.execute(
            "select first, second, distance, correlation from near where recipe = ? order by first, second", (key,)
        )
        return [row for row in rows if row[0] in hashes and row[1] in hashes]

    def _compare(self, known: Mapping[str, str], hashes: Mapping[str, str], look: Look, spec: Leakage, key: str) -> None:
        """Compare the new pictures with each other and with all known ones, and keep what was found and that it was searched."""
        old = {name: dhash for name, dhash in known.items() if look(name) is not None}
        new = {name: dhash for name, dhash in hashes.items() if name not in old}
        names = [*old, *new]
        parts = np.repeat([0, 1], [len(old), len(new)])
        words = dhash_bits([*old.values(), *new.values()])
        found = near_pairs(thumbnail_reader(look, names), words, parts, _NEW, spec.hash_distance, spec.correlation)
        self.database.execute("begin")
        for table in ("compared", "near"):
            self.database.execute(f"delete from {table} where recipe != ?", (key,))  # noqa: S608 - the names are ours
        self.database.executemany("insert or replace into compared values (?, ?, ?)", ((*item, key) for item in new.items()))
        self.database.executemany("insert or replace into near values (?, ?, ?, ?, ?)", _named(found, names, key))
        self.database.execute("commit")


def _named(found: Pairs, names: list[str], key: str) -> list[tuple[str, str, int, float, str]]:
    columns = (found.first.tolist(), found.second.tolist(), found.distance.tolist(), found.correlation.tolist())
    return [(*sorted((names[a], names[b])), distance, value, key) for a, b, distance, value in zip(*columns, strict=True)]


def forget(database: sqlite3.Connection, names: list[str]) -> None:
    """Remove pictures, within the caller's transaction."""
    rows = [(name,) for name in names]
    database.executemany("delete from compared where id = ?", rows)
    database.executemany("delete from near where first = ?", rows)
    database.executemany("delete from near where second = ?", rows)
