"""What happened to a use case, in the order of time: alarms of the looks, and decisions of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from radloop.governance.challenging import ENDED
from radloop.governance.decisions import decisions, unverified
from radloop.monitoring.served import MONDAY, WEEK
from radloop.monitoring.window import milliseconds
from radloop.settings import Settings

Kind = Literal["alarm", "approve", "reject", "deploy", "rollback", "shadow", "canary", "end"]
MOST_WEEKS = 53
"""The page shows this many, the newest: a year and the week that it began in."""
_LEAST_WEEKS = 6
_DECISIONS: dict[str, Kind] = {
    "approve": "approve",
    "reject": "reject",
    "deploy": "deploy",
    "rollback": "rollback",
    "shadow": "shadow",
    "canary": "canary",
    ENDED: "end",
}
_BY_PERSONS = ("approve", "reject", "rollback")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        at: milliseconds since 1970; of an alarm, the last request of its window.
        kind: what it was.
        version: of the model that it is about.
        who: whose decision; None of what nobody signs.
        says: what differed, the note of the decision, or the share of a canary.
    """

    at: int
    kind: Kind
    version: int
    who: str | None
    says: str


@dataclass(frozen=True, slots=True)
class Served:
    """A version, and from when until when it answered, milliseconds since 1970; `mode` where it did so beside the champion."""

    version: int
    start: int
    end: int
    mode: Literal["shadow", "canary"] | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Whole weeks of a page, from a Monday to a Monday, milliseconds since 1970."""

    start: int
    end: int

    def __contains__(self, at: int) -> bool:
        """Tell whether a moment lies in it."""
        return self.start <= at < self.end

    def mondays(self) -> range:
        """Return where its weeks begin."""
        return range(self.start, self.end, WEEK)


def span(moments: Iterable[int], now: int) -> Span:
    """Return the weeks of some moments, the newest `MOST_WEEKS` of them; those before now without any."""
    known = [monday(at) for at in moments] or [monday(now)]
    end = max(known) + WEEK
    return Span(max(min(min(known), end - _LEAST_WEEKS * WEEK), end - MOST_WEEKS * WEEK), end)


def monday(at: int) -> int:
    """Return where the week of a moment begins, UTC."""
    return (at + MONDAY) // WEEK * WEEK - MONDAY


def events(looks: Sequence[Mapping[str, Any]], use_case: str, settings: Settings) -> list[Event]:
    """Return alarms and decisions by time; an alarm that goes on is one.

    Raises:
        IntegrityError: the record of decisions was edited.
    """
    found = [_alarm(look) for look in looks if look["alarm"] and not look["continues"]]
    for one in decisions(settings, use_case):
        if one["decision"] in _DECISIONS:
            kind = _DECISIONS[one["decision"]]
            who = unverified(one) if kind in _BY_PERSONS else None
            says = f"of {one['share']:.0%} of the requests" if kind == "canary" else one.get("note") or ""
            found.append(Event(milliseconds(one["time"]), kind, one["version"], who, says))
    return sorted(found, key=lambda event: (event.at, event.kind))


def _alarm(look: Mapping[str, Any]) -> Event:
    says = "; ".join(f"{item['signal']}: {item['says']}" for item in look["signals"] if item["alarm"])
    return Event(milliseconds(look["requests"]["to"]), "alarm", look["version"], None, says)


def served(happened: Sequence[Event], end: int) -> list[Served]:
    """Return which version was served when, up to a moment, as far as the record of decisions knows."""
    switches = [event for event in happened if event.kind in ("deploy", "rollback")]
    ends = [event.at for event in switches[1:]] + [end] * bool(switches)
    return [Served(event.version, event.at, until) for event, until in zip(switches, ends, strict=True) if until > event.at]


def beside(happened: Sequence[Event], end: int) -> list[Served]:
    """Return which version stood beside the champion when: until it ended, was rejected, or another stood there or was served."""
    found: list[Served] = []
    standing: Event | None = None
    for event in [*happened, None]:
        over = event is None or event.kind in ("shadow", "canary", "end", "deploy", "rollback")
        if standing is not None and (over or _rejects(event, standing)):
            until = end if event is None else event.at
            mode: Literal["shadow", "canary"] = "shadow" if standing.kind == "shadow" else "canary"
            found += [Served(standing.version, standing.at, until, mode)] * (until > standing.at)
            standing = None
        if event is not None and event.kind in ("shadow", "canary"):
            standing = event
    return found


def _rejects(event: Event | None, standing: Event) -> bool:
    return event is not None and event.kind == "reject" and event.version == standing.version
