"""The record of answers: segments, one chain each, that survive kills, full disks and erasures."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from radloop.errors import IntegrityError
from radloop.records import answers, chain
from radloop.records.answers import AnswerRecord, blank_patient, check_segments, find, glimpse, last_link, of_patient, segments


@pytest.fixture
def record(tmp_path: Path) -> Iterator[AnswerRecord]:
    record = AnswerRecord(tmp_path)
    yield record
    record.close()


def payloads(folder: Path) -> list[Any]:
    return [item["payload"] for path in segments(folder) for item in chain.read(path) if item["index"]]


def test_what_was_appended_is_read_and_found(tmp_path: Path, record: AnswerRecord) -> None:
    tickets = [record.append({"request_id": f"r{n}"}) for n in range(3)]
    assert tickets == [1, 2, 3]
    assert [payload["request_id"] for payload in payloads(tmp_path)] == ["r0", "r1", "r2"]
    assert find("r1", tmp_path) == {"request_id": "r1"}
    assert find("r3", tmp_path) is None
    assert check_segments(tmp_path) == 3  # without the one that opens the segment


def test_flushed_waits_for_the_disk(record: AnswerRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls, gate = os.fsync, [0], threading.Event()
    first = record.append({"n": 0})
    record.flushed(first).result(5)

    def slow(handle: int) -> None:
        gate.wait(5)
        calls[0] += 1
        real(handle)

    monkeypatch.setattr(answers.os, "fsync", slow)
    futures = [record.flushed(record.append({"n": n})) for n in range(8)]
    time.sleep(0.05)
    assert not any(future.done() for future in futures)
    gate.set()
    for future in futures:
        future.result(5)
    assert calls[0] <= 8
    late = [record.flushed(ticket) for ticket in [record.append({"n": n}) for n in range(8)]]
    for future in late:
        future.result(5)
    assert calls[0] < 16  # several lines share one visit to the disk


def test_the_disk_follows_within_50_ms(record: AnswerRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    record.flushed(record.append({"n": 0})).result(5)
    synced = threading.Event()
    monkeypatch.setattr(answers.os, "fsync", lambda _: synced.set())
    record.append({"n": 1})
    assert answers.FLUSH_SECONDS < 0.05
    assert synced.wait(5)  # nobody asked for it


def test_a_disk_that_fails_is_said_and_left(tmp_path: Path, record: AnswerRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    record.flushed(record.append({"request_id": "r0"})).result(5)
    real = os.fsync

    def fails(_: int) -> None:
        raise OSError("gone")

    monkeypatch.setattr(answers.os, "fsync", fails)
    future = record.flushed(record.append({"request_id": "r1"}))
    with pytest.raises(OSError, match="gone"):
        future.result(5)
    monkeypatch.setattr(answers.os, "fsync", real)
    record.flushed(record.append({"request_id": "r2"})).result(5)
    assert len(segments(tmp_path)) == 2
    assert find("r2", tmp_path) is not None
    check_segments(tmp_path)


def test_a_full_segment_is_followed_by_the_next(tmp_path: Path) -> None:
    record = AnswerRecord(tmp_path, largest=1000)
    for n in range(12):
        record.append({"request_id": f"r{n}", "fill": "x" * 100})
    record.close()
    assert len(segments(tmp_path)) > 2
    assert len(payloads(tmp_path)) == 12
    assert [find(f"r{n}", tmp_path) is not None for n in range(12)] == [True] * 12
    check_segments(tmp_path)


def test_a_missing_segment_and_a_lost_end_are_missed(tmp_path: Path) -> None:
    for n in range(3):
        record = AnswerRecord(tmp_path)
        record.append({"n": n})
        record.append({"n": n})
        record.close()
    first, second, third = segments(tmp_path)
    assert json.loads(third.read_bytes().splitlines()[0])["payload"]["before"] == {
        "segment": second.name,
        "link": last_link(second),
    }
    content = second.read_bytes()
    second.write_bytes(b"".join(content.splitlines(keepends=True)[:-1]))
    with pytest.raises(IntegrityError) as shorter:
        check_segments(tmp_path)
    assert shorter.value.code == "missing_record" and second.name in shorter.value.message
    second.write_bytes(content.replace(b'"n":1', b'"n":7'))
    with pytest.raises(IntegrityError) as edited:
        check_segments(tmp_path)
    assert edited.value.code == "tampered_record"
    second.write_bytes(content)
    check_segments(tmp_path)
    first.unlink()
    with pytest.raises(IntegrityError) as gone:
        check_segments(tmp_path)
    assert gone.value.code == "missing_record" and first.name in gone.value.message


def test_blanking_a_patient_leaves_the_others_and_the_chain_while_lines_are_added(tmp_path: Path, record: AnswerRecord) -> None:
    stop = threading.Event()
    count = [0]

    def write() -> None:
        while not stop.is_set():
            record.append({"request_id": f"r{count[0]}", "patient": "P1" if count[0] % 2 else "P2"})
            count[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    blanked = 0
    while count[0] < 400 or blanked < 20:
        blanked += blank_patient("P1", tmp_path)
    stop.set()
    writer.join()
    blanked += blank_patient("P1", tmp_path)
    found = payloads(tmp_path)
    assert (len(found), found.count(None)) == (count[0], count[0] // 2)
    assert blanked == count[0] // 2
    assert of_patient("P2", tmp_path) == count[0] - count[0] // 2 and of_patient("P1", tmp_path) == 0
    assert find("r1", tmp_path) is None and find("r0", tmp_path) is not None
    assert b"P1" not in b"".join(path.read_bytes() for path in segments(tmp_path))
    assert check_segments(tmp_path) == count[0]


def test_a_tampered_segment_is_not_blanked(tmp_path: Path, record: AnswerRecord) -> None:
    record.append({"patient": "P1"})
    (path,) = segments(tmp_path)
    edited = path.read_bytes().replace(b"P1", b"P9")
    path.write_bytes(edited)
    with pytest.raises(IntegrityError):
        blank_patient("P9", tmp_path)
    assert path.read_bytes() == edited


def test_a_segment_that_was_deleted_is_followed_by_another(tmp_path: Path, record: AnswerRecord) -> None:
    record.append({"request_id": "r0"})
    segments(tmp_path)[0].unlink()
    with pytest.raises(OSError, match="No such file"):
        record.append({"request_id": "r1"})
    record.append({"request_id": "r2"})
    assert len(payloads(tmp_path)) == 1


def test_a_line_that_does_not_fit_leaves_no_part(tmp_path: Path) -> None:
    record = AnswerRecord(tmp_path)
    record.flushed(record.append({"request_id": "r0"})).result(5)
    (path,) = segments(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
        with pytest.raises(OSError, match="full"):
            record.append({"request_id": "r1", "fill": "x" * 1000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes().endswith(b"\n")
    record.append({"request_id": "r2"})
    record.close()
    assert [find(name, tmp_path) is not None for name in ("r0", "r1", "r2")] == [True, False, True]
    check_segments(tmp_path)


WRITER = """
import sys, threading
from pathlib import Path
from radloop.records.answers import AnswerRecord
record = AnswerRecord(Path(sys.argv[1]), largest=20_000)
def write(name):
    n = 0
    while True:
        record.append({"request_id": f"{name}-{n}", "fill": "x" * 300})
        sys.stdout.write(f"{name}-{n}\\n")
        sys.stdout.flush()
        n += 1
for name in ("a", "b"):
    threading.Thread(target=write, args=(f"{sys.argv[2]}{name}",)).start()
"""


def test_killed_in_the_middle_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """What the worker said was recorded is there after SIGKILL, and the next worker goes on."""
    acknowledged: list[str] = []
    for turn in range(5):
        worker = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(turn)], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        acknowledged.append(worker.stdout.readline().strip())
        time.sleep(0.03 * (turn + 1))
        os.kill(worker.pid, signal.SIGKILL)
        # A last line without its end was cut by the kill as well: the acknowledgement did not leave.
        acknowledged += [line.strip() for line in worker.stdout if line.endswith("\n")]
        worker.wait()
        worker.stdout.close()
        torn = segments(tmp_path)[-1]
        with torn.open("ab") as stream:
            stream.write(b'{"digest":"sha256:00')  # whatever the kill left unfinished
    there = {payload["request_id"] for payload in payloads(tmp_path)}
    assert len(acknowledged) > 20
    assert set(acknowledged) <= there
    check_segments(tmp_path)


def test_a_glimpse_finds_requests_without_reading_the_chains(tmp_path: Path) -> None:
    record = AnswerRecord(tmp_path, largest=2000)
    for n in range(20):
        record.append({"request_id": f"r{n}", "fill": "x" * 200, "n": n})
    record.close()
    assert len(segments(tmp_path)) > 3
    found = glimpse(("r0", "r17", "r99"), tmp_path)
    assert {name: [payload["n"] for payload in payloads] for name, payloads in found.items()} == {"r0": [0], "r17": [17]}
    first = segments(tmp_path)[0]
    first.write_bytes(first.read_bytes().replace(b'"n":0', b'"n":9'))
    assert glimpse(("r0",), tmp_path) == {}, "a payload that is not what its digest says is none"
