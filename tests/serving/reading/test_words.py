"""What a reader is told."""

from __future__ import annotations

from typing import Any

import pytest

from radloop.serving.reading import words

BINARY = {"labels": {"kind": "binary", "positive": "tuberculosis", "negative": "normal"}}
CLASSES = {"labels": {"kind": "multiclass", "classes": ["glioma", "none"]}}
FINDINGS = {"labels": {"kind": "multilabel", "findings": ["mass", "nodule"], "none": "none"}}
REGION = {"labels": {"kind": "segmentation", "target": "tumour", "none": "none"}}


def answer(*findings: tuple[str, float, float | None, bool | None], **members: Any) -> dict[str, Any]:
    names = ("label", "probability", "threshold", "positive")
    made = [dict(zip(names, one, strict=True)) for one in findings]
    return {"findings": made, "abstained": None, "prediction_set": None, "uncertainty": 0.25, "severity": None} | members


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.5, "50.0%"), (0.9996, "over 99.9%"), (0.0004, "under 0.1%"), (0.0, "0.0%"), (1.0, "100.0%"), (0.999, "99.9%")],
)
def test_a_share_is_never_rounded_to_certainty(share: float, text: str) -> None:
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("given", "facts", "expected"),
    [
        (answer(("tuberculosis", 0.9, 0.4, True)), BINARY, ("Suspected: tuberculosis", "alert")),
        (answer(("tuberculosis", 0.3, 0.4, False)), BINARY, ("Below the threshold: tuberculosis", "calm")),
        (answer(("tuberculosis", 0.3, None, None)), BINARY, ("Undecided: tuberculosis", "open")),
        (answer(("glioma", 0.2, None, False), ("none", 0.8, None, True)), CLASSES, ("Most probable: none", "calm")),
        (answer(("mass", 0.6, 0.4, True), ("nodule", 0.8, 0.4, True)), FINDINGS, ("Suspected: nodule, mass", "alert")),
        (answer(("mass", 0.1, 0.4, False), ("nodule", 0.2, 0.4, False)), FINDINGS, ("No finding above its threshold", "calm")),
        (answer(("t", 0.9, 0.4, True), abstained="set: x"), BINARY, ("No answer: the model abstains", "open")),
    ],
)
def test_the_headline(given: dict[str, Any], facts: dict[str, Any], expected: tuple[str, str]) -> None:
    assert words.headline(given, facts) == expected


def test_what_is_not_sure_is_said() -> None:
    given = answer(
        ("t", 0.5, 0.4, True),
        abstained="set_too_large: both labels remain.",
        prediction_set={"coverage": 0.95, "labels": ["t", "normal"]},
    )
    assert words.certainty(given) == [
        "The model abstains: both labels remain.",
        "At 95% coverage these cannot be excluded: t, normal.",
        "Uncertainty 0.25, where 0 is sure and 1 is a guess.",
    ]
    empty = words.certainty(answer(("t", 0.5, 0.4, True), prediction_set={"coverage": 0.9, "labels": []}))
    assert empty[0] == "At 90% coverage nothing the model knows fits this image."


def test_places_severity_and_heat() -> None:
    given = answer(("t", 0.9, 0.4, True), severity={"grade": "ward", "score": 0.385})
    assert words.severity(given, {"levels": ["ward", "died"]}) == ["Severity: ward, 0.39 on a scale from 0 (ward) to 1 (died)."]
    given["findings"][0] |= {"boxes": [[0, 0, 2, 2]], "point": [1, 0]}
    assert words.places(given) == ["1 region is marked, strongest at column 1, row 0."]
    given["findings"][0] |= {"boxes": []}
    assert words.places(given) == ["No clear region, strongest at column 1, row 0."]
    withheld = {"explanation": {"png": None, "withheld": "not_sane: it failed its test."}}
    assert words.heat(withheld) == "The heat map is withheld: it failed its test."
    assert words.heat({}) == "There is no heat map."


def test_warnings_lose_their_codes_and_the_synthetic_one_its_place() -> None:
    given = {"warnings": ["synthetic_model: generated.", "display_window: read at 3: 4."]}
    assert words.warnings(given) == ["Read at 3: 4."] and words.is_synthetic(given)


def test_refusals_are_for_people() -> None:
    assert words.advice({"code": "ambiguous_use_case", "hint": "use_case=x"})[1] == "Choose the one that you mean."
    assert words.advice({"code": "new_one", "detail": "it is black", "hint": ""}) == ("It is black.", "")


@pytest.mark.parametrize(
    ("given", "facts", "agreed"),
    [
        (answer(("tuberculosis", 0.9, 0.4, True)), BINARY, ["tuberculosis"]),
        (answer(("tuberculosis", 0.1, 0.4, False)), BINARY, ["normal"]),
        (answer(("tuberculosis", 0.1, None, None)), BINARY, None),
        (answer(("tuberculosis", 0.9, 0.4, True), abstained="a: b"), BINARY, None),
        (answer(("glioma", 0.2, None, False), ("none", 0.8, None, True)), CLASSES, ["none"]),
        (answer(("mass", 0.6, 0.4, True), ("nodule", 0.1, 0.4, False)), FINDINGS, ["mass"]),
        (answer(("mass", 0.1, 0.4, False), ("nodule", 0.1, 0.4, False)), FINDINGS, []),
        (answer(("tumour", 0.1, 0.5, False)), REGION, ["none"]),
    ],
)
def test_agreeing_is_a_word_of_the_use_case(given: dict[str, Any], facts: dict[str, Any], agreed: list[str] | None) -> None:
    assert words.judged(given, facts) == agreed
    assert agreed is None or set(agreed) <= set(words.judgements(facts))


@pytest.mark.parametrize(
    ("job", "text"),
    [
        (None, "Waits for its turn"),
        ({"status": "waiting", "frames": 0}, "Waits for its turn"),
        ({"status": "running", "frames": 1}, "Being read: 1 frame so far"),
        ({"status": "running", "frames": 40}, "Being read: 40 frames so far"),
    ],
)
def test_how_far_a_clip_is(job: dict[str, Any] | None, text: str) -> None:
    assert words.short(None, None, None, job) == (text, "open")


def test_a_cancelled_clip_is_not_called_refused() -> None:
    assert words.short(None, {"code": "job_cancelled"}, None) == ("Cancelled: The clip was not read to its end.", "refused")
    assert words.refused({"code": "blank_image"}) == "Refused"
