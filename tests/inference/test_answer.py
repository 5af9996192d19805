"""The heat map and the body."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
from PIL import Image

from radloop.inference.answer import Answer, Finding, Model
from radloop.inference.heat import heat_map


def pixels(encoded: str) -> list[list[int]]:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.asarray(image).tolist()


def test_the_largest_value_is_white() -> None:
    assert pixels(heat_map(np.array([[0.0, 0.5], [1.0, 2.0]], np.float32))) == [[0, 64], [128, 255]]


def test_an_empty_map_is_black() -> None:
    assert pixels(heat_map(np.zeros((2, 2), np.float32))) == [[0, 0], [0, 0]]


def test_the_body_has_every_member_of_the_interface() -> None:
    answer = Answer(
        request_id="r",
        use_case="tb-cxr",
        model=Model(version=4, bundle="b", data_version="d", evidence="e"),
        findings=(Finding(label="tuberculosis", probability=0.91, threshold=0.42, positive=True),),
        uncertainty=0.12,
    )
    assert json.loads(answer.model_dump_json()) == {
        "schema_version": 1,
        "request_id": "r",
        "use_case": "tb-cxr",
        "model": {"version": 4, "bundle": "b", "data_version": "d", "evidence": "e"},
        "findings": [
            {"label": "tuberculosis", "probability": 0.91, "threshold": 0.42, "positive": True, "boxes": None, "point": None}
        ],
        "prediction_set": None,
        "abstained": None,
        "severity": None,
        "uncertainty": 0.12,
        "explanation": None,
        "segmentation": None,
        "warnings": [],
        "recorded": False,
    }
