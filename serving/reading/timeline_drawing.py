"""A clip over its time as HTML of ours: a drawing a label, and a table by the second. Every word from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from radloop.serving.reading.timeline import Clip, Second, Span, Track, by_second, refused, runs, spans, tracks
from radloop.serving.reading.timeline_words import course, highest, refusals, summary
from radloop.serving.reading.words import percent

_OPEN = 4
"""How many labels are drawn at once; the others are a press away."""
_NO_ROOM = 0.85
"""A probability above which no words fit over it."""
_KEY = (("curve", "probability"), ("threshold", "threshold"), ("above", "positive"), ("refused", "refused frames"))


def timeline(clip: Clip | None, answer: Mapping[str, Any] | None) -> str:
    """Return a clip's timeline; empty where there is none."""
    if not clip or not answer or not clip["timeline"]:
        return ""
    drawings = figures(clip, answer)
    more = "".join(drawings[_OPEN:])
    folded = f"<details><summary>{len(drawings) - _OPEN} more labels</summary>{more}</details>" if more else ""
    key = "".join(f"<span><i class='{kind}'></i>{text}</span>" for kind, text in _KEY)
    return (
        f"<section class='timeline' aria-label='Timeline'><h2>Over time</h2><p class='quiet'>{escape(told(clip))}</p>"
        f"<p class='key' aria-hidden='true'>{key}</p>{''.join(drawings[:_OPEN])}{folded}{_table(clip)}</section>"
    )


def told(clip: Clip) -> str:
    """Return how much was looked at and what was refused, in words."""
    return f"{summary(clip)} {refusals(clip)}".strip()


def figures(clip: Clip, answer: Mapping[str, Any]) -> list[str]:
    """Return a drawing a label, the most probable label first."""
    gaps = refused(clip)
    return [_figure(track, gaps, float(clip["frames_per_second"])) for track in tracks(clip, answer)]


def _figure(track: Track, gaps: Sequence[Span], rate: float) -> str:
    end = max(track.seconds[-1], 1 / rate)
    above = spans(track.seconds, track.positive) if track.threshold is not None else ()
    bands = [_band("refused", span, end, rate) for span in gaps] + [_band("above", span, end, rate) for span in above]
    line = _threshold(track.threshold, track.peak[0] > 0.5 * end)
    marks = "".join(f"<span>{end * share:.1f} s</span>" for share in (0, 0.5, 1))
    words = f"{highest(track)} {course(track)}"
    name = escape(f"{track.label} over {end:.1f} s. {words}", quote=True)
    return (
        f"<figure><figcaption><strong>{escape(track.label)}</strong> <span class='quiet'>{escape(words)}</span></figcaption>"
        f"<div class='plot' role='img' aria-label='{name}'>{''.join(bands)}{line}"
        f"{_curve(track, end)}{_peak(track, end)}<span class='top'>100%</span><span class='foot'>0%</span></div>"
        f"<div class='axis' aria-hidden='true'>{marks}</div></figure>"
    )


def _curve(track: Track, end: float) -> str:
    """Return the line, broken at refused frames; a frame alone is a dot, which a line of no length with round ends is."""
    lines = []
    for run in runs(track):
        points = [f"{1000 * seconds / end:.1f},{100 - 100 * share:.1f}" for seconds, share in run]
        lines.append(f"<polyline points='{' '.join(points if len(points) > 1 else points * 2)}'/>")
    return f"<svg viewBox='0 0 1000 100' preserveAspectRatio='none' aria-hidden='true'>{''.join(lines)}</svg>"


def _band(kind: str, span: Span, end: float, rate: float) -> str:
    """Return a stretch of frames, each as wide as the time that it stands for."""
    left, right = max(0.0, span[0] - 0.5 / rate), min(end, span[1] + 0.5 / rate)
    return f"<i class='{kind}' style='left:{100 * left / end:.2f}%;width:{100 * (right - left) / end:.2f}%'></i>"


def _threshold(threshold: float | None, opposite: bool) -> str:
    if threshold is None:
        return ""
    sides = ("left" if opposite else "right", "below" if threshold > _NO_ROOM else "over")
    text = f"<span class='{' '.join(sides)}'>positive from {percent(threshold)}</span>"
    return f"<b class='threshold' style='bottom:{100 * threshold:.1f}%'>{text}</b>"


def _peak(track: Track, end: float) -> str:
    seconds, probability = track.peak
    across = 100 * seconds / end
    sides = ("before" if across > 60 else "after", "below" if probability > _NO_ROOM else "over")  # above it no line can be
    text = f"<span class='{' '.join(sides)}'>{percent(probability)} at {seconds:.1f} s</span>"
    return f"<b class='peak' style='left:{across:.1f}%;bottom:{100 * probability:.1f}%'>{text}</b>"


def _table(clip: Clip) -> str:
    names = "".join(f"<th scope='col'>{escape(label)}</th>" for label in clip["labels"])
    rows = "".join(_row(second) for second in by_second(clip))
    head = f"<thead><tr><th scope='col'>Second</th><th scope='col'>Frames</th>{names}</tr></thead>"
    caption = "<caption>Highest calibrated probability in each second</caption>"
    place = "<div class='scroll' tabindex='0' role='region' aria-label='Table of the timeline'>"
    return f"<details><summary>As a table</summary>{place}<table>{caption}{head}<tbody>{rows}</tbody></table></div></details>"


def _row(second: Second) -> str:
    frames = f"{second.frames}, {second.refused} refused" if second.refused else str(second.frames)
    cells = "".join(f"<td>{_cell(*one)}</td>" for one in zip(second.highest, second.positive, strict=True))
    return f"<tr><th scope='row'>{second.start} to {second.start + 1}</th><td>{frames}</td>{cells}</tr>"


def _cell(probability: float | None, positive: bool) -> str:
    if probability is None:
        return "refused"
    return percent(probability) + (" <strong>positive</strong>" if positive else "")
