"""A reader's judgement of an answer on its way to the service, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radloop.client import ServiceError
from radloop.serving.reading.asking import problem_of
from radloop.serving.reading.visit import Visit
from radloop.serving.reading.words import advice

_TOLD = {"duplicate": "It was known already.", "contradicts": "It contradicts what was said before; both are kept."}


@dataclass(frozen=True)
class Judged:
    """What became of it.

    Attributes:
        taken: whether the service has it.
        text: for the reader.
    """

    taken: bool
    text: str


def judge(visit: Visit, request_id: str, labels: Sequence[str], name: str, several: bool) -> Judged:
    """Send what an image or a clip shows.

    Args:
        visit: whose key is used.
        request_id: of the answer.
        labels: words of its use case; none of several findings is said by an empty list.
        name: of the reader, may be empty.
        several: whether any number of labels can be true; otherwise the first is sent.
    """
    try:
        with visit.asking() as asking:
            done = asking.feedback(request_id, list(labels) if several else labels[0], name)
    except ServiceError as error:
        what, remedy = advice(problem_of(error))
        return Judged(False, f"Not taken: {what} {remedy} ({error.code})".replace("  ", " "))
    text = f"Thank you, noted: {', '.join(labels) or 'none of the findings'}. {_TOLD.get(str(done.get('status')), '')}"
    return Judged(True, text.strip())
