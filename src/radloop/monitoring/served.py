"""What was asked, answered and refused, by week and by subgroup.

One question counts everything that pages and terminals show: the record is gone through once, however many tables there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from radloop.monitoring.index import ANSWERS, Index
from radloop.monitoring.window import iso

ATTRIBUTES = ("sex", "age_band", "site")
WEEK = 7 * 86_400_000
MONDAY = 3 * 86_400_000
"""1970 began on a Thursday."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many requests were alike.

    Attributes:
        monday: where their week begins, milliseconds since 1970, UTC.
        bundle: that answered or refused; None where none was chosen yet.
        version: of its model.
        answered: or refused.
        code: of the refusal.
        abstained: whether the answer abstained.
        words: of `ATTRIBUTES`; what a request does not say is `unknown`.
        n: how many.
        first: the time of the first, milliseconds since 1970.
        last: of the last.
    """

    monday: int
    bundle: str | None
    version: int | None
    answered: bool
    code: str | None
    abstained: bool
    words: tuple[str, ...]
    n: int
    first: int
    last: int


def of(use_case: str, bundle: str | None, since: int) -> sa.ColumnElement[bool]:
    """Return what picks the requests of a use case, of one bundle where it is named, from a time on (ms since 1970)."""
    asked = sa.and_(ANSWERS.c.use_case == use_case, ANSWERS.c.at >= since)
    return asked if bundle is None else sa.and_(asked, ANSWERS.c.bundle == bundle)


def tallies(index: Index, which: sa.ColumnElement[bool]) -> list[Tally]:
    """Count requests by everything that is shown of them."""
    at, abstained = ANSWERS.c.at, ANSWERS.c.abstained.is_not(None)
    alike = (
        ((at + MONDAY) // WEEK).label("week"),
        ANSWERS.c.bundle,
        ANSWERS.c.version,
        ANSWERS.c.answered,
        ANSWERS.c.code,
        abstained.label("without"),
        *(ANSWERS.c[name] for name in ATTRIBUTES),
    )
    rows = index.rows(sa.select(*alike, sa.func.count(), sa.func.min(at), sa.func.max(at)).where(which).group_by(*alike))
    return [
        Tally(
            monday=int(week) * WEEK - MONDAY,
            bundle=bundle,
            version=version,
            answered=bool(answered),
            code=code,
            abstained=bool(without),
            words=tuple(word or "unknown" for word in words),
            n=n,
            first=first,
            last=last,
        )
        for week, bundle, version, answered, code, without, *words, n, first, last in rows
    ]


def totals(counted: Sequence[Tally]) -> dict[str, Any]:
    """Return how many requests there were, answered, abstained from and refused, the codes, and the span."""
    codes: Counter[str] = Counter()
    for one in counted:
        if not one.answered:
            codes[str(one.code)] += one.n
    return {
        "requests": total(counted),
        "answered": total(one for one in counted if one.answered),
        "abstained": total(one for one in counted if one.abstained),
        "refused": codes.total(),
        "codes": dict(sorted(codes.items())),
        "from": iso(min(one.first for one in counted)) if counted else None,
        "to": iso(max(one.last for one in counted)) if counted else None,
    }


def weeks(counted: Sequence[Tally]) -> list[dict[str, Any]]:
    """Return the requests of each week that had any, by its Monday."""
    found = []
    for monday in sorted({one.monday for one in counted}):
        own = [one for one in counted if one.monday == monday]
        refused, abstained = total(one for one in own if not one.answered), total(one for one in own if one.abstained)
        found.append({"monday": iso(monday)[:10], "requests": total(own), "refused": refused, "abstained": abstained})
    return found


def groups(counted: Sequence[Tally]) -> dict[str, dict[str, int]]:
    """Return the requests of each subgroup, the unknown last."""
    found = {}
    for place, name in enumerate(ATTRIBUTES):
        counts: Counter[str] = Counter()
        for one in counted:
            counts[one.words[place]] += one.n
        found[name] = {word: counts[word] for word in sorted(counts, key=lambda word: (word == "unknown", word))}
    return found


def total(counted: Iterable[Tally]) -> int:
    """Return how many requests some tallies hold."""
    return sum(one.n for one in counted)
