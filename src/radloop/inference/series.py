"""What the slices of one series say together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from radloop.images.header import Header
from radloop.images.series import sort_series
from radloop.inference.answer import Answer


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeriesFinding(_Part):
    """One label over a series.

    Attributes:
        probability: the largest mean of a slice and its two neighbours. It was calibrated for slices, not for series: it ranks.
        slice: the number of the image in the middle of them, as the images were sent.
    """

    label: str
    probability: float
    slice: int


class SeriesAnswer(_Part):
    """The slices of one DICOM series that one use case answered.

    Attributes:
        images: their numbers as they were sent, in the order in which they lie in the patient.
        regular: whether they lie at known, different and evenly spaced positions: no slice is missing within.
    """

    use_case: str
    images: tuple[int, ...]
    regular: bool
    findings: tuple[SeriesFinding, ...]


def sum_up(answers: Sequence[tuple[int, Header, Answer]]) -> tuple[SeriesAnswer, ...]:
    """Return what each series of at least two answered slices says.

    Args:
        answers: numbers of images as they were sent, with what the files say about themselves.
    """
    grouped: dict[tuple[str, str], list[tuple[int, Header, Answer]]] = {}
    for item in answers:
        if item[1].series is not None:
            grouped.setdefault((item[1].series, item[2].model.bundle), []).append(item)
    return tuple(_series(slices) for slices in grouped.values() if len(slices) > 1)


def _series(slices: list[tuple[int, Header, Answer]]) -> SeriesAnswer:
    ordered = sort_series(slices, lambda item: (item[1].position, item[1].instance))
    numbers = tuple(number for number, _, _ in ordered.slices)
    first = ordered.slices[0][2]
    found = []
    for k, finding in enumerate(first.findings):
        means = neighbours([answer.findings[k].probability for _, _, answer in ordered.slices])
        top = int(np.argmax(means))
        found.append(SeriesFinding(label=finding.label, probability=means[top], slice=numbers[top]))
    return SeriesAnswer(use_case=first.use_case, images=numbers, regular=ordered.regular, findings=tuple(found))


def neighbours(values: Sequence[float]) -> list[float]:
    """Return the mean of each value and those beside it; the first and the last have one neighbour.

    Example:
        >>> neighbours([0.0, 0.6, 0.9])
        [0.3, 0.5, 0.75]
    """
    windows = (values[max(0, k - 1) : k + 2] for k in range(len(values)))
    return [float(sum(window) / len(window)) for window in windows]


def urgency(answer: Answer) -> tuple[int, float, float]:
    """Return what a work list is sorted by, the largest first.

    A positive finding comes before an abstention and that before all else; within each the graver, then the more probable. Of
    classes one is always positive: nothing says which of them is graver.
    """
    positive = [finding.probability for finding in answer.findings if finding.positive]
    rank = 2 if positive else 1 if answer.abstained else 0
    severity = answer.severity.score if answer.severity else 0.0
    return rank, severity, max(positive or [finding.probability for finding in answer.findings])
