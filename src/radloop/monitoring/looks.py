"""Looks: one at each so many requests of a bundle, each taken once and written down.

A window begins behind the last look's, so that no request is looked at twice and an erasure of older requests moves no
window. What comes later with an earlier time (another worker's clock) counts for performance, but in no window. Where
more windows wait than `MOST_LOOKS`, only the newest are looked at, and the look says how many requests were passed over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from radloop.errors import Refusal
from radloop.inference.pointer import Pointer
from radloop.monitoring import window as windows
from radloop.monitoring.drift import Judged, Sample, look
from radloop.monitoring.index import Index
from radloop.monitoring.reference import read_reference
from radloop.monitoring.window import Mark, Window
from radloop.records.alarms import looks as past_looks
from radloop.records.alarms import remember
from radloop.records.seal import digest_document
from radloop.settings import Settings
from radloop.use_case import Monitoring

MOST_LOOKS = 60
"""Looks of one run."""
_ATTRIBUTES = ("sex", "age_band", "site")


def take_looks(pointer: Pointer, policy: Monitoring, index: Index, settings: Settings) -> list[dict[str, Any]]:
    """Look at every whole window that nobody has looked at, write down what was seen, and return it.

    Args:
        pointer: what is served.
        policy: of the use case.
        index: refreshed.
        settings: of the installation.

    Raises:
        IntegrityError: the bundle's reference or a record was edited.
    """
    reference, facts = read_reference(pointer.folder(settings.bundles))
    before = past_looks(settings, pointer.use_case, pointer.bundle)
    previous = before[-1] if before else None
    mark: Mark | None = (windows.milliseconds(previous["requests"]["to"]), previous["requests"]["last"]) if previous else None
    waiting, passed = _windows(index, pointer, mark, policy.window)
    taken = []
    for number, window in enumerate(waiting, start=previous["number"] + 1 if previous else 1):
        judged = look(reference, sample(window, settings), facts.outputs, policy, _seed(window))
        facts_of = _facts(pointer, policy, window, judged, previous, number)
        previous = remember("look", {**facts_of, "passed_over": passed}, settings)
        passed = 0
        taken.append(previous)
    return taken


def sample(window: Window, settings: Settings) -> Sample:
    """Return a window as the signals see it."""
    answered = window.answered()
    some = len(answered) > 0
    return Sample(
        embeddings=windows.embeddings(answered, settings) if some else np.empty((0, 0)),
        scores=answered.scores() if some else np.empty((0, 0)),
        quality=answered.quality(),
        words={attribute: answered.words(attribute) for attribute in _ATTRIBUTES},
        refused=window.refused,
    )


def _windows(index: Index, pointer: Pointer, mark: Mark | None, size: int) -> tuple[list[Window], int]:
    """Return the newest whole windows behind a place, and how many requests lie before them."""
    question = windows.after(pointer.use_case, pointer.bundle, mark)
    ((count,),) = index.rows(sa.select(sa.func.count()).select_from(question.order_by(None).subquery()))
    whole = count // size
    number = min(whole, MOST_LOOKS)
    passed = (whole - number) * size
    rows = index.rows(question.offset(passed).limit(number * size)) if number else []
    return [Window(rows[start : start + size]) for start in range(0, len(rows), size)], passed


def _facts(
    pointer: Pointer,
    policy: Monitoring,
    window: Window,
    judged: Sequence[Judged],
    previous: Mapping[str, Any] | None,
    number: int,
) -> dict[str, Any]:
    since, until = window.span
    alarming = [item.signal for item in judged if item.alarm]
    continues = bool(alarming) and previous is not None and bool(set(alarming) & set(previous["alarming"]))
    identity = {"use_case": pointer.use_case, "bundle": pointer.bundle, "last": window.last[1]}
    return {
        "look": digest_document(identity).removeprefix("sha256:")[:16],
        "use_case": pointer.use_case,
        "bundle": pointer.bundle,
        "version": pointer.version,
        "number": number,
        "requests": {
            "n": len(window),
            "refused": window.refused[0],
            "codes": window.codes(),
            "from": since,
            "to": until,
            "last": window.last[1],
        },
        "false_alarms": policy.false_alarms,
        "signals": [
            {
                "signal": item.signal,
                "p": item.p,
                "limit": item.limit,
                "alarm": item.alarm,
                "statistic": item.statistic,
                "n": item.n,
                "says": item.says,
            }
            for item in judged
        ],
        "alarm": bool(alarming),
        "alarming": alarming,
        "continues": continues,
    }


def _seed(window: Window) -> int:
    return int.from_bytes(hashlib.sha256(window.last[1].encode()).digest()[:6], "big")


def served(pointer: Pointer | None, use_case: str) -> Pointer:
    """Return what is served.

    Raises:
        Refusal: `no_champion`.
    """
    if pointer is None:
        raise Refusal("no_champion", f"{use_case} has no champion to watch", f"approve and deploy one: radloop deploy {use_case}")
    return pointer
