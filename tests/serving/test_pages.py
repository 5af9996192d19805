"""The pages run only what is in them."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from radloop.serving.app import create_app
from radloop.serving.pages import docs_page, page_headers
from radloop.settings import Settings


@pytest.mark.parametrize("page", [docs_page(create_app(Settings()).openapi())])
def test_style_and_script_are_named_by_their_hash(page: str) -> None:
    policy = page_headers(page)["content-security-policy"]
    for kind in ("style", "script"):
        for text in re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL):
            assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert "unsafe" not in policy
    assert not re.search(r"\son\w+=|\sstyle=", page)  # neither handlers nor styles in attributes: the policy would stop them


def test_the_documentation_shows_every_operation_and_field() -> None:
    openapi = create_app(Settings()).openapi()
    page = docs_page(openapi)
    assert {
        "/v1/predict",
        "/v1/predict_batch",
        "/v1/predict_video",
        "/v1/segment",
        "/v1/use_cases",
        "/v1/preview",
        "/v1/feedback",
    } <= set(openapi["paths"])
    for word in (
        *openapi["paths"],
        "image",
        "clinical",
        "target",
        "prediction_set",
        "severity",
        "boxes",
        "most_urgent",
        "frames_per_second",
        "status",
        "503",
    ):
        assert word in page
    assert "{{" not in page


def test_the_documentation_escapes_what_it_shows() -> None:
    page = docs_page({"info": {"title": "<b>"}, "paths": {"/<i>": {"get": {"summary": "<u>"}}}})
    assert "<b>" not in page and "<i>" not in page and "<u>" not in page


def test_the_documentation_says_what_a_box_and_a_choice_are() -> None:
    schemas = create_app(Settings()).openapi()["components"]["schemas"]
    assert schemas["Finding"]["properties"]["boxes"]["anyOf"][0]["items"]["prefixItems"] == [{"type": "integer"}] * 4
    page = docs_page(
        {
            "info": {"title": "t"},
            "paths": {
                "/x": {
                    "get": {
                        "responses": {
                            "200": {
                                "content": {
                                    "application/json": {
                                        "schema": {
                                            "properties": {
                                                "box": {
                                                    "type": "array",
                                                    "prefixItems": [{"type": "integer"}, {"type": "number"}],
                                                },
                                                "one": {"oneOf": [{"type": "string"}, {"type": "null"}]},
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            },
        }
    )
    assert "[integer, number], optional" in page and "string or null, optional" in page
