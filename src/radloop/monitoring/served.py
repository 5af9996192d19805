"""What was asked, answered and refused, by week and by subgroup."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from radloop.monitoring.index import ANSWERS, Index
from radloop.monitoring.window import iso

ATTRIBUTES = ("sex", "age_band", "site")
_WEEK = 7 * 86_400_000
_MONDAY = 3 * 86_400_000
"""1970 began on a Thursday."""


def of(use_case: str, bundle: str | None, since: int) -> sa.ColumnElement[bool]:
    """Return what picks the requests of a use case, of one bundle where it is named, from a time on (ms since 1970)."""
    asked = sa.and_(ANSWERS.c.use_case == use_case, ANSWERS.c.at >= since)
    return asked if bundle is None else sa.and_(asked, ANSWERS.c.bundle == bundle)


def totals(index: Index, which: sa.ColumnElement[bool]) -> dict[str, Any]:
    """Return how many requests there were, answered, abstained from and refused, the codes, and the span."""
    question = sa.select(
        ANSWERS.c.answered,
        ANSWERS.c.code,
        ANSWERS.c.abstained,
        sa.func.count(),
        sa.func.min(ANSWERS.c.at),
        sa.func.max(ANSWERS.c.at),
    ).where(which)
    rows = index.rows(question.group_by(ANSWERS.c.answered, ANSWERS.c.code, ANSWERS.c.abstained))
    answered = sum(row[3] for row in rows if row[0])
    codes = {row[1]: row[3] for row in sorted(rows, key=lambda row: str(row[1])) if not row[0]}
    return {
        "requests": sum(row[3] for row in rows),
        "answered": answered,
        "abstained": sum(row[3] for row in rows if row[2] is not None),
        "refused": sum(codes.values()),
        "codes": codes,
        "from": iso(min(row[4] for row in rows)) if rows else None,
        "to": iso(max(row[5] for row in rows)) if rows else None,
    }


def weeks(index: Index, which: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
    """Return the requests of each week that had any, by its Monday."""
    week = (ANSWERS.c.at + _MONDAY) // _WEEK
    refused = sa.func.sum(sa.case((ANSWERS.c.answered, 0), else_=1))
    abstained = sa.func.count(ANSWERS.c.abstained)
    rows = index.rows(sa.select(week, sa.func.count(), refused, abstained).where(which).group_by(week).order_by(week))
    return [
        {"monday": iso(int(row[0]) * _WEEK - _MONDAY)[:10], "requests": row[1], "refused": int(row[2]), "abstained": row[3]}
        for row in rows
    ]


def groups(index: Index, which: sa.ColumnElement[bool]) -> dict[str, dict[str, int]]:
    """Return the requests of each subgroup; what a request does not say is `unknown`."""
    found = {}
    for name in ATTRIBUTES:
        column = ANSWERS.c[name]
        rows = index.rows(sa.select(column, sa.func.count()).where(which).group_by(column))
        found[name] = {row[0] or "unknown": row[1] for row in sorted(rows, key=lambda row: (row[0] is None, str(row[0])))}
    return found
