"""Clinical values as the numbers that a network takes: one code path for training and for serving."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from radloop.use_case import Section, UseCase

SEXES = ("F", "M", "O")


class ClinicalInput(Section):
    """One clinical value as the network takes it: a number brought to mean 0 and deviation 1, or a category's words.

    It takes one place for a number and one a word for a category, and behind them one that says whether it is known.
    """

    name: str
    """`age`, `sex`, or a name of the section `clinical`."""
    words: tuple[str, ...] = ()
    """Of a category; empty for a number."""
    mean: float = Field(default=0.0, allow_inf_nan=False)
    deviation: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @property
    def width(self) -> int:
        """Return how many places it takes."""
        return max(len(self.words), 1) + 1

    def places(self, value: Any) -> list[float]:
        """Return the places of one value; None, NaN and a word that is not listed are unknown: zeros."""
        if self.words:
            known = value in self.words
            return [*(float(value == word) for word in self.words), float(known)]
        if value is None or isinstance(value, str) or not math.isfinite(value):
            return [0.0, 0.0]
        return [(float(value) - self.mean) / self.deviation, 1.0]


def column(name: str) -> str:
    """Return the manifest's column of a clinical value: age and sex have columns of their own."""
    return name if name in ("age", "sex") else f"clinical_{name}"


def fit_inputs(use_case: UseCase, columns: Mapping[str, Sequence[Any]]) -> tuple[ClinicalInput, ...]:
    """Return the inputs of a use case's fusion, their means and deviations taken from the known values.

    Args:
        use_case: whose `fusion.values` are wanted; without a fusion there are none.
        columns: the values of the images that train, by name, None or NaN where unknown.
    """
    if use_case.fusion is None:
        return ()
    return tuple(_fitted(name, use_case, columns[name]) for name in use_case.fusion.values)


def _fitted(name: str, use_case: UseCase, values: Sequence[Any]) -> ClinicalInput:
    if name == "sex":
        return ClinicalInput(name=name, words=SEXES)
    if name != "age" and use_case.clinical[name].words:
        return ClinicalInput(name=name, words=tuple(dict.fromkeys(use_case.clinical[name].words.values())))
    known = np.asarray([value for value in values if value is not None and math.isfinite(value)], dtype=np.float64)
    deviation = float(np.std(known)) if known.size else 0.0
    return ClinicalInput(name=name, mean=float(np.mean(known)) if known.size else 0.0, deviation=deviation or 1.0)


def vector(inputs: Iterable[ClinicalInput], values: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the network's clinical input, float32 [D]; what is absent is unknown.

    Args:
        inputs: in the network's order; D is the sum of their widths.
        values: by name.
    """
    return np.asarray([place for item in inputs for place in item.places(values.get(item.name))], dtype=np.float32)


def matrix(inputs: Sequence[ClinicalInput], columns: Mapping[str, Sequence[Any]]) -> NDArray[np.float32]:
    """Return the clinical inputs of n images, float32 [n, D].

    Args:
        inputs: in the network's order.
        columns: n values by name.
    """
    n = len(next(iter(columns.values()))) if columns else 0
    rows = [vector(inputs, {name: column[number] for name, column in columns.items()}) for number in range(n)]
    return np.stack(rows) if rows else np.zeros((0, sum(item.width for item in inputs)), np.float32)
