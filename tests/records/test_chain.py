"""The append-only record."""

from __future__ import annotations

import json
from multiprocessing import get_context
from pathlib import Path

import pytest

from radloop.errors import IntegrityError
from radloop.records import chain
from radloop.records.seal import canonical


def _append_many(path: Path, name: str) -> None:
    for number in range(20):
        chain.append(path, {"who": name, "n": number})


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "records" / "decisions.jsonl"
    for number in range(3):
        chain.append(path, {"n": number})
    assert [entry["payload"]["n"] for entry in chain.read(path)] == [0, 1, 2]
    assert list(chain.read(tmp_path / "none")) == []


def test_any_edit_removal_or_swap_breaks_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    for number in range(4):
        chain.append(path, {"n": number})
    lines = path.read_bytes().splitlines(keepends=True)
    edits = {
        "edited": [lines[0], lines[1].replace(b'"n":1', b'"n":7'), *lines[2:]],
        "removed": [lines[0], *lines[2:]],
        "swapped": [lines[0], lines[2], lines[1], lines[3]],
    }
    for edited in edits.values():
        path.write_bytes(b"".join(edited))
        with pytest.raises(IntegrityError, match="line 2"):
            list(chain.read(path))


def test_a_blanked_payload_still_verifies(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    for number in range(3):
        chain.append(path, {"n": number})
    entries = [json.loads(line) for line in path.read_bytes().splitlines()]
    entries[1]["payload"] = None
    path.write_bytes(b"".join(canonical(entry) for entry in entries))
    assert [entry["payload"] for entry in chain.read(path)] == [{"n": 0}, None, {"n": 2}]


def test_a_line_torn_by_a_crash_is_cut_off_by_the_next_append(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    chain.append(path, {"n": 0})
    with path.open("ab") as stream:
        stream.write(b'{"index":1,"payl')
    assert len(list(chain.read(path))) == 1
    chain.append(path, {"n": 1})
    assert [entry["payload"]["n"] for entry in chain.read(path)] == [0, 1]


def test_several_processes_append_without_losing_one(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    context = get_context("fork")
    writers = [context.Process(target=_append_many, args=(path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entries = list(chain.read(path))
    assert len(entries) == 40
    assert [entry["payload"]["n"] for entry in entries if entry["payload"]["who"] == "a"] == list(range(20))
