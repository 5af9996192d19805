"""What changed between two data versions: rows that came, went, or mean something else to training."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from radloop.data.objects import Objects
from radloop.records import erasures
from radloop.settings import Settings

_COLUMNS = ("label", "split", "excluded", "extent", "mask")
_MORE = ("finding_", "clinical_", "reader_")


@dataclass(frozen=True)
class Change:
    """One value of a row that differs; a row stored under another id has a change of its column `id`."""

    id: str
    column: str
    old: Any
    new: Any

    def as_dict(self) -> dict[str, Any]:
        """Return the change as `--json` prints it."""
        return {"id": self.id, "column": self.column, "from": self.old, "to": self.new}


@dataclass(frozen=True)
class Counts:
    """Rows in the old and the new manifest, and how many came, went, changed or stayed as they were."""

    old: int
    new: int
    came: int
    went: int
    changed: int
    same: int

    def as_dict(self) -> dict[str, int]:
        """Return the counts as `--json` prints them."""
        counts = asdict(self)
        return {"from": counts.pop("old"), "to": counts.pop("new"), **counts}


@dataclass(frozen=True)
class Difference:
    """The rows that came and went, by id in the order of their manifest, and every value that changed."""

    came: list[str]
    went: list[str]
    changed: list[Change]
    counts: Counts


def difference(old: pd.DataFrame, new: pd.DataFrame) -> Difference:
    """Return what changed between two manifests.

    A row is the same image if its id is, or else if patient and pixels are: storing an image in another
    way gives another id, but no other picture. Findings are compared as `label` is.
    """
    left, right = old.set_index("id"), new.set_index("id")
    moved = _moved(left[~left.index.isin(right.index)], right[~right.index.isin(left.index)])
    kept = [name for name in left.index if name in right.index]
    before = [*kept, *moved]
    after = [*kept, *moved.values()]
    changed = [Change(new_id, "id", old_id, new_id) for old_id, new_id in moved.items()]
    for column in _compared(old, new):
        values = zip(after, _words(left, before, column), _words(right, after, column), strict=True)
        changed += [Change(name, column, was, now) for name, was, now in values if was != now]
    paired_old, paired_new = set(before), set(after)
    came = [str(name) for name in right.index if name not in paired_new]
    went = [str(name) for name in left.index if name not in paired_old]
    rows = len({change.id for change in changed})
    counts = Counts(len(old), len(new), len(came), len(went), rows, len(before) - rows)
    order = {name: place for place, name in enumerate(right.index)}
    changed.sort(key=lambda change: order[change.id])
    return Difference(came, went, changed, counts)


def _compared(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    both = [column for column in new.columns if column in old.columns]
    return [column for column in both if column in _COLUMNS or column.startswith(_MORE)]


def _words(frame: pd.DataFrame, ids: list[Any], column: str) -> list[Any]:
    """Return a column's values in the order of some ids; unknown is None."""
    return [None if pd.isna(value) else value for value in frame[column].reindex(ids)]


def _moved(went: pd.DataFrame, came: pd.DataFrame) -> dict[str, str]:
    """Pair rows of one patient with identical pixels, in the order of their manifests."""
    if "pixels" not in went.columns or "pixels" not in came.columns:
        return {}
    waiting: defaultdict[tuple[Hashable, Hashable], deque[str]] = defaultdict(deque)
    for name, patient, pixels in zip(came.index, came["patient"], came["pixels"], strict=True):
        if pd.notna(pixels):
            waiting[patient, pixels].append(str(name))
    pairs: dict[str, str] = {}
    for name, patient, pixels in zip(went.index, went["patient"], went["pixels"], strict=True):
        if waiting.get((patient, pixels)):
            pairs[str(name)] = waiting[patient, pixels].popleft()
    return pairs


def compare(old: str, new: str, settings: Settings) -> tuple[Difference, list[str]]:
    """Return what changed between two data versions, from their manifests alone.

    Returns:
        the difference, and which of the two versions are only what an erasure left of them.

    Raises:
        IntegrityError: a manifest is neither in the cache nor in the remote.
    """
    objects = Objects(settings)
    rests = [erasures.remainder(version, settings) for version in (old, new)]
    frames = [objects.manifest(version) for version in rests]
    erased = [version for version, rest in zip((old, new), rests, strict=True) if version != rest]
    return difference(*frames), erased


def as_text(found: Difference, shown: int = 20) -> str:
    """Return a difference for people: the counts, then at most `shown` lines of each kind."""
    counts = found.counts
    head = f"{counts.came} came, {counts.went} went, {counts.changed} changed, {counts.same} stayed"
    lines = [f"+ {name}" for name in found.came[:shown]] + _more(len(found.came), shown, "came")
    lines += [f"- {name}" for name in found.went[:shown]] + _more(len(found.went), shown, "went")
    lines += [f"~ {item.id} {item.column}: {_shown(item.old)} -> {_shown(item.new)}" for item in found.changed[:shown]]
    return "\n".join([head, *lines, *_more(len(found.changed), shown, "changed")])


def _more(count: int, shown: int, word: str) -> list[str]:
    return [f"  ... and {count - shown} more {word}; --json lists them all"] if count > shown else []


def _shown(value: Any) -> str:
    return "unknown" if value is None else str(value)
