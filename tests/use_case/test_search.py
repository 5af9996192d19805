"""How one trial trains, as it is written."""

from __future__ import annotations

import json

from radloop.use_case.search import Recipe


def test_sharpness_is_written_only_where_it_is_used() -> None:
    assert "sharpness" not in Recipe().model_dump(mode="json")
    written = Recipe(sharpness=0.5).model_dump(mode="json")
    assert written["sharpness"] == 0.5
    assert Recipe.model_validate_json(json.dumps(written)).sharpness == 0.5
