"""A recipe: what it forgets, and what it does not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from radloop.use_case.search import Recipe


def test_a_retired_key_that_asked_for_nothing_is_forgotten() -> None:
    assert Recipe.model_validate_json('{"mirror": false, "dropout": 0.3}') == Recipe(dropout=0.3)


@pytest.mark.parametrize("document", ['{"mirror": true}', '{"mirrored": false}'], ids=["asks-for-something", "unknown"])
def test_what_a_recipe_cannot_do_is_refused(document: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Recipe.model_validate_json(document)
