"""What earlier data versions held: so that who returns keeps the split, and yesterday's test image does not train today.

One SQLite file a use case. A row is written when an image first stands with a patient, a group and a
split, and never again: 20 versions of the same images take the room of one. Nothing is ever changed;
only `forget` removes. A version is recorded in one transaction, so a crash leaves it whole or not there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd

from radloop.errors import IntegrityError
from radloop.use_case import SPLITS

FILE_NAME = "ledger.sqlite"

_SCHEMA = """
create table if not exists versions (number integer primary key, version text not null unique);
create table if not exists images (
    id text not null, patient text not null, "group" text not null, split text not null, used integer not null,
    pixels blob not null, dhash blob not null, first integer not null references versions (number),
    primary key (id, patient, "group", split, used)
) without rowid;
"""
_STATE = ["id", "patient", "group", "split"]
_RANK = "case split " + " ".join(f"when '{split}' then {number}" for number, split in enumerate(SPLITS)) + " end"


def record(folder: Path, frame: pd.DataFrame, version: str) -> int:
    """Remember the images of a data version; return how many were new or in another place. Again does nothing.

    Args:
        folder: of the use case's ledger; made if it is missing.
        frame: the manifest, after the leakage policy. Clips are left out: their frames are there.
        version: the data version.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images = frame[frame["kind"] != "clip"]
    groups = images["group"].where(images["group"].notna(), "")
    used = images["excluded"].isna().astype(int)
    with _opened(folder) as database, database:
        database.execute("begin immediate")
        if database.execute("select 1 from versions where version = ?", (version,)).fetchone():
            return 0
        number = database.execute("insert into versions (version) values (?)", (version,)).lastrowid
        rows = zip(images["id"], images["patient"], groups, images["split"], used, images["pixels"], images["dhash"], strict=True)
        before = database.total_changes
        database.executemany(
            "insert or ignore into images values (?, ?, ?, ?, ?, ?, ?, ?)",
            ((*place, int(use), _bytes(pixels), _bytes(dhash), number) for *place, use, pixels, dhash in rows),
        )
        return database.total_changes - before


def known_splits(folder: Path) -> dict[str, str]:
    """Return the split of every patient of earlier data versions, by pseudonym; without a ledger, none.

    One who stood in two splits belongs to the one nearest to judging, of those whose images were used.
    """
    return _places(folder, "patient")


def known_groups(folder: Path) -> dict[str, str]:
    """Return the split of every group of earlier data versions, by pseudonym."""
    return _places(folder, "group")


def earlier_rows(folder: Path, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Return what earlier data versions used and the present one does not have in the same place; None without a ledger.

    Args:
        folder: of the use case's ledger.
        frame: the present manifest. What the leakage policy dropped counts as present: it is no news.

    Returns:
        columns id, patient, group, split, pixels, dhash and version, the first that held the row; ordered by
        version and id. It is what `radloop.data.leakage.find_leaks` takes as `earlier`.
    """
    if not (folder / FILE_NAME).is_file():
        return None
    query = (
        'select id, patient, "group", split, pixels, dhash, version from images join versions on number = first'
        " where used = 1 order by number, id, patient, split"
    )
    with _opened(folder) as database:
        held = pd.read_sql_query(query, database)
    here = frame[frame["excluded"].isna() | (frame["excluded"] == "leak")]
    present = pd.MultiIndex.from_frame(here[_STATE].astype(object).fillna(""))
    gone = held[~pd.MultiIndex.from_frame(held[_STATE]).isin(present)].reset_index(drop=True)
    for column in ("pixels", "dhash"):
        gone[column] = [bytes(value).hex() for value in gone[column]]
    gone["group"] = pd.Series([group or None for group in gone["group"]], dtype=object)
    return gone


def forget(folder: Path, patient: str) -> int:
    """Remove a patient, overwriting the bytes; return how many rows there were.

    Args:
        patient: the pseudonym.
    """
    if not (folder / FILE_NAME).is_file():
        return 0
    with _opened(folder) as database:
        database.execute("pragma secure_delete = on")
        with database:
            count = database.execute("delete from images where patient = ?", (patient,)).rowcount
        database.execute("vacuum")
    return int(count)


def _places(folder: Path, column: str) -> dict[str, str]:
    if not (folder / FILE_NAME).is_file():
        return {}
    # An image that no split used counts only where there is no other.
    query = f'select "{column}", max(used * 10 + {_RANK}) from images where "{column}" != \'\' group by 1 order by 1'  # noqa: S608
    with _opened(folder) as database:
        return {name: SPLITS[rank % 10] for name, rank in database.execute(query)}


def _bytes(digits: str) -> bytes:
    return bytes.fromhex(digits)


@contextmanager
def _opened(folder: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(folder / FILE_NAME, timeout=60, isolation_level=None)) as database:
            database.execute("pragma synchronous = full")
            database.executescript(_SCHEMA)
            yield database
    except sqlite3.DatabaseError as error:
        raise IntegrityError(
            "tampered_ledger", f"{FILE_NAME} cannot be used ({type(error).__name__})", "restore it from a backup"
        ) from error
