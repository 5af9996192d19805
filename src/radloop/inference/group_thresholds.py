"""Thresholds by the patient's group: a mitigation, fitted on `calibrate` and applied the same way everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from radloop.use_case import Section, Subgroups

Cuts = tuple[float | None, ...]
"""One threshold an output; None where it has none."""


class GroupPoint(Section):
    """One group's thresholds."""

    word: str
    """Of the attribute."""
    thresholds: Cuts
    fitted: tuple[bool, ...]
    """By output: False where the group had too few cases and took the most sensitive threshold of all."""
    n: int = Field(ge=0)
    """Images of `calibrate`."""


class GroupThresholds(Section):
    """The thresholds of all groups of one attribute."""

    attribute: Literal["sex", "age_band"]
    age_bands: tuple[tuple[int, int], ...]
    points: tuple[GroupPoint, ...]
    unknown: Cuts
    """Of a patient whose group nobody knows, or of a group that `calibrate` did not hold: the most sensitive of all."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> GroupThresholds:
        if any(len(point.thresholds) != len(self.unknown) or len(point.fitted) != len(self.unknown) for point in self.points):
            raise ValueError("a group has not as many thresholds as there are outputs")
        return self

    def of(self, word: str | None) -> Cuts:
        """Return a group's thresholds."""
        return next((point.thresholds for point in self.points if point.word == word), self.unknown)

    def word(self, clinical: Mapping[str, Any]) -> str | None:
        """Return the group of a patient, None where it is unknown.

        Args:
            clinical: with `sex`, or `age` in years, where it is known.
        """
        value = clinical.get("sex" if self.attribute == "sex" else "age")
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        return str(value) if self.attribute == "sex" else Subgroups(age_bands=self.age_bands).age_band(float(value))
