"""Whether a use case is to be retrained now: who asked, what is new, and whether cool-down and budget allow it.

Nothing here starts anything. `radloop.records.retrains` holds what was asked and begun; a flow asks `due` and begins.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from radloop.configuration import load_use_case
from radloop.data import versions
from radloop.errors import IntegrityError
from radloop.records.retrains import BUSY, remember, retrains
from radloop.records.seal import read_sealed
from radloop.settings import Settings
from radloop.use_case import Retraining

Because = Literal["resumed", "scheduled", "asked", "new_data"]
MONTH = timedelta(days=30)

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """What a look at the triggers gave.

    Attributes:
        because: what asks for a retrain; None where nothing does.
        waits: why it is not begun although something asks; None where it may begin, or nothing asks.
        until: ISO 8601, when cool-down or budget let it begin.
        begun: the id of what was begun and has not ended.
    """

    because: Because | None
    waits: str | None = None
    until: str | None = None
    begun: str | None = None

    @property
    def due(self) -> bool:
        """Tell whether it may begin."""
        return self.because is not None and self.waits is None

    @property
    def sentence(self) -> str:
        """Return it for people."""
        if self.because is None:
            return "nothing asks for a retrain"
        return f"{self.because}: {self.waits or 'may begin'}" + (f", until {self.until[:16]}" if self.until else "")

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "due": self.due}


def judge(
    entries: Sequence[Entry],
    policy: Retraining,
    now: datetime,
    *,
    new_data: bool,
    scheduled: bool = False,
    source: bool = False,
) -> Due:
    """Return whether a retrain may begin.

    Args:
        entries: of the record, about one use case, the oldest first.
        policy: of the use case.
        now: with its time zone.
        new_data: no bundle was made of the data as they stand.
        scheduled: a person's schedule asks, whatever the data are: code or configuration may have changed.
        source: images are ingested first, so that nobody knows yet whether the data are new.
    """
    begun = _begun(entries)
    ended = {entry["id"] for entry in entries if entry["kind"] == "ended"}
    if begun and begun[-1]["id"] not in ended:
        return Due("resumed", begun=begun[-1]["id"])
    because: Because | None = None
    if open_request(entries) is not None:
        because = "asked"
    elif scheduled:
        because = "scheduled"
    elif new_data and "new_data" in policy.reasons:
        because = "new_data"
    if because is None:
        return Due(None)
    if because == "asked" and not (new_data or source or scheduled):
        return Due(
            because,
            "a bundle was made of these data and judged, perhaps rejected: label what `radloop queue` lists and ingest it; "
            "`radloop retrain` without --when-due trains on them again",
        )
    return _paced(because, [datetime.fromisoformat(entry["time"]) for entry in begun], policy, now)


def _paced(because: Because, times: Sequence[datetime], policy: Retraining, now: datetime) -> Due:
    """Hold back what comes too soon after the last, or beyond the month's number."""
    if times and now < (free := times[-1] + timedelta(days=policy.cooldown_days)):
        return Due(because, f"the last began less than {policy.cooldown_days:g} days ago", free.isoformat())
    recent = [time for time in times if time > now - MONTH]
    if len(recent) >= policy.a_month:
        free = recent[-policy.a_month] + MONTH
        return Due(because, f"{len(recent)} began within 30 days, {policy.a_month} may", free.isoformat())
    return Due(because)


def open_request(entries: Sequence[Entry]) -> Entry | None:
    """Return the last request after which nothing has begun yet."""
    begun = {entry["id"] for entry in _begun(entries)}
    relevant = [entry for entry in entries if entry["kind"] == "asked" or (entry["kind"] == "begun" and entry["id"] in begun)]
    return relevant[-1] if relevant and relevant[-1]["kind"] == "asked" else None


def _begun(entries: Sequence[Entry]) -> list[Entry]:
    """Return what was begun and was not found to be another process's."""
    never = {entry["id"] for entry in entries if entry["kind"] == "ended" and entry["outcome"] == BUSY}
    return [entry for entry in entries if entry["kind"] == "begun" and entry["id"] not in never]


def due(use_case: str, settings: Settings, *, scheduled: bool = False, source: bool = False) -> Due:
    """Return whether a use case is to be retrained now; see `judge`.

    Raises:
        IntegrityError: the record was edited.
    """
    policy = load_use_case(use_case, settings).monitoring.retrain
    pinned = versions.pinned(use_case, settings)
    new = pinned is not None and pinned.version not in set(judged_data(use_case, settings))
    return judge(retrains(settings, use_case), policy, datetime.now(UTC), new_data=new, scheduled=scheduled, source=source)


def judged_data(use_case: str, settings: Settings) -> Iterator[str]:
    """Yield the data versions of the bundles that were judged: champion, candidate, and those rejected."""
    for path in sorted((settings.bundles / use_case).glob("*/evidence.json")):
        version = _data_version(path)
        if version is not None:
            yield version


def _data_version(path: Path) -> str | None:
    try:
        return str(read_sealed(path, "evidence")["data"]["version"])
    except (IntegrityError, KeyError, TypeError):
        return None  # serving and `radloop doctor` say what is wrong with it


def ask(use_case: str, look: Entry, settings: Settings) -> bool:
    """Ask for a retrain because of a look that alarms, unless one is asked for already; tell whether this asked."""
    if is_asked(use_case, settings):
        return False
    remember("asked", use_case, {"look": look["look"], "alarming": look["alarming"]}, settings)
    return True


def is_asked(use_case: str, settings: Settings) -> bool:
    """Tell whether a retrain is asked for and has not begun."""
    return open_request(retrains(settings, use_case)) is not None


def begin(use_case: str, found: Due, settings: Settings) -> str:
    """Write down that a retrain begins, and return its id; what goes on keeps its own."""
    if found.begun is not None:
        return found.begun
    pinned = versions.pinned(use_case, settings)
    facts = {"id": uuid.uuid4().hex[:16], "because": found.because, "data_version": pinned.version if pinned else None}
    return str(remember("begun", use_case, facts, settings)["id"])


def end(use_case: str, name: str, outcome: str, version: int | None, settings: Settings) -> None:
    """Write down how it ended: the verdict, an error's code, or `busy`."""
    remember("ended", use_case, {"id": name, "outcome": outcome, "model_version": version}, settings)
