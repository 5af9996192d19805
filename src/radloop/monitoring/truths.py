"""Answers whose truth readers said, as arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from radloop.inference.bundle import BundleFacts
from radloop.monitoring.index import ANSWERS, FEEDBACK, SHADOWS, Index
from radloop.records.feedback import Given, Standing, standing

MOST_LABELS = 2000
"""The newest labels that performance is judged by: how it is now, at a cost that does not grow."""
_ANSWER = ("request_id", "patient", "sex", "age_band", "site", "scores", "positive", "members", "at")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Answers of one bundle with their truth, n of them, the newest label last.

    Attributes:
        requests: their ids, [n].
        truths: 1 or 0, [n, K].
        scores: calibrated probabilities [n, K].
        called: whether each output was called positive, [n, K]; of classes, whether it was the most probable.
        decided: whether there was a threshold to call it by, [n, K].
        covered: whether the prediction set held the truth, [n]: 1, 0, NaN without a set; of findings, all that are present.
        patients: who each is, [n]; an answer without a patient is one of its own.
        groups: the word of each attribute, [n] each; `unknown` where the request did not say.
        at: when each was answered, milliseconds since 1970, [n].
    """

    requests: NDArray[np.str_]
    truths: NDArray[np.float64]
    scores: NDArray[np.float64]
    called: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    covered: NDArray[np.float64]
    patients: NDArray[np.str_]
    groups: dict[str, NDArray[np.str_]]
    at: NDArray[np.int64]

    @property
    def corrected(self) -> NDArray[np.bool_]:
        """Tell which answers the readers corrected, [n]: some output was called otherwise than they say."""
        wrong: NDArray[np.bool_] = (self.called != (self.truths == 1)) & self.decided
        return np.asarray(wrong.any(axis=1), dtype=np.bool_)

    def chosen(self, which: NDArray[np.bool_]) -> Labelled:
        """Return some of them."""
        return Labelled(
            self.requests[which],
            self.truths[which],
            self.scores[which],
            self.called[which],
            self.decided[which],
            self.covered[which],
            self.patients[which],
            {name: words[which] for name, words in self.groups.items()},
            self.at[which],
        )


@dataclass(frozen=True, slots=True)
class Labels:
    """All feedback on one bundle.

    Attributes:
        given: requests with any.
        contradicted: of these, how many readers disagree on; they count for nothing until that is settled.
        unanswered: how many have no answer in the index, as after an erasure.
        labelled: the newest of the rest.
    """

    given: int
    contradicted: tuple[str, ...]
    unanswered: int
    labelled: Labelled


def labels(
    index: Index,
    use_case: str,
    bundle: str,
    facts: BundleFacts,
    since: int = 0,
    most: int = MOST_LABELS,
    shadow: str | None = None,
) -> Labels:
    """Return what readers said of a bundle's answers.

    Args:
        index: refreshed.
        use_case: its name.
        bundle: whose answers the readers saw.
        facts: of the bundle whose answers are returned.
        since: milliseconds since 1970.
        most: the newest labels that are taken.
        shadow: a bundle whose answers to the same requests are returned instead, as its shadow's record has them.
    """
    columns = (FEEDBACK.c.request_id, FEEDBACK.c.time, FEEDBACK.c.labels, FEEDBACK.c.reader, FEEDBACK.c.settles)
    chosen = sa.and_(FEEDBACK.c.use_case == use_case, FEEDBACK.c.bundle == bundle, FEEDBACK.c.at >= since)
    given: dict[str, list[Given]] = {}
    for block in index.blocks(sa.select(*columns).where(chosen)):
        for name, time, words, reader, settles in block:
            given.setdefault(name, []).append(Given(time, tuple(json.loads(words)), reader, bool(settles)))
    stands = {name: found for name, items in given.items() if (found := standing(items)) is not None}
    contradicted = tuple(sorted(name for name, found in stands.items() if found.contradicted))
    settled = {name: found for name, found in stands.items() if not found.contradicted}
    newest = sorted(settled, key=lambda name: (settled[name].time, name))[-most:]
    rows = {row[0]: row for row in _answers(index, newest, shadow)}
    kept = [name for name in newest if name in rows]
    labelled = _labelled([rows[name] for name in kept], [settled[name] for name in kept], facts)
    return Labels(len(stands), contradicted, len(newest) - len(kept), labelled)


def _answers(index: Index, names: Sequence[str], shadow: str | None, each: int = 500) -> list[Sequence[Any]]:
    table = ANSWERS if shadow is None else SHADOWS
    whose = sa.true() if shadow is None else table.c.bundle == shadow
    question = sa.select(*(table.c[name] for name in _ANSWER)).where(table.c.answered, whose)
    found: list[Sequence[Any]] = []
    for start in range(0, len(names), each):
        found += index.rows(question.where(table.c.request_id.in_(names[start : start + each])))
    return found


def _labelled(rows: Sequence[Sequence[Any]], stands: Sequence[Standing], facts: BundleFacts) -> Labelled:
    n, k = len(rows), len(facts.outputs)
    words = [set(found.labels or ()) for found in stands]
    scores, called, decided = calls([row[5] for row in rows], [row[6] for row in rows], facts)
    groups = {
        name: np.array([row[2 + place] or "unknown" for row in rows], dtype=str)
        for place, name in enumerate(("sex", "age_band", "site"))
    }
    return Labelled(
        requests=np.array([row[0] for row in rows], dtype=str),
        truths=np.array([[float(word in true) for word in facts.outputs] for true in words]).reshape(n, k),
        scores=scores,
        called=called,
        decided=decided,
        covered=np.array([_covered(row[7], true, facts) for row, true in zip(rows, words, strict=True)], dtype=np.float64),
        patients=np.array([f"p {row[1]}" if row[1] else f"r {row[0]}" for row in rows], dtype=str),
        groups=groups,
        at=np.array([row[8] for row in rows], dtype=np.int64),
    )


def calls(
    scores: Sequence[bytes], marks: Sequence[bytes], facts: BundleFacts
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what the index keeps of n answers as arrays [n, K]: probabilities, whether called, whether there was a threshold.

    Of classes the most probable one is called.
    """
    n, k = len(scores), len(facts.outputs)
    values = np.array([np.frombuffer(one, dtype="<f8") for one in scores]).reshape(n, k)
    if facts.labels.kind == "multiclass":
        return values, np.arange(k)[None, :] == values.argmax(axis=1)[:, None], np.ones((n, k), dtype=np.bool_)
    marked = np.array([list(one) for one in marks], dtype=np.int64).reshape(n, k)
    return values, marked == 1, marked != 2


def _covered(members: str | None, true: set[str], facts: BundleFacts) -> float:
    if members is None:
        return float("nan")
    held, present = set(json.loads(members)), true & set(facts.outputs)
    if facts.labels.kind == "multilabel":
        return float(present <= held) if present else float("nan")
    return float(true <= held)
