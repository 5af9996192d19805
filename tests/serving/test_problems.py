"""Errors to HTTP statuses."""

from __future__ import annotations

import json

import pytest

from radloop.errors import InadmissibleImage, InputError, IntegrityError, RadloopError, Refusal, ToolError
from radloop.serving.problems import problem, status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("unknown_use_case", ""), 404),
        (InputError("invalid_clinical_value", ""), 422),
        (InadmissibleImage("foreign_modality", ""), 422),
        (Refusal("unknown_format", ""), 415),
        (Refusal("image_too_large", ""), 413),
        (Refusal("no_champion", ""), 503),
        (Refusal("ambiguous_use_case", ""), 422),
        (IntegrityError("tampered_bundle", ""), 503),
        (ToolError("internal_error", ""), 500),
    ],
)
def test_statuses(error: RadloopError, status: int) -> None:
    assert status_of(error) == status


def test_the_body() -> None:
    response = problem(InadmissibleImage("foreign_body_part", "a hand", "send a chest"), "r1")
    assert response.media_type == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "urn:radloop:problem:foreign_body_part",
        "title": "Foreign body part",
        "status": 422,
        "code": "foreign_body_part",
        "detail": "a hand",
        "hint": "send a chest",
        "request_id": "r1",
    }
