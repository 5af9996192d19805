"""A clip's drawing and table, by hand: three seconds are 1000 units across, 100% is 100 units up."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from radloop.serving.reading.timeline_drawing import timeline
from tests.serving.reading.clips import frame, make_clip_answer

CLIP, ANSWER = make_clip_answer()


def test_every_label_is_drawn_against_its_threshold() -> None:
    text = timeline(CLIP, ANSWER)
    nodule, mass = re.findall(r"<figure>.*?</figure>", text)
    assert "<polyline points='0.0,80.0 166.7,40.0 333.3,25.0'/><polyline points='666.7,35.0 833.3,70.0 1000.0,50.0'/>" in mass
    assert "<b class='threshold' style='bottom:50.0%'><span class='right over'>positive from 50.0%" in mass
    assert "<b class='threshold' style='bottom:80.0%'><span class='left over'>" in nodule
    assert "<b class='peak' style='left:33.3%;bottom:75.0%'><span class='after over'>75.0% at 1.0 s" in mass
    assert "<b class='peak' style='left:66.7%;bottom:90.0%'><span class='before below'>90.0% at 2.0 s" in nodule


def test_refused_and_positive_frames_are_marked_as_wide_as_the_time_they_stand_for() -> None:
    """A frame stands for half a second: 1.25 to 1.75 of 3 s; 0.5 to 1.0 s of positive frames for 0.25 to 1.25 s."""
    mass = re.findall(r"<figure>.*?</figure>", timeline(CLIP, ANSWER))[1]
    assert "<i class='refused' style='left:41.67%;width:16.67%'>" in mass
    assert "<i class='above' style='left:8.33%;width:33.33%'>" in mass
    assert "<i class='above' style='left:91.67%;width:8.33%'>" in mass  # the last frame ends with the clip
    assert mass.count("class='above'") == 3


def test_who_does_not_see_it_is_told_the_same() -> None:
    text = timeline(CLIP, ANSWER)
    assert "aria-label='mass over 3.0 s. Highest at 1.0 s: 75.0%. At or above its threshold of 50.0% in 4 of 6 frames" in text
    assert (
        "<tr><th scope='row'>1 to 2</th><td>2, 1 refused</td><td>75.0% <strong>positive</strong></td><td>70.0%</td></tr>" in text
    )
    assert text.count("<tr>") == 5 and "tabindex='0' role='region'" in text


def test_a_frame_alone_is_a_dot_and_one_frame_has_a_width() -> None:
    clip = {**CLIP, "timeline": [frame(0.0, 0.75, 0.1)], "refused": 0}
    clip["peaks"] = [{"label": label, "seconds": 0.0, "probability": 0.75} for label in ("mass", "nodule")]
    assert "<polyline points='0.0,25.0 0.0,25.0'/>" in timeline(clip, ANSWER)
    assert "<span>0.5 s</span></div>" in timeline(clip, ANSWER)  # at two a second


def test_labels_beyond_the_fourth_are_a_press_away_and_nothing_is_markup() -> None:
    names = [f"<i>{k}" for k in range(6)]
    clip = {
        **CLIP,
        "labels": names,
        "timeline": [{"seconds": 0.0, "probabilities": [0.1] * 6, "positive": [None] * 6, "refused": None}],
        "peaks": [{"label": name, "seconds": 0.0, "probability": 0.1} for name in names],
    }
    answer = {"findings": [{"label": name, "probability": 0.1, "threshold": None, "positive": None} for name in names]}
    text = timeline(clip, answer)
    assert "<summary>2 more labels</summary>" in text and text.count("<figure>") == 6
    assert "<i>" not in text and "threshold'" not in text.split("</p>", 2)[2]
    parser = HTMLParser()
    parser.feed(text)
    assert timeline(None, None) == timeline({**CLIP, "timeline": []}, ANSWER) == ""
