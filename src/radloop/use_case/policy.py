"""What the model is for, where it is cut, and the policy of the gate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from radloop.use_case.rules import Rule
from radloop.use_case.section import Attribute, Section


class IntendedUse(Section):
    """What the model is for, and for whom it was never tested."""

    statement: str
    not_for: tuple[str, ...] = ()
    age: tuple[float, float] | None = None
    """Years, both ends included; patients known to lie outside are refused."""


class TargetSensitivity(Section):
    """The highest threshold that keeps this sensitivity on `calibrate`."""

    kind: Literal["target_sensitivity"] = "target_sensitivity"
    value: float = Field(gt=0, le=1)


class Youden(Section):
    """The threshold with the largest sensitivity + specificity on `calibrate`."""

    kind: Literal["youden"] = "youden"


class FixedThreshold(Section):
    """A threshold on the calibrated probability that was agreed on beforehand, such as a benchmark's 0.5; nothing is fitted."""

    kind: Literal["fixed"] = "fixed"
    value: float = Field(gt=0, lt=1)


class CostPolicy(Section):
    """The threshold with the least cost on `calibrate`, of misses and false alarms at the prevalence of the place of use.

    It is where the slope of the ROC curve is (1 - prevalence) / prevalence times alarm / miss (Metz, Semin Nucl Med 8:283, 1978).
    """

    kind: Literal["cost"] = "cost"
    miss: float = Field(gt=0)
    """Of a false negative, in any unit that `alarm` shares."""
    alarm: float = Field(gt=0)
    """Of a false positive."""
    prevalence: float | None = Field(default=None, gt=0, lt=1)
    """Where the model will be used; that of `calibrate` if it is left out."""


OperatingPoint = Annotated[TargetSensitivity | Youden | CostPolicy | FixedThreshold, Field(discriminator="kind")]


class GatedSubgroup(Section):
    """Patients on whom the gate judges by themselves."""

    attribute: Attribute
    value: str


class Subgroups(Section):
    """Which groups are reported, and which of them gate."""

    age_bands: tuple[tuple[int, int], ...] = ((0, 17), (18, 39), (40, 59), (60, 120))
    """Whole years, both ends included."""
    gated: tuple[GatedSubgroup, ...] = ()

    def age_band(self, age: float | None) -> str | None:
        """Return the word of an age's band, such as `18-39`; unknown stays unknown."""
        if age is None or age != age:
            return None
        return next((f"{low}-{high}" for low, high in self.age_bands if low <= int(age) <= high), None)


class Policy(Section):
    """What the gate asks, written before a result is seen."""

    written: str
    """The date on which the policy was written, ISO 8601."""
    draws: int = Field(default=2000, ge=200)
    seed: int = 11
    rules: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Policy:
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError("two rules share a name")
        return self


class Conformal(Section):
    """The prediction sets: which labels cannot be excluded."""

    coverage: float = Field(default=0.9, gt=0.5, lt=1)
    """The share of new cases of each label whose set holds it, promised where they are exchangeable with `calibrate`."""
    abstain: bool = False
    """Whether an answer whose set has more than one label says that it is undecided."""
