"""What the model is for, where it is cut, and what the gate asks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

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


OperatingPoint = Annotated[TargetSensitivity | Youden | FixedThreshold, Field(discriminator="kind")]


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


Metric = Literal[
    "auroc",
    "average_precision",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1",
    "accuracy",
    "balanced_accuracy",
    "brier",
    "ece",
    "dice",
    "location",
]


class BoundRule(Section):
    """A bound of a metric's 95% interval, over the intended population."""

    kind: Literal["lower_bound", "upper_bound"]
    name: str
    metric: Metric
    limit: float
    label: str | None = None
    """One class or finding against all else; null is over all of them."""


class SubgroupRule(Section):
    """The lower bound of a metric in each gated subgroup, each of a minimum size."""

    kind: Literal["subgroup_lower_bound"]
    name: str
    metric: Metric
    limit: float
    min_positives: int = Field(default=10, ge=1)
    min_negatives: int = Field(default=10, ge=1)


class CasesRule(Section):
    """How many test cases there must be at the least."""

    kind: Literal["minimum_cases"]
    name: str
    positives: int
    negatives: int


class ParityRule(Section):
    """How far the bundle may be from the trained network."""

    kind: Literal["parity"]
    name: str
    max_difference: float
    max_flips: int = 0


class DataRule(Section):
    """The verdict of Great Expectations on the data version must be a yes."""

    kind: Literal["data_verdict"]
    name: str


Rule = Annotated[BoundRule | SubgroupRule | CasesRule | ParityRule | DataRule, Field(discriminator="kind")]


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
