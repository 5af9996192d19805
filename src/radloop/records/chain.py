"""An append-only record: one JSON object a line, each line bound to the one before it.

The chain runs over the digests of the payloads, so that a payload can later be blanked (a patient
erased) and the chain still verifies. Appending takes a file lock, so that several processes may write.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from radloop.errors import IntegrityError
from radloop.records.seal import canonical, digest_bytes, digest_document, write_atomic

START = "sha256:" + "0" * 64

_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_WIDTH = len(START)

_READ = 1 << 20
"""Bytes that are read at once."""


class Place(NamedTuple):
    """A point between two lines of a record.

    Attributes:
        read: bytes before it.
        entries: lines before it.
        link: of the last of them.
    """

    read: int = 0
    entries: int = 0
    link: str = START


class Line(NamedTuple):
    """One verified line.

    Attributes:
        start: its first byte in the file.
        length: bytes, its end included.
        body: the payload's canonical JSON, which whoever wants it parses; None where it was blanked.
        after: the place behind it.
    """

    start: int
    length: int
    body: bytes | None
    after: Place


def append(path: Path, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Append a payload, durable when this returns; a line torn by a crash is cut off first.

    Returns:
        the whole entry: index, previous (a link digest), digest (of the payload), link, payload.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path) as handle, os.fdopen(os.dup(handle), "r+b") as stream:
        content = stream.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            stream.truncate(whole)
        lines = content[:whole].splitlines()
        last: dict[str, Any] = json.loads(lines[-1]) if lines else {"index": -1, "link": START}
        made = entry(last["index"] + 1, last["link"], payload)
        stream.seek(0, os.SEEK_END)
        stream.write(canonical(made))
        stream.flush()
        os.fsync(stream.fileno())
    return made


@contextmanager
def locked(path: Path, *, create: bool = True) -> Iterator[int]:
    """Hold a record's lock and yield a descriptor of it, at its start.

    Blanking replaces the file: who waited for the lock of the old one goes on with the new one.

    Args:
        path: of the record.
        create: make the file where there is none.

    Raises:
        OSError: it cannot be opened.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if is_at(handle, path):
                yield handle
                return
        finally:
            os.close(handle)


def is_at(handle: int, path: Path) -> bool:
    """Tell whether an open file still is the one at a path."""
    try:
        there = os.stat(path)  # noqa: PTH116 - asked at every answer: no Path object's detour
    except FileNotFoundError:
        return False
    here = os.fstat(handle)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def entry(index: int, previous: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a payload.

    Args:
        index: how many entries stand before it.
        previous: the link of the last of them, `START` where there is none.
        payload: a JSON object without NaN.

    Raises:
        ValueError: the payload holds a NaN.
    """
    digest = digest_document(dict(payload))
    link = digest_document({"index": index, "previous": previous, "digest": digest})
    return {"index": index, "previous": previous, "digest": digest, "link": link, "payload": dict(payload)}


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries in order, each verified against the chain.

    Raises:
        IntegrityError: an entry was edited, removed or reordered; the message names its line.
    """
    if not path.is_file():
        return
    with path.open("rb") as stream:
        yield from _read(stream, path.name)


def follow(path: Path, place: Place) -> Iterator[Line]:
    """Yield the whole lines behind a place, each verified against the chain.

    It hashes the bytes of a payload as they stand, which is what makes a million lines a matter of seconds.

    Raises:
        IntegrityError: a line does not continue what stood before the place.
    """
    with path.open("rb", buffering=_READ) as stream:
        stream.seek(place.read)
        for text in stream:
            if not text.endswith(b"\n"):
                return  # being written, or torn by a crash: it was never acknowledged
            found = _followed(text, place)
            if found is None:
                raise IntegrityError(
                    "tampered_record",
                    f"record: line {place.entries + 1} of {path.name} breaks the chain",
                    "restore the record from a backup",
                )
            yield found
            place = found.after


def _followed(text: bytes, place: Place) -> Line | None:
    """Return a line that is canonical and continues the chain, None of any other.

    Its members stand in one order, and all but the payload have one length: they are cut out by place. A regular expression over
    4 kB took as long as hashing them.
    """
    digest = text[11 : 11 + _WIDTH]
    head = b'{"digest":"%b","index":%d,"link":"' % (digest, place.entries)
    tail = b',"previous":"%b"}\n' % place.link.encode()
    start = len(head) + _WIDTH + 12
    if not (text.startswith(head) and text[start - 12 : start] == b'","payload":' and text.endswith(tail)):
        return None
    link, body = text[len(head) : start - 12].decode("ascii", "replace"), text[start : -len(tail)]
    if not _DIGEST.fullmatch(digest) or digest_bytes(b'{"digest":"%b","index":%d%b' % (digest, place.entries, tail)) != link:
        return None
    if body != b"null" and digest_bytes(body + b"\n") != digest.decode():
        return None
    after = Place(place.read + len(text), place.entries + 1, link)
    return Line(place.read, len(text), None if body == b"null" else body, after)


def blank(path: Path, chosen: Callable[[Mapping[str, Any]], bool]) -> int:
    """Empty the chosen payloads; their digests and links stay, and the chain still verifies.

    The file is replaced in one rename, durable when this returns. Whoever appends waits meanwhile.

    Returns:
        how many payloads were emptied.

    Raises:
        IntegrityError: an entry was edited, removed or reordered; nothing is changed.
    """
    with locked(path, create=False) as handle, os.fdopen(os.dup(handle), "rb") as stream:
        entries = list(_read(stream, path.name))
        found = [item for item in entries if item["payload"] is not None and chosen(item["payload"])]
        for item in found:
            item["payload"] = None
        if found:
            write_atomic(path, b"".join(canonical(item) for item in entries))
    return len(found)


def _read(lines: Iterable[bytes], name: str) -> Iterator[dict[str, Any]]:
    previous, index = START, 0
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            return  # torn by a crash in the middle of a write: it was never acknowledged
        found = _checked(line, index, previous)
        if found is None:
            raise IntegrityError(
                "tampered_record", f"record: line {number} of {name} breaks the chain", "restore the record from a backup"
            )
        yield found
        previous, index = found["link"], index + 1


def _checked(line: bytes, index: int, previous: str) -> dict[str, Any] | None:
    try:
        found = dict(json.loads(line))
        is_blank = found["payload"] is None
        link = digest_document({"index": index, "previous": previous, "digest": found["digest"]})
        whole = is_blank or digest_document(found["payload"]) == found["digest"]
        same = found["index"] == index and found["previous"] == previous and found["link"] == link
        return found if whole and same and canonical(found) == line else None
    except (ValueError, KeyError, TypeError):
        return None
