"""The record of answers: one entry an answer or refusal, in hash-chained segments (see `radloop.records.chain`).

Each worker appends to segments of its own, so that workers never wait for each other, and begins a new one when it
starts and when one is full. The first entry of a segment names the newest other segment and its last link: a segment
that goes missing, or loses its end, is missed by the next one. The end of the newest segment alone rests on the file
system, as the end of every such chain does.
"""

from __future__ import annotations

import json
import logging
import mmap
import os
import re
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radloop.errors import IntegrityError
from radloop.records import chain
from radloop.records.seal import canonical, digest_document
from radloop.settings import Settings

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

FLUSH_SECONDS = 0.02
"""How long lines gather before they are forced to the disk together: far below the 50 ms that are promised."""
LARGEST = 16_000_000
"""Bytes from which a segment is full: an erasure rewrites one in a fraction of a second, and answers wait that long."""
_TAIL = 65_536
_REQUEST = re.compile(rb'"request_id":"([^"]{1,64})"')


def answers_folder(settings: Settings) -> Path:
    """Return the folder of the record's segments."""
    return settings.place / "records" / "answers"


def shadow_folder(settings: Settings) -> Path:
    """Return the folder of the segments of what shadows answered: under the requests' own ids, and shown to nobody."""
    return settings.place / "records" / "shadow"


class AnswerRecord:
    """This process's end of the record; several threads may append at once.

    A payload that was appended was handed to the operating system: it survives the process, however it ends. The disk
    follows within 50 ms; `flushed` tells when.

    Example:
        >>> record = AnswerRecord(answers_folder(settings))        # doctest: +SKIP
        >>> record.append({"request_id": "…"})                     # doctest: +SKIP
    """

    def __init__(self, folder: Path, largest: int = LARGEST) -> None:
        """Open nothing yet.

        Args:
            folder: of the segments; made where there is none.
            largest: bytes from which a segment is full.
        """
        self._folder = folder
        self._largest = largest
        self._worker = uuid.uuid4().hex[:8]
        self._segment: _Segment | None = None
        self._guard = threading.Lock()
        self._dirty, self._hurry = threading.Condition(self._guard), threading.Condition(self._guard)
        self._written = self._flushed = 0
        self._waiting: list[tuple[int, Future[None]]] = []
        self._closed = False
        self._flusher: threading.Thread | None = None

    def append(self, payload: Mapping[str, Any]) -> int:
        """Hand a payload to the operating system.

        Args:
            payload: a JSON object without NaN.

        Returns:
            a ticket for `flushed`.

        Raises:
            OSError: it could not be written; nothing of it is in the record.
        """
        with self._guard:
            if self._closed:
                raise OSError("the record is closed")
            try:
                self._ready().append(payload)
            except OSError:
                self._segment = None  # whatever is wrong with it, the next payload begins a new one
                raise
            self._written += 1
            self._dirty.notify()
            return self._written

    def flushed(self, ticket: int) -> Future[None]:
        """Return what is done once a ticket's payload is on the disk; it has the disk's error where it never gets there."""
        future: Future[None] = Future()
        with self._guard:
            if ticket <= self._flushed:
                future.set_result(None)
            else:
                self._waiting.append((ticket, future))
                self._hurry.notify()
        return future

    def close(self) -> None:
        """Force what was appended to the disk and append no more."""
        with self._guard:
            self._closed = True
            self._dirty.notify()
            self._hurry.notify()
        if self._flusher is not None:
            self._flusher.join()

    def _ready(self) -> _Segment:
        """Return the segment that takes the next line."""
        if self._segment is not None and self._segment.size >= self._largest:
            self._segment.flush()
            self._segment = None
        if self._segment is None:
            self._segment = _Segment(self._folder, self._worker)
        if self._flusher is None:
            self._flusher = threading.Thread(target=self._flush_for_ever, name="radloop-record", daemon=True)
            self._flusher.start()
        return self._segment

    def _flush_for_ever(self) -> None:
        while True:
            with self._guard:
                while self._written == self._flushed and not self._closed:
                    self._dirty.wait()
                if self._written == self._flushed:
                    return
                if not self._waiting and not self._closed:
                    self._hurry.wait(FLUSH_SECONDS)
                ticket, segment = self._written, self._segment
            error: OSError | None = None
            try:
                if segment is not None:
                    segment.flush()
            except OSError as failed:
                error = failed
            with self._guard:
                self._settle(ticket, error)

    def _settle(self, ticket: int, error: OSError | None) -> None:
        self._flushed = ticket
        if error is not None:
            self._segment = None  # what a disk that failed once still holds is not known
            logger.error("the record of answers could not be forced to the disk: %s", type(error).__name__)
        done = [item for item in self._waiting if item[0] <= ticket]
        self._waiting = [item for item in self._waiting if item[0] > ticket]
        for _, future in done:
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


class _Segment:
    """The end of one segment; its opening entry is written and on the disk."""

    def __init__(self, folder: Path, worker: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = newest(folder)
        if before is not None:
            _flush(before)  # what is named here must not be lost with the power
        now = datetime.now(UTC)
        self._path = folder / f"{now:%Y%m%dT%H%M%S.%fZ}-{worker}.jsonl"
        self._index, self._link, self.size = 0, chain.START, 0
        named = {"segment": before.name, "link": last_link(before)} if before else None
        self.append({"kind": "segment", "time": now.isoformat(timespec="milliseconds"), "worker": worker, "before": named})
        self.flush()
        _flush(folder)

    def append(self, payload: Mapping[str, Any]) -> None:
        """Write one whole line or nothing; an erasure at work on the file is waited for."""
        made = chain.entry(self._index, self._link, payload)
        line = canonical(made)
        with chain.locked(self._path, create=self._index == 0) as handle:
            end = os.lseek(handle, 0, os.SEEK_END)
            try:
                whole = os.write(handle, line) == len(line)
            except OSError:
                whole = False
            if not whole:
                os.ftruncate(handle, end)
                raise OSError("the disk is full or failed")
        self._index, self._link, self.size = made["index"] + 1, made["link"], end + len(line)

    def flush(self) -> None:
        """Force what was written to the disk."""
        _flush(self._path)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def segments(folder: Path) -> list[Path]:
    """Return the segments, the oldest first."""
    return sorted(folder.glob("*.jsonl"))


def newest(folder: Path) -> Path | None:
    """Return the segment that was begun last, None where there is none."""
    return max(folder.glob("*.jsonl"), default=None)


def last_link(path: Path) -> str:
    """Return the link of a segment's last whole line, `chain.START` where it has none; nothing is verified."""
    with path.open("rb") as stream:
        end, tail = stream.seek(0, os.SEEK_END), b""
        while end > 0 and tail[: tail.rfind(b"\n")].count(b"\n") < 1:
            start = max(0, end - _TAIL)
            stream.seek(start)
            tail, end = stream.read(end - start) + tail, start
    lines = tail[: tail.rfind(b"\n") + 1].splitlines()
    try:
        return str(json.loads(lines[-1])["link"]) if lines else chain.START
    except (ValueError, KeyError, TypeError):
        return chain.START  # damaged: whoever reads the segment is told


def find(request_id: str, folder: Path) -> dict[str, Any] | None:
    """Return the payload of a request, its segment verified; None where there is none, or it was blanked.

    Raises:
        IntegrityError: `tampered_record`.
    """
    word = f'"request_id":"{request_id}"'.encode()
    for path in reversed(segments(folder)):
        if not _mentions(path, word):
            continue
        for item in chain.read(path):
            payload = item["payload"]
            if payload is not None and payload.get("request_id") == request_id:
                return dict(payload)
    return None


def glimpse(request_ids: Collection[str], folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the payloads of some requests, in the record's order; only their own digests are verified, not the chain.

    A gigabyte is looked through in about a second. It stops with the first segment, from the newest back, that leaves no
    request to be found; see `every`.
    """
    wanted = {name.encode() for name in request_ids}
    found: dict[str, list[dict[str, Any]]] = {}
    for path in reversed(segments(folder)):
        if not wanted - {name.encode() for name in found}:
            break
        for name, payloads in _glimpsed(wanted, path).items():
            found[name] = payloads + found.get(name, [])
    return found


def every(request_ids: Collection[str], folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what `glimpse` does, from all segments: of a record in which a request may stand more than once."""
    wanted = {name.encode() for name in request_ids}
    found: dict[str, list[dict[str, Any]]] = {}
    for path in segments(folder):
        for name, payloads in _glimpsed(wanted, path).items():
            found[name] = found.get(name, []) + payloads
    return found


def _glimpsed(wanted: Collection[bytes], path: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            return found
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
            for match in _REQUEST.finditer(text):
                if match[1] in wanted:
                    payload = _own(text[text.rfind(b"\n", 0, match.start()) + 1 : text.find(b"\n", match.end()) + 1])
                    if payload is not None and payload.get("request_id") == match[1].decode():
                        found.setdefault(match[1].decode(), []).append(payload)
    return found


def _own(line: bytes) -> dict[str, Any] | None:
    """Return the payload of a whole line that carries its digest."""
    try:
        entry = json.loads(line)
        payload = entry["payload"]
        return dict(payload) if payload is not None and digest_document(payload) == entry["digest"] else None
    except (ValueError, KeyError, TypeError):
        return None


def of_patient(pseudonym: str, folder: Path) -> int:
    """Return how many payloads name a patient."""
    return sum(_theirs(item["payload"], pseudonym) for path in _naming(pseudonym, folder) for item in chain.read(path))


def blank_patient(pseudonym: str, folder: Path) -> int:
    """Blank every payload that names a patient and return how many; the chains still verify.

    Raises:
        IntegrityError: `tampered_record`: a segment was edited; it stays as it is.
    """
    return sum(chain.blank(path, lambda payload: _theirs(payload, pseudonym)) for path in _naming(pseudonym, folder))


def count_before(limit: datetime, folder: Path) -> int:
    """Return how many payloads were recorded before a moment."""
    return sum(_older(item["payload"], limit) for path in _begun_before(limit, folder) for item in chain.read(path))


def blank_before(limit: datetime, folder: Path) -> int:
    """Blank every payload that was recorded before a moment and return how many; the chains still verify.

    Raises:
        IntegrityError: `tampered_record`: a segment was edited; it stays as it is.
    """
    return sum(chain.blank(path, lambda payload: _older(payload, limit)) for path in _begun_before(limit, folder))


def check_segments(folder: Path) -> int:
    """Verify every segment, and that none is missing; return how many entries there are, those that open a segment left out.

    Raises:
        IntegrityError: `tampered_record` or `missing_record`.
    """
    named: dict[str, tuple[str, str]] = {}
    links: dict[str, set[str]] = {}
    for path in segments(folder):
        links[path.name] = {chain.START}
        for item in chain.read(path):
            links[path.name].add(item["link"])
            before = (item["payload"] or {}).get("before") if item["index"] == 0 else None
            if before:
                named[path.name] = (before["segment"], before["link"])
    for name, (segment, link) in named.items():
        if link not in links.get(segment, ()):
            raise IntegrityError(
                "missing_record", f"record: {segment} is missing or lost its end, {name} says", "restore it from a backup"
            )
    return sum(max(len(found) - 2, 0) for found in links.values())


def _naming(pseudonym: str, folder: Path) -> Iterator[Path]:
    word = f'"patient":"{pseudonym}"'.encode()
    return (path for path in segments(folder) if _mentions(path, word))


def _begun_before(limit: datetime, folder: Path) -> Iterator[Path]:
    """Yield the segments whose name says that they may hold something older."""
    return (path for path in segments(folder) if path.name < f"{limit.astimezone(UTC):%Y%m%dT%H%M%S}")


def _older(payload: Mapping[str, Any] | None, limit: datetime) -> bool:
    """Tell whether a payload was recorded before a moment; what opens a segment stays, the chain is checked by it."""
    if payload is None or payload.get("kind") == "segment":
        return False
    return datetime.fromisoformat(payload["time"]) < limit


def _mentions(path: Path, word: bytes) -> bool:
    with path.open("rb") as stream:
        return any(word in line for line in stream)


def _theirs(payload: Mapping[str, Any] | None, pseudonym: str) -> bool:
    return payload is not None and payload.get("patient") == pseudonym
