"""The labelling queue: which unlabelled answers of the served bundle are worth a reader's time, the most worthwhile first.

The list is chosen one by one. What needs no label is `calibrate` as the bundle carries it, labelled answers, and what the list
has already; each choice is the one that most lessens the distances, in the network's embeddings, of all unlabelled answers to the
nearest of these. An answer counts half to whole by its uncertainty, and one and a half times where it is of the subgroup that
is answered worst by the labels so far, and twice where a shadow decides otherwise than the champion: one of the two is wrong.
So the list begins with what is common and unlike anything known, such as another site, has no two images alike, and comes to
lone oddities late.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from radloop.inference.bundle import BundleFacts
from radloop.inference.challenger import Challenger, read_challenger
from radloop.inference.pointer import Pointer, read_pointer
from radloop.inference.recorded import embedding
from radloop.monitoring import window as windows
from radloop.monitoring.index import ANSWERS, FEEDBACK, SHADOWS, Index
from radloop.monitoring.looks import served as check_served
from radloop.monitoring.reference import read_reference
from radloop.monitoring.served import ATTRIBUTES
from radloop.monitoring.truths import Labelled, calls, labels
from radloop.monitoring.window import COLUMNS, Window
from radloop.settings import Settings
from radloop.statistics.selection import cover

MOST_ANSWERS = 2000
"""The newest unlabelled answers that are chosen from."""
LEAST_LABELS = 15
"""A subgroup with fewer labels is not called the worst."""
_WORST = 1.5
_DISPUTED = 2.0
_UNSURE = 0.5
"""An uncertainty from which it is named as a reason; distance likewise beyond the usual."""


@dataclass(frozen=True, slots=True)
class Queued:
    """One request that is worth a label.

    Attributes:
        time: of the answer, ISO 8601.
        score: the part of all unlabelled answers' weighted distances that it takes away; it falls along the list.
        uncertainty: of the answer, 0 to 1.
        distance: to the nearest image that needs no label, 1 is usual among those of `calibrate`.
        stands_for: unlabelled answers that are nearer to it than to anything known or before it on the list.
        why: in words.
    """

    request_id: str
    time: str
    score: float
    uncertainty: float
    distance: float
    stands_for: int
    sex: str | None
    age_band: str | None
    site: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Worst:
    """The subgroup whose labelled answers were worst.

    Attributes:
        brier: mean squared error of its probabilities.
        overall: of all labelled answers.
        n: its labels.
    """

    attribute: str
    word: str
    brier: float
    overall: float
    n: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The work list.

    Attributes:
        unlabelled: answers that it was chosen from, one a patient and a file.
        labelled: answers with a label that stands.
        worst: None where labels tell of none.
    """

    use_case: str
    version: int
    bundle: str
    unlabelled: int
    labelled: int
    worst: Worst | None
    requests: tuple[Queued, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the list as JSON."""
        return asdict(self)


def queue(use_case: str, settings: Settings, number: int = 20) -> Queue:
    """Return the unlabelled answers that are most worth a label.

    Args:
        use_case: its name.
        settings: of the installation.
        number: how many.

    Raises:
        Refusal: `no_champion`.
        IntegrityError: a record or the bundle was edited.
    """
    pointer = check_served(read_pointer(settings.bundles, use_case), use_case)
    reference, facts = read_reference(pointer.folder(settings.bundles))
    with Index(settings) as index:
        index.refresh()
        pool, done = _answers(index, pointer, labelled=False).answered(), _answers(index, pointer, labelled=True)
        told = labels(index, use_case, pointer.bundle, facts).labelled
        shadow = read_challenger(settings.bundles, use_case)
        disputed = _disputed(index, pool, shadow, facts) if shadow is not None and shadow.mode == "shadow" else frozenset()
    worst = worst_group(told)
    known = [reference.embeddings, _embeddings(windows.payloads(done, settings))] if len(done) else [reference.embeddings]
    payloads = windows.payloads(pool, settings)
    requests = tuple(rank(payloads, np.concatenate(known), worst, number, disputed)) if payloads else ()
    return Queue(use_case, pointer.version, pointer.bundle, len(payloads), len(told.truths), worst, requests)


def rank(
    payloads: Sequence[Mapping[str, Any]],
    known: NDArray[np.float64],
    worst: Worst | None,
    number: int,
    disputed: Collection[str] = frozenset(),
) -> Iterator[Queued]:
    """Yield the most worthwhile of some answers, the best first.

    Args:
        payloads: what the record holds of each.
        known: embeddings that need no label, [m, C].
        worst: a subgroup that counts for more.
        number: how many.
        disputed: requests that a shadow decides otherwise.
    """
    unsure = np.array([float(payload["uncertainty"]) for payload in payloads])
    belongs = np.array([worst is not None and payload[worst.attribute] == worst.word for payload in payloads])
    contested = np.array([payload["request_id"] in disputed for payload in payloads])
    weights = (1 + unsure) / 2 * np.where(belongs, _WORST, 1.0) * np.where(contested, _DISPUTED, 1.0)
    chosen = cover(_embeddings(payloads), weights, known, number)
    for turn, place in enumerate(chosen.places):
        payload, group = payloads[place], worst if belongs[place] else None
        distance, doubt, others = float(chosen.distances[turn]), float(unsure[place]), int(chosen.stands_for[turn])
        yield Queued(
            request_id=payload["request_id"],
            time=payload["time"],
            score=float(chosen.gains[turn]),
            uncertainty=doubt,
            distance=distance,
            stands_for=others,
            why=_why(distance, doubt, others, group, disputed=bool(contested[place])),
            **{name: payload[name] for name in ATTRIBUTES},
        )


def _why(distance: float, unsure: float, stands_for: int, worst: Worst | None, *, disputed: bool) -> str:
    reasons = [
        *(["the shadow decides otherwise"] if disputed else []),
        *([f"{distance:.1f} times the usual distance from any image with a label"] if distance > 1 else []),
        *([f"stands for {stands_for} answers"] if stands_for > 1 else []),
        *([f"unsure ({unsure:.2f})"] if unsure >= _UNSURE else []),
        *([f"{worst.attribute} {worst.word} is answered worst (Brier {worst.brier:.2f}, n {worst.n})"] if worst else []),
    ]
    return "; ".join(reasons) or "like what is known: nothing better is left"


def _embeddings(payloads: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    return np.stack([embedding(payload["embedding"]).astype(np.float64) for payload in payloads])


def worst_group(told: Labelled) -> Worst | None:
    """Return the subgroup with the largest Brier score, where it has labels enough and is worse than all together."""
    errors = ((told.scores - told.truths) ** 2).mean(axis=1) if len(told.truths) else np.empty(0)
    overall = float(errors.mean()) if len(errors) else 0.0
    found = [
        Worst(name, str(word), float(errors[words == word].mean()), overall, int((words == word).sum()))
        for name, words in told.groups.items()
        for word in np.unique(words)
        if word != "unknown" and (words == word).sum() >= LEAST_LABELS
    ]
    worst = max(found, key=lambda group: group.brier, default=None)
    return worst if worst is not None and worst.brier > worst.overall else None


def as_csv(found: Queue, paths: dict[str, str] | None = None) -> str:
    """Return the list as the table that `radloop feedback` takes once `label` is filled in.

    Args:
        found: the list.
        paths: where the images lie, by request, where that is known.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["request_id", "label", *(["path"] if paths is not None else []), "score", "why"])
    for item in found.requests:
        place = [] if paths is None else [paths.get(item.request_id, "")]
        writer.writerow([item.request_id, "", *place, f"{item.score:.4f}", item.why])
    return text.getvalue()


def _disputed(index: Index, pool: Window, shadow: Challenger, facts: BundleFacts) -> frozenset[str]:
    """Return the requests that a shadow decides otherwise than the champion did."""
    mine = {row[0]: row for row in _decisions(index, SHADOWS, shadow.bundle, pool)}
    theirs = [row for row in _decisions(index, ANSWERS, None, pool) if row[0] in mine]
    old, new = (
        calls([row[1] for row in rows], [row[2] for row in rows], facts)[1] for rows in (theirs, [mine[row[0]] for row in theirs])
    )
    return frozenset(row[0] for row, apart in zip(theirs, (old != new).any(axis=1), strict=True) if apart)


def _decisions(index: Index, table: sa.Table, bundle: str | None, pool: Window, each: int = 500) -> list[Sequence[Any]]:
    names = [str(row[COLUMNS.index("request_id")]) for row in pool.rows]
    whose = sa.true() if bundle is None else table.c.bundle == bundle
    question = sa.select(table.c.request_id, table.c.scores, table.c.positive).where(table.c.answered, whose)
    parts = (names[start : start + each] for start in range(0, len(names), each))
    return [row for part in parts for row in index.rows(question.where(table.c.request_id.in_(part)))]


def _answers(index: Index, pointer: Pointer, *, labelled: bool) -> Window:
    """Return the newest answers of a bundle with or without any label, the oldest first."""
    given = ANSWERS.c.request_id.in_(sa.select(FEEDBACK.c.request_id))
    question = (
        sa.select(*(ANSWERS.c[name] for name in COLUMNS))
        .where(ANSWERS.c.use_case == pointer.use_case, ANSWERS.c.bundle == pointer.bundle, ANSWERS.c.answered)
        .where(given if labelled else ~given)
        .order_by(ANSWERS.c.at.desc(), ANSWERS.c.request_id.desc())
        .limit(MOST_ANSWERS)
    )
    return Window(index.rows(question)[::-1])
