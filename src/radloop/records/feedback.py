"""The record of feedback: labels that readers confirmed, by the request that was answered.

Hash-chained segments as those of the answers (see `radloop.records.answers`). An entry names the request, the label words,
who read, and the patient's pseudonym of the answer, so that erasing a patient blanks it too. Nothing is ever
overwritten: what stands is worked out from all that was given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from radloop.records.answers import every
from radloop.settings import Settings

Status = Literal["new", "duplicate", "contradicts"]


def feedback_folder(settings: Settings) -> Path:
    """Return the folder of the record's segments."""
    return settings.place / "records" / "feedback"


@dataclass(frozen=True, slots=True)
class Given:
    """One reader's label of one request.

    Attributes:
        time: ISO 8601, UTC; of one form, so that words sort as times do.
        labels: words of the use case, sorted; several only where an image may have several findings.
        reader: who read; None is nobody in particular.
        settles: it outweighs everything that was given before it.
    """

    time: str
    labels: tuple[str, ...]
    reader: str | None = None
    settles: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What all feedback on one request comes to.

    Attributes:
        labels: the truth; None while readers contradict each other.
        readers: how many said what stands, or contradict each other.
        time: of the last that counts, ISO 8601.
    """

    labels: tuple[str, ...] | None
    readers: int
    time: str

    @property
    def contradicted(self) -> bool:
        """Tell whether readers disagree."""
        return self.labels is None


def standing(given: Iterable[Given]) -> Standing | None:
    """Return what stands; None without feedback.

    The latest of each reader counts. One that settles outweighs what was given before it, whoever gave that. Readers
    that still differ contradict each other, and nothing stands until one of them changes it or it is settled.
    """
    latest: dict[str | None, Given] = {}
    for item in sorted(given, key=lambda item: item.time):
        if item.settles:
            latest.clear()
        latest[item.reader] = item
    if not latest:
        return None
    words = {item.labels for item in latest.values()}
    return Standing(words.pop() if len(words) == 1 else None, len(latest), max(item.time for item in latest.values()))


def status_of(new: Given, before: Collection[Given]) -> Status:
    """Return what a label is beside those given before it."""
    own = standing(item for item in before if item.reader == new.reader)
    after = standing([*before, new])
    if own is not None and own.labels == new.labels and not new.settles:
        return "duplicate"
    return "contradicts" if after is not None and after.contradicted else "new"


def given_to(request_ids: Collection[str], folder: Path) -> dict[str, list[Given]]:
    """Return all feedback on some requests, by request."""
    return {name: [given(payload) for payload in payloads] for name, payloads in every(request_ids, folder).items()}


def given(payload: Mapping[str, Any]) -> Given:
    """Return an entry's payload as feedback."""
    return Given(payload["time"], tuple(payload["labels"]), payload["reader"], payload["settles"])


def payload(new: Given, answer: Mapping[str, Any], key: str | None, source: Literal["api", "csv"]) -> dict[str, Any]:
    """Return what the record keeps.

    Args:
        new: the label.
        answer: the payload of the answer that it is about.
        key: the name of the API key that sent it.
        source: the way it came.
    """
    return {
        "schema_version": 1,
        "kind": "feedback",
        "time": new.time,
        "request_id": answer["request_id"],
        "use_case": answer["use_case"],
        "bundle": answer["model"]["bundle"],
        "labels": list(new.labels),
        "reader": new.reader,
        "settles": new.settles,
        "key": key,
        "source": source,
        "patient": answer["patient"],
    }


def now() -> str:
    """Return the time as feedback keeps it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
