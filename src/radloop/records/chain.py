"""An append-only record: one JSON object a line, each line bound to the one before it.

The chain runs over the digests of the payloads, so that a payload can later be blanked (a patient
erased) and the chain still verifies. Appending takes a file lock, so that several processes may write.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from radloop.errors import IntegrityError
from radloop.records.seal import canonical, digest_document

START = "sha256:" + "0" * 64


def append(path: Path, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Append a payload, durable when this returns; a line torn by a crash is cut off first.

    Returns:
        the whole entry: index, previous (a link digest), digest (of the payload), link, payload.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        content = stream.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            stream.truncate(whole)
        lines = content[:whole].splitlines()
        last: dict[str, Any] = json.loads(lines[-1]) if lines else {"index": -1, "link": START}
        entry = _entry(last["index"] + 1, last["link"], dict(payload))
        stream.seek(0, os.SEEK_END)
        stream.write(canonical(entry))
        stream.flush()
        os.fsync(stream.fileno())
    return entry


def _entry(index: int, previous: str, payload: dict[str, Any]) -> dict[str, Any]:
    digest = digest_document(payload)
    link = digest_document({"index": index, "previous": previous, "digest": digest})
    return {"index": index, "previous": previous, "digest": digest, "link": link, "payload": payload}


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries in order, each verified against the chain.

    Raises:
        IntegrityError: an entry was edited, removed or reordered; the message names its line.
    """
    if not path.is_file():
        return
    previous, index = START, 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return  # torn by a crash in the middle of a write: it was never acknowledged
            entry = _checked(line, index, previous)
            if entry is None:
                raise IntegrityError(
                    "tampered_record",
                    f"record: line {number} of {path.name} breaks the chain",
                    "restore the record from a backup",
                )
            yield entry
            previous, index = entry["link"], index + 1


def _checked(line: bytes, index: int, previous: str) -> dict[str, Any] | None:
    try:
        entry = dict(json.loads(line))
        blank = entry["payload"] is None
        link = digest_document({"index": index, "previous": previous, "digest": entry["digest"]})
        whole = blank or digest_document(entry["payload"]) == entry["digest"]
        same = entry["index"] == index and entry["previous"] == previous and entry["link"] == link
        return entry if whole and same and canonical(entry) == line else None
    except (ValueError, KeyError, TypeError):
        return None
