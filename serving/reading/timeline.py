"""A clip over its time: every label's probability against its threshold, which frames were refused, where each is highest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Clip = Mapping[str, Any]
"""The answer of the service without its clip-level `answer`: `labels`, `timeline`, `peaks`, `refused`, `frames_per_second`."""
Span = tuple[float, float]
"""From and to, in seconds from the first frame of the clip."""


@dataclass(frozen=True)
class Track:
    """One label's way through a clip.

    Attributes:
        label: its name.
        threshold: probability from which it is positive; None where there is none.
        seconds: of every frame.
        probabilities: of every frame, None where it was refused.
        positive: of every frame; None where it was refused, or where nothing says from when it is.
        peak: seconds and probability where it is highest.
    """

    label: str
    threshold: float | None
    seconds: tuple[float, ...]
    probabilities: tuple[float | None, ...]
    positive: tuple[bool | None, ...]
    peak: tuple[float, float]


@dataclass(frozen=True)
class Second:
    """What one second of a clip holds.

    Attributes:
        start: whole seconds.
        frames: that were looked at.
        refused: how many of them were.
        highest: of each label, of the frames that were answered; None where none was.
        positive: likewise, whether any frame is.
    """

    start: int
    frames: int
    refused: int
    highest: tuple[float | None, ...]
    positive: tuple[bool, ...]


def tracks(clip: Clip, answer: Mapping[str, Any]) -> list[Track]:
    """Return every label's track, the label that is most probable over the whole clip first.

    Args:
        clip: its frames.
        answer: for the whole clip.
    """
    found = {one["label"]: one for one in answer["findings"]}
    peaks = {one["label"]: (float(one["seconds"]), float(one["probability"])) for one in clip["peaks"]}
    made = [
        Track(
            label=label,
            threshold=found[label]["threshold"],
            seconds=tuple(float(frame["seconds"]) for frame in clip["timeline"]),
            probabilities=tuple(_each(clip, "probabilities", place)),
            positive=tuple(_each(clip, "positive", place)),
            peak=peaks[label],
        )
        for place, label in enumerate(clip["labels"])
    ]
    return sorted(made, key=lambda track: -float(found[track.label]["probability"]))


def runs(track: Track) -> list[list[tuple[float, float]]]:
    """Return the stretches without a refused frame, each as points of seconds and probability: no line leads over a gap."""
    made: list[list[tuple[float, float]]] = [[]]
    for seconds, probability in zip(track.seconds, track.probabilities, strict=True):
        if probability is None:
            made.append([])
        else:
            made[-1].append((seconds, probability))
    return [run for run in made if run]


def spans(seconds: Sequence[float], marked: Iterable[object]) -> list[Span]:
    """Return the stretches of marked frames, from the first to the last frame of each.

    Example:
        >>> spans([0.0, 0.5, 1.0, 1.5], [True, True, False, True])
        [(0.0, 0.5), (1.5, 1.5)]
    """
    made: list[Span] = []
    before = False
    for place, mark in zip(seconds, marked, strict=True):
        if mark and before:
            made[-1] = (made[-1][0], place)
        elif mark:
            made.append((place, place))
        before = bool(mark)
    return made


def refused(clip: Clip) -> list[Span]:
    """Return the stretches of refused frames."""
    return spans([float(one["seconds"]) for one in clip["timeline"]], [one["refused"] for one in clip["timeline"]])


def reasons(clip: Clip) -> list[tuple[str, int]]:
    """Return why frames were refused, as codes, and how many were for each; the most frequent first."""
    return Counter(str(one["refused"]) for one in clip["timeline"] if one["refused"]).most_common()


def by_second(clip: Clip) -> list[Second]:
    """Return the clip second by second; one in which no frame was looked at is not there."""
    whole: dict[int, list[Any]] = {}
    for frame in clip["timeline"]:
        whole.setdefault(int(float(frame["seconds"])), []).append(frame)
    return [_second(start, frames, len(clip["labels"])) for start, frames in sorted(whole.items())]


def _second(start: int, frames: Sequence[Any], labels: int) -> Second:
    answered = [frame for frame in frames if not frame["refused"]]
    highest = tuple(max((frame["probabilities"][k] for frame in answered), default=None) for k in range(labels))
    positive = tuple(any(frame["positive"][k] for frame in answered) for k in range(labels))
    return Second(start, len(frames), len(frames) - len(answered), highest, positive)


def _each(clip: Clip, member: str, place: int) -> Iterator[Any]:
    for frame in clip["timeline"]:
        yield None if frame["refused"] else frame[member][place]
