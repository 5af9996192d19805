"""A clip over its time in words: what its drawing shows, for who does not see it."""

from __future__ import annotations

from collections.abc import Sequence

from radloop.serving.reading.timeline import Clip, Span, Track, reasons, refused, spans
from radloop.serving.reading.words import percent

_TOLD = 5
"""How many stretches are named; a table has them all."""


def summary(clip: Clip) -> str:
    """Return how much of a clip was looked at."""
    frames = clip["timeline"]
    many = f"{len(frames)} {'frame' if len(frames) == 1 else 'frames'}"
    return f"{many} in {float(frames[-1]['seconds']):.1f} s, {clip['frames_per_second']:g} a second."


def mean(clip: Clip) -> str:
    """Return what the clip's own probability is made of."""
    answered = len(clip["timeline"]) - int(clip["refused"])
    return f"Of the whole clip: the mean of {answered} of its {len(clip['timeline'])} frames, as the evidence judged clips."


def refusals(clip: Clip) -> str:
    """Return which frames were refused and why; empty where none was."""
    if not clip["refused"]:
        return ""
    why = ", ".join(f"{code.replace('_', ' ')} ({count})" for code, count in reasons(clip))
    return f"Refused: {clip['refused']} of {len(clip['timeline'])} frames, {_when(refused(clip))}: {why}."


def highest(track: Track) -> str:
    """Return where a label is highest."""
    seconds, probability = track.peak
    return f"Highest at {seconds:.1f} s: {percent(probability)}."


def course(track: Track) -> str:
    """Return when a label is positive."""
    answered = sum(one is not None for one in track.probabilities)
    times = spans(track.seconds, track.positive)
    count = sum(one is True for one in track.positive)
    if track.threshold is None and all(one is None for one in track.positive):
        return "No threshold is known."
    what = "The most probable label" if track.threshold is None else f"At or above its threshold of {percent(track.threshold)}"
    if not times:
        return f"{what} in none of {answered} frames."
    return f"{what} in {count} of {answered} frames: {_when(times)}."


def _when(times: Sequence[Span]) -> str:
    told = [f"at {start:.1f} s" if start == end else f"{start:.1f} to {end:.1f} s" for start, end in times[:_TOLD]]
    more = len(times) - len(told)
    return ", ".join(told) + (f" and {more} {'time' if more == 1 else 'times'} more" if more else "")
