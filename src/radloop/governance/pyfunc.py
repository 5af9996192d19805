"""What MLflow loads for `models:/UC@champion`: the bundle, through the code that serves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from radloop.inference.bundle import read_facts
from radloop.inference.engine import Engine
from radloop.inference.scoring import Scorer


class BundleModel:
    """A pyfunc over a bundle.

    Example:
        >>> model = mlflow.pyfunc.load_model("models:/tb-cxr@champion")      # doctest: +SKIP
        >>> model.predict(pd.DataFrame({"image": ["chest.png"]}))            # doctest: +SKIP
    """

    def __init__(self, content: Path) -> None:
        facts = read_facts(content)
        self._threshold = facts.operating_point.threshold
        self._scorer = Scorer(Engine(content, facts.image.size), facts.image, facts.calibration.temperature)

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Return `probability` and `positive` for a column `image` of n paths."""
        numbers = [self._scorer.score(Path(str(path))).probability for path in model_input["image"]]
        return pd.DataFrame({"probability": numbers, "positive": [number >= self._threshold for number in numbers]})


def _load_pyfunc(path: str) -> BundleModel:
    """Load the bundle that MLflow copied; the name is MLflow's convention for loader modules."""
    return BundleModel(Path(path))
