"""The index of the records: tables to ask, worked out from the chained segments and never the truth itself.

SQLite in the home by default, PostgreSQL by `RADLOOP_INDEX_URL`. `Index.refresh` reads only lines that are new; each
segment's rows and how far it was read are written in one transaction, so that a kill leaves what a whole run gives once
it is repeated. A segment that an erasure rewrote is read anew, one that is gone loses its rows, and without its tables
the index is built from nothing. Embeddings stay in the segments: a row says where its line stands.

| table | one row |
|---|---|
| `radloop1_segments` | a segment of a record, and up to where it was read |
| `radloop1_answers` | an answer or refusal |
| `radloop1_shadows` | what a shadow answered, or refused, to the request of the same id |
| `radloop1_feedback` | a label that a reader gave |
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa

from radloop.errors import ConfigError, IntegrityError, ToolError
from radloop.monitoring.rows import Row, read_segment, serve
from radloop.records import chain
from radloop.records.answers import answers_folder, segments, shadow_folder
from radloop.records.chain import Place
from radloop.records.feedback import feedback_folder
from radloop.settings import Settings

_META = sa.MetaData()

SEGMENTS = sa.Table(
    "radloop1_segments",
    _META,
    sa.Column("record", sa.String(16), primary_key=True),
    sa.Column("segment", sa.String(64), primary_key=True),
    sa.Column("inode", sa.BigInteger, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("read", sa.BigInteger, nullable=False),
    sa.Column("entries", sa.Integer, nullable=False),
    sa.Column("link", sa.String(80), nullable=False),
)


def _requests(name: str) -> sa.Table:
    """Return a table of answers and refusals."""
    return sa.Table(
        name,
        _META,
        sa.Column("segment", sa.String(64), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False, index=True),
        sa.Column("answered", sa.Boolean, nullable=False),
        sa.Column("use_case", sa.String(128)),
        sa.Column("bundle", sa.String(80)),
        sa.Column("version", sa.Integer),
        sa.Column("code", sa.String(64)),
        sa.Column("abstained", sa.String(64)),
        sa.Column("site", sa.String(64)),
        sa.Column("sex", sa.String(8)),
        sa.Column("age_band", sa.String(16)),
        sa.Column("patient", sa.String(128)),
        sa.Column("file", sa.String(16)),
        sa.Column("scores", sa.LargeBinary),
        sa.Column("positive", sa.LargeBinary),
        sa.Column("coverage", sa.Float(53)),
        sa.Column("members", sa.Text),
        sa.Column("uncertainty", sa.Float(53)),
        sa.Column("quality", sa.LargeBinary),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Index(f"{name}_of", "use_case", "bundle", "at", "request_id"),
    )


ANSWERS = _requests("radloop1_answers")
SHADOWS = _requests("radloop1_shadows")
FEEDBACK = sa.Table(
    "radloop1_feedback",
    _META,
    sa.Column("segment", sa.String(64), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("time", sa.String(40), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False, index=True),
    sa.Column("use_case", sa.String(128), nullable=False),
    sa.Column("bundle", sa.String(80), nullable=False),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("reader", sa.String(64)),
    sa.Column("settles", sa.Boolean, nullable=False),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("length", sa.Integer, nullable=False),
)
_TABLES = {"answers": ANSWERS, "shadow": SHADOWS, "feedback": FEEDBACK}
_APART = 8
"""With more segments than this to read, other processes verify and parse them."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did.

    Attributes:
        rows: that were written.
        segments: that were read.
        gone: segments whose rows went.
    """

    rows: int
    segments: int
    gone: int


@dataclass(frozen=True, slots=True)
class _Job:
    """One segment to read: from a place, or anew from its start."""

    record: str
    path: Path
    status: tuple[int, int, int]
    place: Place


def index_file(settings: Settings) -> Path:
    """Return the embedded index."""
    return settings.place / "monitoring" / "index.db"


class Index:
    """The tables of one installation.

    Example:
        >>> with Index(settings) as index:                       # doctest: +SKIP
        ...     index.refresh()
        ...     index.rows(sa.select(sa.func.count()).select_from(ANSWERS))
    """

    def __init__(self, settings: Settings) -> None:
        """Open the database and make its tables where they are missing.

        Raises:
            ConfigError: `invalid_setting`: the URL is none that a driver is installed for.
            ToolError: `index_unreachable`.
        """
        self._settings = settings
        self._engine = _engine(settings)
        try:
            with _reached():
                _META.create_all(self._engine)
        except ToolError:
            self._engine.dispose()
            raise
        except (sa.exc.DatabaseError, sqlite3.DatabaseError):
            if settings.index_url:
                raise
            _begin_anew(settings)  # the file is damaged; everything in it stands in the records
            _META.create_all(self._engine)

    def __enter__(self) -> Index:
        """Return it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections."""
        self._engine.dispose()

    def refresh(self) -> Refreshed:
        """Read what is new in the records; one process at a time, others wait.

        Raises:
            IntegrityError: `tampered_record`: a segment was edited; its rows stay what they were.
            ToolError: `index_unreachable`: the database went away; what was read up to then stays, and the next refresh goes on.
        """
        lock = index_file(self._settings).with_suffix(".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with chain.locked(lock), _reached():
            rows = read = gone = 0
            for record, folder in _folders(self._settings).items():
                jobs, lost = self._jobs(record, folder)
                for name in lost:
                    self._forget(record, name)
                for job, (since, found, place) in _read(jobs):
                    self._write(job, since, found, place)
                    rows += len(found)
                read, gone = read + len(jobs), gone + len(lost)
            return Refreshed(rows, read, gone)

    def clear(self) -> None:
        """Forget everything; the next refresh reads all."""
        with _reached(), self._engine.begin() as connection:
            for table in (SEGMENTS, *_TABLES.values()):
                connection.execute(table.delete())

    def rows(self, question: sa.Select[Any]) -> list[Sequence[Any]]:
        """Return the answer to a question as a list.

        Raises:
            ToolError: `index_unreachable`.
        """
        with _reached(), self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(question)]

    def blocks(self, question: sa.Select[Any], size: int = 20_000) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield the answer to a question in blocks: a million rows at once would take a gigabyte.

        Raises:
            ToolError: `index_unreachable`.
        """
        with _reached(), self._engine.connect().execution_options(stream_results=True, max_row_buffer=size) as connection:
            found = connection.execute(question)
            while block := found.fetchmany(size):
                yield block

    def _jobs(self, record: str, folder: Path) -> tuple[list[_Job], list[str]]:
        with self._engine.connect() as connection:
            known = {row.segment: row for row in connection.execute(sa.select(SEGMENTS).where(SEGMENTS.c.record == record))}
        jobs, there = [], set()
        for path in segments(folder):
            status = os.stat(path)  # noqa: PTH116 - thousands of them
            there.add(path.name)
            seen, now = known.get(path.name), (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen is not None and (seen.inode, seen.changed, seen.size) == now:
                continue
            grown = seen is not None and seen.inode == now[0] and now[2] > seen.size
            place = Place(seen.read, seen.entries, seen.link) if seen is not None and grown else Place()
            jobs.append(_Job(record, path, now, place))
        return jobs, sorted(set(known) - there)

    def _write(self, job: _Job, since: Place, rows: list[Row], place: Place) -> None:
        table, name = _TABLES[job.record], job.path.name
        with self._engine.begin() as connection:
            if not since.entries:
                connection.execute(table.delete().where(table.c.segment == name))
            _insert(connection, table, rows)
            connection.execute(SEGMENTS.delete().where(SEGMENTS.c.record == job.record, SEGMENTS.c.segment == name))
            status = dict(zip(("inode", "changed", "size"), job.status, strict=True))
            after = {"read": place.read, "entries": place.entries, "link": place.link}
            connection.execute(SEGMENTS.insert().values(record=job.record, segment=name, **status, **after))

    def _forget(self, record: str, name: str) -> None:
        table = _TABLES[record]
        with self._engine.begin() as connection:
            connection.execute(table.delete().where(table.c.segment == name))
            connection.execute(SEGMENTS.delete().where(SEGMENTS.c.record == record, SEGMENTS.c.segment == name))


@contextmanager
def _reached() -> Iterator[None]:
    """Say of a database that cannot be reached, or goes away in the middle, what to do about it.

    Raises:
        ToolError: `index_unreachable`.
    """
    try:
        yield
    except sa.exc.OperationalError as error:
        raise ToolError(
            "index_unreachable",
            f"the index cannot be reached ({type(error.orig).__name__})",
            "check RADLOOP_INDEX_URL and its server, then run the command again: nothing is lost",
        ) from None


def _folders(settings: Settings) -> dict[str, Path]:
    """Return where the segments of each record lie."""
    return {"answers": answers_folder(settings), "shadow": shadow_folder(settings), "feedback": feedback_folder(settings)}


def _read(jobs: list[_Job]) -> Iterator[tuple[_Job, tuple[Place, list[Row], Place]]]:
    if len(jobs) <= _APART:
        yield from ((job, _read_one(job)) for job in jobs)
        return
    workers, context = min(os.cpu_count() or 1, len(jobs), 8), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=serve, initargs=(os.getpid(),)) as pool:
        waiting = [(job, pool.submit(_read_one, job)) for job in jobs[:16]]
        rest = iter(jobs[16:])
        while waiting:
            job, future = waiting.pop(0)
            found = future.result()
            waiting.extend((job, pool.submit(_read_one, job)) for job in _next(rest))
            yield job, found


def _next(jobs: Iterator[_Job]) -> Iterator[_Job]:
    with suppress(StopIteration):
        yield next(jobs)


def _read_one(job: _Job) -> tuple[Place, list[Row], Place]:
    """Read a segment, and return where from; where it does not go on from its place, it was rewritten and is read whole."""
    try:
        return job.place, *read_segment(job.path, job.place, job.record)
    except IntegrityError:
        if not job.place.entries:
            raise
    return Place(), *read_segment(job.path, Place(), job.record)


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    """Insert rows by position, past SQLAlchemy's work on each value; see `rows.answer_row` for what stands for NULL."""
    found = list(rows)
    if not found:
        return
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join(_value(column, mark) for column in table.columns)
    connection.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({marks})", found)  # noqa: S608 - names of ours


def _value(column: sa.Column[Any], mark: str) -> str:
    if isinstance(column.type, sa.Boolean):
        return f"{mark} <> 0"
    return f"NULLIF({mark}, '')" if column.nullable and isinstance(column.type, sa.String) else mark


def _engine(settings: Settings) -> sa.Engine:
    if not settings.index_url:
        path = index_file(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        return _embedded(path)
    try:
        url = sa.make_url(settings.index_url)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        return sa.create_engine(url)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError):
        raise ConfigError(
            "invalid_setting",
            "RADLOOP_INDEX_URL is no address of a database that can be used here",
            "postgresql://USER@HOST/NAME; pip install 'radloop[postgres]'",
        ) from None


def _embedded(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}")

    @sa.event.listens_for(engine, "connect")
    def _fast(connection: Any, _: Any) -> None:
        # What a power cut takes is read again from the records.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "cache_size=-65536",
            "busy_timeout=30000",
            "wal_autocheckpoint=16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _begin_anew(settings: Settings) -> None:
    for path in index_file(settings).parent.glob("index.db*"):
        path.unlink()
