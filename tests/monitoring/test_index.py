"""The index is what the records say, however it was interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import need

from radloop.errors import ConfigError, IntegrityError, ToolError
from radloop.monitoring.index import ANSWERS, FEEDBACK, SEGMENTS, Index, index_file
from radloop.records.answers import AnswerRecord, answers_folder, blank_patient, segments
from radloop.records.feedback import Given, feedback_folder, payload
from radloop.settings import Settings
from tests.postgres import Postgres, programs
from tests.recorded import answer_payload, refusal, scored, write_segments


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, home=tmp_path / ".radloop")


def everything(settings: Settings) -> list[list[Any]]:
    """Return every row of every table, but for what the file system says of the segments."""
    with Index(settings) as index:
        kept = [column for column in SEGMENTS.columns if column.name not in ("inode", "changed")]
        tables = [sa.select(*kept), sa.select(ANSWERS), sa.select(FEEDBACK)]
        return [sorted(map(repr, index.rows(table))) for table in tables]


def fill(settings: Settings, n: int, **changes: Any) -> None:
    record = AnswerRecord(answers_folder(settings), largest=20_000)
    start = time.time_ns() % 10**9
    for k in range(n):
        record.append(answer_payload(start + k, **changes))
    record.close()


def test_a_row_says_what_the_line_says(settings: Settings) -> None:
    members = {"sex": "F", "age_band": "18-39", "patient": "P1", "abstained": "unsure: too close", "site": "north"}
    record = AnswerRecord(answers_folder(settings))
    record.append(answer_payload(61, **members, **scored(0.75)))
    record.append(answer_payload(62, **refusal("foreign_body_part")))
    record.close()
    labels = AnswerRecord(feedback_folder(settings))
    labels.append(payload(Given("2026-01-02T00:00:00.000000+00:00", ("normal",), "Ito"), answer_payload(61), None, "csv"))
    labels.close()
    with Index(settings) as index:
        assert index.refresh().rows == 3
        (first, second) = index.rows(sa.select(ANSWERS).order_by(ANSWERS.c.line))
        found = dict(zip(ANSWERS.columns.keys(), first, strict=True))
        assert found["at"] == 1767229260000  # 2026-01-01T01:01:00Z
        assert (found["answered"], found["abstained"], found["age_band"], found["site"]) == (True, "unsure", "18-39", "north")
        assert memoryview(found["scores"]).cast("d").tolist() == [0.75] and bytes(found["positive"]) == b"\x01"
        assert (found["members"], found["coverage"]) == ('["tuberculosis"]', 0.9)
        line = segments(answers_folder(settings))[0].read_bytes()[found["start"] : found["start"] + found["length"]]
        assert line.startswith(b'{"digest"') and line.endswith(b"}\n") and f"{61:032x}".encode() in line
        refused = dict(zip(ANSWERS.columns.keys(), second, strict=True))
        assert (refused["answered"], refused["code"], refused["scores"]) == (False, "foreign_body_part", None)
        assert index.rows(sa.select(FEEDBACK.c.labels, FEEDBACK.c.reader)) == [('["normal"]', "Ito")]


def test_only_what_is_new_is_read_and_a_rebuild_gives_the_same(settings: Settings) -> None:
    fill(settings, 30)
    with Index(settings) as index:
        first = index.refresh()
        assert first.rows == 30 and first.segments == len(segments(answers_folder(settings))) > 1
        assert index.refresh().segments == 0
        fill(settings, 5)
        assert index.refresh().rows == 5
    grown = everything(settings)
    with Index(settings) as index:
        index.clear()
        assert index.refresh().rows == 35
    assert everything(settings) == grown


def test_a_segment_that_grows_is_read_on_and_a_torn_line_waits(settings: Settings) -> None:
    folder = answers_folder(settings)
    write_segments(folder, [answer_payload(k) for k in range(6)])
    (path,) = segments(folder)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:100])
    with Index(settings) as index:
        assert index.refresh().rows == 3
        path.write_bytes(whole)
        assert index.refresh().rows == 3
        assert index.rows(sa.select(sa.func.count()).select_from(ANSWERS)) == [(6,)]
        path.write_bytes(whole.replace(b'"uncertainty":1.0', b'"uncertainty":0.0', 1))
        with pytest.raises(IntegrityError, match="line 2"):
            index.refresh()


def test_what_is_erased_or_gone_leaves_the_index(settings: Settings) -> None:
    folder = answers_folder(settings)
    fill(settings, 20, patient="P1")
    fill(settings, 10, patient="P2")
    with Index(settings) as index:
        index.refresh()
        blank_patient("P1", folder)
        index.refresh()
        assert index.rows(sa.select(ANSWERS.c.patient).distinct()) == [("P2",)]
        after = everything(settings)
        index.clear()
        index.refresh()
        assert everything(settings) == after
        segments(folder)[-1].unlink()
        assert index.refresh().gone == 1
    assert len(everything(settings)[1]) < 10


RUN = """
import sys
from pathlib import Path
from radloop.monitoring.index import Index
from radloop.settings import Settings
if __name__ == "__main__":
    settings = Settings(root=Path(sys.argv[1]), home=Path(sys.argv[1]) / ".radloop")
    print("ready", flush=True)
    with Index(settings) as index:
        index.refresh()
    print("done", flush=True)
"""


def test_killed_anywhere_the_next_run_gives_the_same_rows(settings: Settings) -> None:
    write_segments(answers_folder(settings), (answer_payload(k) for k in range(6000)), each=750)
    cut, script = 0, settings.root / "run.py"
    script.write_text(RUN)
    for wait in (0.05, 0.2):
        with subprocess.Popen([sys.executable, str(script), str(settings.root)], stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout is not None and run.stdout.readline() == "ready\n"
            time.sleep(wait)
            os.kill(run.pid, signal.SIGKILL)
            cut += run.stdout.read() == ""
    with Index(settings) as index:
        index.refresh()
    found = everything(settings)
    for path in index_file(settings).parent.glob("index.db*"):
        path.unlink()
    with Index(settings) as index:
        assert index.refresh().rows == 6000
    assert everything(settings) == found and cut > 0


def test_many_segments_are_read_by_other_processes(settings: Settings) -> None:
    write_segments(answers_folder(settings), (answer_payload(k) for k in range(30)), each=3)
    with Index(settings) as index:
        assert index.refresh().rows == 30 and index.refresh().rows == 0
        assert index.rows(sa.select(sa.func.count(sa.distinct(ANSWERS.c.request_id)))) == [(30,)]


def test_a_damaged_file_is_made_anew(settings: Settings) -> None:
    fill(settings, 3)
    path = index_file(settings)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all" * 1000)
    with Index(settings) as index:
        assert index.refresh().rows == 3


def test_an_address_that_is_none(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="RADLOOP_INDEX_URL"):
        Index(settings.model_copy(update={"index_url": "oracle9://x"}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL of its own."""
    pytest.importorskip("psycopg")
    need(all(programs()), "initdb is missing: apt-get install postgresql")
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


def test_postgresql_holds_the_same_rows(settings: Settings, server: Postgres) -> None:
    fill(settings, 25, patient="P1", **scored(0.25))
    fill(settings, 5, **refusal("blank_image"))
    elsewhere = settings.model_copy(update={"index_url": server.url})
    for one in (settings, elsewhere):
        with Index(one) as index:
            assert index.refresh().rows == 30
    assert everything(elsewhere) == everything(settings)
    blank_patient("P1", answers_folder(settings))
    with Index(elsewhere) as index:
        index.refresh()
        assert index.rows(sa.select(sa.func.count()).select_from(ANSWERS)) == [(5,)]


def test_a_server_that_is_killed_loses_nothing_and_says_what_to_do(settings: Settings, server: Postgres) -> None:
    fill(settings, 20)
    elsewhere = settings.model_copy(update={"index_url": server.url})
    with Index(elsewhere) as index:
        index.clear()
        assert index.refresh().rows == 20
        fill(settings, 5)
        server.kill()
        for ask in (index.refresh, lambda: index.rows(sa.select(ANSWERS)), lambda: list(index.blocks(sa.select(ANSWERS)))):
            with pytest.raises(ToolError, match=r"cannot be reached .*") as caught:
                ask()
            assert (caught.value.code, "run the command again" in caught.value.hint) == ("index_unreachable", True)
    with pytest.raises(ToolError, match="cannot be reached"):
        Index(elsewhere)
    server.start()
    with Index(elsewhere) as index:
        assert index.refresh().rows == 5
    with Index(settings) as index:
        index.refresh()
    assert everything(elsewhere) == everything(settings)
