"""What a clip's drawing shows, in words."""

from __future__ import annotations

from dataclasses import replace

from radloop.serving.reading.timeline import tracks
from radloop.serving.reading.timeline_words import course, highest, mean, refusals, summary
from tests.serving.reading.clips import frame, make_clip_answer

CLIP, ANSWER = make_clip_answer()


def test_how_much_was_looked_at_and_what_was_refused() -> None:
    assert summary(CLIP) == "7 frames in 3.0 s, 2 a second."
    assert mean(CLIP) == "Of the whole clip: the mean of 6 of its 7 frames, as the evidence judged clips."
    assert refusals(CLIP) == "Refused: 1 of 7 frames, at 1.5 s: blank image (1)."
    assert refusals({**CLIP, "refused": 0}) == ""


def test_when_a_label_is_positive() -> None:
    nodule, mass = tracks(CLIP, ANSWER)
    assert highest(nodule) == "Highest at 2.0 s: 90.0%."
    assert course(nodule) == "At or above its threshold of 80.0% in 1 of 6 frames: at 2.0 s."
    assert course(mass) == "At or above its threshold of 50.0% in 4 of 6 frames: 0.5 to 1.0 s, at 2.0 s, at 3.0 s."
    assert course(replace(nodule, positive=(False,) * 7)) == "At or above its threshold of 80.0% in none of 6 frames."


def test_without_a_threshold_it_is_the_most_probable_one_or_unknown() -> None:
    mass = tracks(CLIP, ANSWER)[1]
    assert course(replace(mass, threshold=None)).startswith("The most probable label in 4 of 6 frames: 0.5 to 1.0 s")
    assert course(replace(mass, threshold=None, positive=(None,) * 7)) == "No threshold is known."


def test_many_stretches_are_not_all_named() -> None:
    frames = [frame(0.5 * k, 0.6 if k % 2 else 0.1) for k in range(14)]  # seven stretches of one frame
    mass = tracks({**CLIP, "timeline": frames}, ANSWER)[1]
    assert course(mass).endswith("in 7 of 14 frames: at 0.5 s, at 1.5 s, at 2.5 s, at 3.5 s, at 4.5 s and 2 times more.")
