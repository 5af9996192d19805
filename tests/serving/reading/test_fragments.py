"""The page's own HTML."""

from __future__ import annotations

from typing import Any

from radloop.serving.reading.desk import Case, Desk
from radloop.serving.reading.fragments import EMPTY, notices, result, work_list


def answer(probability: float, label: str = "t<i>") -> dict[str, Any]:
    finding = {"label": label, "probability": probability, "threshold": 0.5, "positive": probability >= 0.5}
    return {
        "use_case": "uc",
        "request_id": "r<b>",
        "findings": [finding],
        "uncertainty": 0.5,
        "model": {"version": 1},
        "warnings": ["code: <script>"],
        "abstained": None,
        "recorded": True,
    }


def test_the_most_urgent_is_first_and_names_are_escaped() -> None:
    desk = Desk([Case("<a>", b"", answer=answer(0.1)), Case("b", b"", answer=answer(0.9))], shown=1)
    text = work_list(desk, {})
    assert text.index("data-case='1'") < text.index("data-case='0'")
    assert "data-case='1' aria-current='true'" in text and "&lt;a&gt;" in text and "<a>" not in text
    assert work_list(Desk(desk.cases[:1]), {}) == ""


def test_nothing_of_an_answer_is_markup() -> None:
    text = result(Case("a", b"", answer=answer(0.9)), {})
    for word in ("<i>", "<b>", "<script"):
        assert word not in text.replace("<b style", "").replace("<i style", "")
    assert "left:50.0%" in text and "width:90.0%" in text and "recorded" in text


def test_a_refusal_says_why() -> None:
    problem = {"code": "foreign_body_part", "detail": "it shows a hand", "hint": "send a chest", "request_id": "r"}
    text = result(Case("a", b"", problem=problem), {})
    assert "It shows a hand." in text and "Send a chest." in text and "foreign_body_part" in text
    assert result(None, {}) == EMPTY


def test_the_page_is_plain_about_itself() -> None:
    assert "Not a medical device" in notices(False) and "Synthetic" not in notices(False)
    assert "Synthetic model" in notices(True)


def test_a_clip_that_is_read_says_how_far_it_is_and_stands_last() -> None:
    clip = Case("clip", b"", job={"status": "running", "frames": 12})
    assert "Being read: 12 frames so far" in result(clip, {}) and "role='status'" in result(clip, {})
    assert "Waits for its turn" in result(Case("clip", b""), {})
    text = work_list(Desk([clip, Case("a", b"", problem={"code": "x", "detail": "y", "hint": ""})]), {})
    assert text.index("Refused: Y.") < text.index("Being read: 12 frames")
    assert "Cancelled" in result(Case("clip", b"", problem={"code": "job_cancelled"}), {})


def test_a_clips_answer_names_its_frames_and_has_no_heat_map() -> None:
    given = answer(0.9) | {"findings": [*answer(0.9)["findings"], *answer(0.1, "u")["findings"]]}
    frames = {"labels": ["t<i>", "u"], "timeline": [{"refused": None}, {"refused": "blank_image"}], "refused": 1}
    image, clip = (result(Case("a", b"", answer=given, clip=one), {}) for one in (None, frames))
    assert "data-target" in image and "There is no heat map." in image
    assert "data-target" not in clip and "heat map" not in clip
    assert "the mean of 1 of its 2 frames" in clip and "A clip has no DICOM header" in clip
