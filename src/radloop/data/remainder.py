"""What is left of a data version without one patient: pure functions of its files' bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from radloop.data.manifest import FILE_NAME, PARQUET
from radloop.data.objects import digest, listing_bytes
from radloop.records.seal import canonical


@dataclass(frozen=True)
class Reduced:
    """A manifest without a patient's rows.

    Attributes:
        content: the new file; equal input gives equal bytes.
        rows: how many rows went.
        paths: the stored files, images and masks, that no row names any more.
        words: ids, hashes and pseudonyms of the rows that went, for finding them in other files.
    """

    content: bytes
    rows: int
    paths: frozenset[str]
    words: frozenset[str]


def reduced_manifest(content: bytes, patient: str) -> Reduced | None:
    """Return a manifest without a patient, None where it does not name them.

    Raises:
        pyarrow.ArrowException: the bytes are no Parquet file.
    """
    table = pq.read_table(BytesIO(content))
    theirs = pc.equal(table["patient"], patient)
    gone, left = table.filter(theirs), table.filter(pc.invert(theirs))
    if not len(gone):
        return None
    stream = BytesIO()
    pq.write_table(left, stream, **PARQUET)
    names = [name for name in ("id", "clip", "patient", "sha256", "pixels") if name in gone.column_names]
    words = {str(word) for name in names for word in gone[name].to_pylist() if word}
    kept = {word for name in names for word in left[name].to_pylist()}
    files = [name for name in ("path", "mask") if name in gone.column_names]
    paths = {path for name in files for path in gone[name].to_pylist() if path}
    paths -= {path for name in files for path in left[name].to_pylist()}
    return Reduced(stream.getvalue(), len(gone), frozenset(paths), frozenset(words - kept))


def reduced_notes(content: bytes, words: Set[str]) -> bytes | None:
    """Return a JSON file without the members that name a row that went, None where it names none.

    A list's member goes whole: a leak between two rows is none without one of them.
    """
    if not any(word.encode() in content for word in words):
        return None
    try:
        document = json.loads(content)
    except ValueError:
        return b""
    return canonical(_without(document, words))


def _without(value: Any, words: Set[str]) -> Any:
    if isinstance(value, list):
        return [item for item in value if not _names(item, words)]
    if isinstance(value, dict):
        return {key: _without(item, words) for key, item in value.items() if key not in words}
    return None if isinstance(value, str) and value in words else value


def _names(value: Any, words: Set[str]) -> bool:
    if isinstance(value, list):
        return any(_names(item, words) for item in value)
    if isinstance(value, dict):
        return any(key in words or _names(item, words) for key, item in value.items())
    return value in words if isinstance(value, str) else False


@dataclass(frozen=True)
class Touched:
    """A data version that holds a patient, and what has to go of it.

    Attributes:
        rest: the version of what is left.
        files: md5 by path of the patient's files.
        replaced: identifiers of the objects that tell of the patient beside files: manifest, notes, listing.
        rows: how many rows go.
        words: see `Reduced`.
    """

    rest: str
    files: Mapping[str, str]
    replaced: frozenset[str]
    rows: int
    words: frozenset[str]


@dataclass(frozen=True)
class Remainder:
    """What is left of a data version: a version of its own.

    Attributes:
        touched: what it is the rest of.
        objects: the bytes of the new objects by identifier, the listing last.
        listing: md5 by path.
    """

    touched: Touched
    objects: Mapping[str, bytes]
    listing: Mapping[str, str]


def remainder(version: str, listing: Mapping[str, str], reduced: Reduced, notes: Mapping[str, bytes]) -> Remainder:
    """Return what is left of a version.

    Args:
        version: its identifier.
        listing: md5 by path.
        reduced: its manifest without the patient.
        notes: the new bytes of the JSON files that named one of the patient's rows, by path.
    """
    files = {path: listing[path] for path in reduced.paths if path in listing}
    fresh = {FILE_NAME: reduced.content, **notes}
    left = {path: identifier for path, identifier in listing.items() if path not in files}
    left |= {path: digest(content) for path, content in fresh.items()}
    written = listing_bytes(left)
    rest = digest(written) + ".dir"
    objects = {digest(content): content for content in fresh.values()} | {rest: written}
    replaced = frozenset({version, *(listing[path] for path in fresh)})
    return Remainder(Touched(rest, files, replaced, reduced.rows, reduced.words), objects, left)
