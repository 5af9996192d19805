"""The page's own HTML."""

from __future__ import annotations

from typing import Any

from radloop.serving.reading.desk import Case, Desk
from radloop.serving.reading.fragments import EMPTY, notices, result, timeline, work_list


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


def test_a_timeline_by_hand() -> None:
    frames = [{"seconds": 0.0, "probability": 0.2}, {"seconds": 4.0, "probability": 0.75}]
    text = timeline(frames, "t", 0.5)
    assert "points='0.0,80.0 600.0,25.0'" in text and "y1='50.0'" in text
    assert "highest at 4.0 s with 75.0%, 2 frames in 4.0 s" in text
    assert timeline([], "t", None) == ""
