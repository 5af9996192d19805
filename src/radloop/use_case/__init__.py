"""A use case: one diagnostic question on one kind of image, as one YAML file.

The classes hold values only; each layer builds its objects from its own section. They are frozen and
strict: an unknown key is refused with the nearest valid name, a wrong type with its line.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from radloop.use_case.data import Leakage, Quarantine, SplitSpec, Validation
from radloop.use_case.heads import Fusion, Location, Severity
from radloop.use_case.image import ImageSpec, Window
from radloop.use_case.labels import BinaryLabels, ClassLabels, FindingLabels, Labels, RegionLabels
from radloop.use_case.policy import (
    BoundRule,
    CasesRule,
    DataRule,
    GatedSubgroup,
    IntendedUse,
    Metric,
    OperatingPoint,
    ParityRule,
    Policy,
    Rule,
    SubgroupRule,
    Subgroups,
    TargetSensitivity,
    Youden,
)
from radloop.use_case.search import Choice, FloatRange, IntRange, Range, Recipe, Search, Space
from radloop.use_case.section import SPLITS, Attribute, Section, Sex, Split
from radloop.use_case.source import Blocks, Clinical, Columns, Source

__all__ = [
    "SPLITS",
    "Attribute",
    "BinaryLabels",
    "Blocks",
    "BoundRule",
    "CasesRule",
    "Choice",
    "ClassLabels",
    "Clinical",
    "Columns",
    "DataRule",
    "FindingLabels",
    "FloatRange",
    "Fusion",
    "GatedSubgroup",
    "ImageSpec",
    "IntRange",
    "IntendedUse",
    "Labels",
    "Leakage",
    "Location",
    "Metric",
    "OperatingPoint",
    "ParityRule",
    "Policy",
    "Quarantine",
    "Range",
    "Recipe",
    "RegionLabels",
    "Rule",
    "Search",
    "Section",
    "Severity",
    "Sex",
    "Source",
    "Space",
    "Split",
    "SplitSpec",
    "SubgroupRule",
    "Subgroups",
    "TargetSensitivity",
    "UseCase",
    "Validation",
    "Window",
    "Youden",
]


class UseCase(Section):
    """One diagnostic question, from its source's columns to its gate."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    synthetic: bool = False
    intended_use: IntendedUse
    labels: Labels
    image: ImageSpec
    clinical: dict[str, Clinical] = Field(default={})
    severity: Severity | None = None
    location: Location | None = None
    fusion: Fusion | None = None
    source: Source = Source()
    split: SplitSpec = SplitSpec()
    leakage: Leakage = Leakage()
    quarantine: Quarantine = Quarantine()
    validation: Validation = Validation()
    search: Search
    operating_point: OperatingPoint
    subgroups: Subgroups = Subgroups()
    policy: Policy

    @model_validator(mode="after")
    def _labels_are_known(self) -> UseCase:
        unknown = set(self.source.labels.values()) - set(self.labels.words)
        if unknown:
            raise ValueError(f"source.labels maps to {sorted(unknown)}, which labels does not name")
        return self

    @model_validator(mode="after")
    def _heads_have_their_truth(self) -> UseCase:
        outlined = self.source.columns.mask is not None or self.source.columns.boxes is not None
        if isinstance(self.labels, RegionLabels) and (self.location is None or self.source.columns.mask is None):
            raise ValueError("segmentation needs masks: source.columns.mask and a section location")
        if self.location is not None and not outlined:
            raise ValueError("location needs source.columns.mask or source.columns.boxes")
        if self.severity is not None and self.source.columns.extent is None and not self.source.extent_from:
            raise ValueError("severity needs source.columns.extent or source.extent_from")
        unknown = set(self.fusion.values if self.fusion else ()) - {"age", "sex", *self.clinical}
        if unknown:
            raise ValueError(f"fusion.values names {sorted(unknown)}, which is neither age, sex nor in clinical")
        return self

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the label of each of the network's logits, K of them.

        One for a yes-or-no question and for a region (the positive one), one a class, one a finding.
        """
        if isinstance(self.labels, ClassLabels):
            return self.labels.classes
        return self.labels.findings if isinstance(self.labels, FindingLabels) else self.labels.words[1:]
