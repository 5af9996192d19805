"""Retention: what a finished loop no longer needs, and never what evidence, an approval or a recorded answer needs.

What goes can be made again or can never be served: trial checkpoints of finished runs (the bundle holds the weights),
runs that nobody went on with, prepared pixels, the networks of bundles that the gate rejected (MLflow keeps a copy, the
evidence stays), Bentos that are built anew when they are deployed; and the payloads of old answers where a setting says
how long they are kept. Data versions stay: evidence names them, and git may.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from radloop.errors import RadloopError
from radloop.governance.registry import Registry, Version
from radloop.inference.bundle import APPROVAL, CONTENT, bundle_folder
from radloop.inference.pointer import served_use_cases
from radloop.packaging.bento import NAME as BENTO
from radloop.records import chain
from radloop.records.answers import answers_folder, blank_before, count_before, shadow_folder
from radloop.records.runs import Run, locked
from radloop.settings import Settings

_DAY = 86_400.0
_GONE = ".gone-"
"""Before the name of a folder that is being removed: it leaves its place in one rename."""

Kind = Literal["checkpoints", "run", "pixels", "bundle", "bento", "leftover", "answers"]


@dataclass(frozen=True)
class Item:
    """Something that may go.

    Attributes:
        name: of it, below the home.
        use_case: whose it is, None where it is nobody's.
        bytes: on the disk; of answers, how many payloads.
        why: a sentence.
    """

    kind: Kind
    name: str
    use_case: str | None
    bytes: int
    why: str


@dataclass(frozen=True)
class Swept:
    """What may go, or went.

    Attributes:
        done: whether it went.
        kept: use cases that were left alone, and why.
    """

    items: tuple[Item, ...]
    done: bool
    kept: Mapping[str, str]

    @property
    def bytes(self) -> int:
        """Return the bytes of the files; blanked answers free some too, which are not counted."""
        return sum(item.bytes for item in self.items if item.kind != "answers")

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "schema_version": 1,
            "done": self.done,
            "bytes": self.bytes,
            "items": [asdict(item) for item in self.items],
            "kept": dict(self.kept),
        }


def retention_file(settings: Settings) -> Path:
    """Return the append-only record of what was removed."""
    return settings.place / "records" / "retention.jsonl"


def sweep(settings: Settings, *, delete: bool, now: float | None = None) -> Swept:
    """Find what may go and, if asked, remove it; what was removed is written to an append-only record.

    A use case that is being retrained or deployed is left alone. Killed on the way, the next sweep goes on.

    Args:
        settings: of the installation, with how long things are kept.
        delete: remove what is found; otherwise nothing is touched.
        now: seconds since the epoch, for tests.
    """
    moment = time.time() if now is None else now
    found: list[Item] = []
    kept: dict[str, str] = {}
    for name in _use_cases(settings):
        with ExitStack() as stack:
            try:
                if delete:
                    stack.enter_context(locked(settings.place / "runs" / name))
                mine = [*_leftovers(name, settings, moment), *_runs(name, settings, moment), *_bundles(name, settings, moment)]
            except RadloopError as error:
                kept[name] = error.message
                continue
            found += mine
            if delete:
                _remove_all(mine, settings)
    rest = [*_pixels(settings, moment), *_bentos(settings, moment), *_answers(settings, moment)]
    if delete:
        _remove_all([item for item in rest if item.kind != "answers"], settings)
        _blank_answers(settings, moment)
    swept = Swept(tuple(found + rest), delete, kept)
    if delete and swept.items:
        chain.append(retention_file(settings), {**swept.as_dict(), "time": datetime.now(UTC).isoformat(timespec="seconds")})
    return swept


def _use_cases(settings: Settings) -> list[str]:
    folders = (path for root in ("runs", "bundles") for path in (settings.place / root).glob("*") if path.is_dir())
    return sorted({path.name for path in folders if not path.name.startswith(".")})


def _leftovers(use_case: str, settings: Settings, now: float) -> Iterator[Item]:
    """Yield what a stop left of a packaging or a sweep."""
    runs, bundles = settings.place / "runs" / use_case, settings.bundles / use_case
    gone = [*runs.glob(f"{_GONE}*"), *runs.glob(f"*/{_GONE}*"), *bundles.glob(f"*/{_GONE}*")]
    staged = (path for path in bundles.glob(".staging-*") if _age(path, now) > _DAY)
    for path in sorted([*gone, *staged]):
        yield _item("leftover", path, use_case, settings, "a stop left it half made or half removed")


def _runs(use_case: str, settings: Settings, now: float) -> Iterator[Item]:
    """Yield the checkpoints of finished runs, and the runs that nobody went on with."""
    for folder in sorted((settings.place / "runs" / use_case).glob("*-[0-9]*")):
        key, _, attempt = folder.name.rpartition("-")
        run = Run(folder, key, int(attempt)) if attempt.isdigit() else None
        if run is None or not folder.is_dir():
            continue
        if run.finished:
            for trial in sorted(folder.glob("trial-*")):
                yield _item("checkpoints", trial, use_case, settings, "the run is finished; its best weights are in its bundle")
        elif _age(folder, now) > settings.keep_runs_days * _DAY:
            why = f"nobody went on with this run for {settings.keep_runs_days} days"
            yield _item("run", folder, use_case, settings, why)


def _bundles(use_case: str, settings: Settings, now: float) -> Iterator[Item]:
    """Yield the networks that can never be served."""
    root = settings.bundles / use_case
    named: dict[str, list[Version]] = {}
    for version in Registry(use_case, settings).versions() if root.is_dir() else []:
        named.setdefault(version.bundle, []).append(version)
    for bundle, versions in sorted(named.items()):
        folder = bundle_folder(settings.bundles, use_case, bundle) if bundle else None
        if folder is None or not (folder / CONTENT).is_dir() or (folder / APPROVAL).exists():
            continue
        if all(version.verdict == "rejected" for version in versions) and _age(folder, now) > settings.keep_rejected_days * _DAY:
            numbers = ", ".join(str(version.version) for version in versions)
            why = f"the gate rejected version {numbers} over {settings.keep_rejected_days} days ago; MLflow keeps a copy"
            yield _item("bundle", folder / CONTENT, use_case, settings, why)


def _pixels(settings: Settings, now: float) -> Iterator[Item]:
    for path in sorted((settings.place / "cache" / "pixels").glob("*.npy")):
        if _age(path, now) > settings.keep_cache_days * _DAY:
            why = f"not read for {settings.keep_cache_days} days; the data makes it again"
            yield _item("pixels", path, None, settings, why)


def _bentos(settings: Settings, now: float) -> Iterator[Item]:
    """Yield old Bentos but the newest of each bundle that may be served, and the newest of all: one may be running."""
    root = settings.place / "bentoml" / "bentos" / BENTO
    for left in sorted(root.glob(f"{_GONE}*")):
        yield _item("leftover", left, None, settings, "a stop left it half removed")
    folders = (path for path in root.glob("*-*") if path.is_dir() and not path.name.startswith("."))
    ordered = sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)
    served = set(_served_digits(settings))
    seen: set[str] = set()
    for place, path in enumerate(ordered):
        digits = path.name.partition("-")[0]
        if place == 0 or (digits in served and digits not in seen):
            seen.add(digits)
        elif _age(path, now) > settings.keep_cache_days * _DAY:
            yield _item("bento", path, None, settings, "a newer one is built; deploying builds it again")


def _served_digits(settings: Settings) -> Iterator[str]:
    """Yield how the Bentos of champion and previous begin."""
    for name in served_use_cases(settings.bundles):
        registry = Registry(name, settings)
        wanted = set(registry.aliases().values())
        yield from (one.bundle.removeprefix("sha256:")[:12] for one in registry.versions() if one.version in wanted)


def _answers(settings: Settings, now: float) -> Iterator[Item]:
    limit = _limit(settings, now)
    count = 0 if limit is None else sum(count_before(limit, folder) for folder in _records(settings))
    if count:
        why = f"older than the {settings.record_days} days that RADLOOP_RECORD_DAYS keeps; the chain still verifies"
        yield Item("answers", "records/answers", None, count, why)


def _blank_answers(settings: Settings, now: float) -> None:
    limit = _limit(settings, now)
    if limit is not None:
        for folder in _records(settings):
            blank_before(limit, folder)


def _records(settings: Settings) -> tuple[Path, ...]:
    return answers_folder(settings), shadow_folder(settings)


def _limit(settings: Settings, now: float) -> datetime | None:
    return None if settings.record_days is None else datetime.fromtimestamp(now, UTC) - timedelta(days=settings.record_days)


def _item(kind: Kind, path: Path, use_case: str | None, settings: Settings, why: str) -> Item:
    return Item(kind, path.relative_to(settings.place).as_posix(), use_case, _size(path), why)


def _files(path: Path) -> Iterator[Path]:
    return (one for one in (path.rglob("*") if path.is_dir() else (path,)) if one.is_file() and not one.is_symlink())


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in _files(path))


def _age(path: Path, now: float) -> float:
    """Return for how many seconds nothing in a folder was written, nor a file read where the file system tells."""
    stats = [one.stat() for one in _files(path)] or [path.stat()]
    return now - max(max(one.st_mtime, one.st_atime) if path.is_file() else one.st_mtime for one in stats)


def _remove_all(items: list[Item], settings: Settings) -> None:
    for item in items:
        _REMOVE.get(item.kind, _remove_folder)(settings.place / item.name)


def _remove_folder(path: Path) -> None:
    """Take a folder out of its place in one rename, then remove it."""
    gone = path if path.name.startswith(_GONE) else path.with_name(f"{_GONE}{path.name}")
    if gone != path:
        path.rename(gone)
    shutil.rmtree(gone)


_REMOVE: Mapping[str, Callable[[Path], None]] = {"pixels": Path.unlink}
