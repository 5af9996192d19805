"""What MLflow loads for `models:/UC@champion`: the bundle, through the code that serves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from radloop.inference.bundle import read_facts
from radloop.inference.clinical import check
from radloop.inference.engines import open_engine
from radloop.inference.scoring import Scored, Scorer


class BundleModel:
    """A pyfunc over a bundle.

    Example:
        >>> model = mlflow.pyfunc.load_model("models:/tb-cxr@champion")      # doctest: +SKIP
        >>> model.predict(pd.DataFrame({"image": ["chest.png"]}))            # doctest: +SKIP
    """

    def __init__(self, content: Path) -> None:
        self._facts = read_facts(content)
        facts = self._facts
        engine = open_engine(facts.engine.kind, content, facts.image.size, precision=facts.engine.precision)
        self._scorer = Scorer(engine, facts)

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Return what n images show.

        Args:
            model_input: a column `image` of n paths, and where the model takes clinical values any of them by name; what
                is missing is unknown.
            params: none are known; MLflow passes them.

        Returns:
            `probability` and `positive`; of several outputs the columns end in a space and the label. A decision that
            cannot be made is missing.

        Raises:
            InputError: a clinical value is invalid.
            Refusal: an image cannot be read.
        """
        names = [item.name for item in self._facts.clinical if item.name in model_input]
        given = [{name: None if pd.isna(row[name]) else row[name] for name in names} for _, row in model_input.iterrows()]
        pairs = zip(model_input["image"], given, strict=True)
        return self._table([self._scorer.score(Path(str(path)), check(values, self._facts)) for path, values in pairs])

    def _table(self, found: list[Scored]) -> pd.DataFrame:
        outputs = self._facts.outputs
        columns: dict[str, Any] = {}
        for k, label in enumerate(outputs):
            suffix = f" {label}" if len(outputs) > 1 else ""
            decided = [scored.decisions[k] for scored in found]
            columns[f"probability{suffix}"] = [float(scored.probabilities[k]) for scored in found]
            columns[f"positive{suffix}"] = pd.array(decided, dtype="boolean" if None in decided else bool)
        return pd.DataFrame(columns)


def _load_pyfunc(path: str) -> BundleModel:
    """Load the bundle that MLflow copied; the name is MLflow's convention for loader modules."""
    return BundleModel(Path(path))
