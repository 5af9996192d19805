"""The bundle against the trained network on `test`, in the precision that it is served in."""

from __future__ import annotations

import json
from typing import Any

from radloop.data.versions import DataVersion
from radloop.inference.predictor import Predictor
from radloop.records.runs import Run
from radloop.settings import Settings
from radloop.training.result import SearchResult
from radloop.use_case import Recipe, UseCase


def judge_precision(
    predictor: Predictor, use_case: UseCase, data: DataVersion, search: SearchResult, run: Run, settings: Settings
) -> dict[str, Any]:
    """Return what the evidence keeps of the precision: which, why, and the agreement on `test`."""
    from radloop.packaging.precision import agreement, asked, served_said, spread, trained_said
    from radloop.training.pixels import load_pixels
    from radloop.training.trained import load_trained, weights_file

    facts = predictor.facts
    pixels = load_pixels(use_case, data.version, settings)
    recipe = Recipe.model_validate_json(json.dumps(search.recipe))
    network = load_trained(weights_file(run, search), use_case, recipe, pixels.inputs)
    rows = spread(pixels.indices("test"))
    trained, served = trained_said(network, pixels, rows), served_said(asked(predictor.engine, pixels, rows))
    return {
        "served": facts.engine.precision,
        "judged": predictor.precision,
        **({} if facts.precision is None else facts.precision.model_dump(mode="json")),
        "test": agreement(trained, served, facts, pixels, rows).model_dump(mode="json"),
    }
