"""A use case: one diagnostic question on one kind of image, as one YAML file.

The classes hold values only; each layer builds its objects from its own section. They are frozen and
strict: an unknown key is refused with the nearest valid name, a wrong type with its line.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from radloop.errors import ConfigError
from radloop.use_case.data import Leakage, Quarantine, SplitSpec, Validation
from radloop.use_case.image import ImageSpec, Window
from radloop.use_case.labels import BinaryLabels, ClassLabels, FindingLabels, Labels
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
    "GatedSubgroup",
    "ImageSpec",
    "IntRange",
    "IntendedUse",
    "Labels",
    "Leakage",
    "Metric",
    "OperatingPoint",
    "ParityRule",
    "Policy",
    "Quarantine",
    "Range",
    "Recipe",
    "Rule",
    "Search",
    "Section",
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

    @property
    def binary(self) -> BinaryLabels:
        """Return the labels of a use case that asks a yes-or-no question.

        Raises:
            ConfigError: it has several classes or findings.
        """
        if not isinstance(self.labels, BinaryLabels):
            raise ConfigError(
                "labels_not_binary",
                f"{self.name} has {self.labels.kind} labels; models are trained for binary ones so far",
                "its data can be ingested, explored and validated; train a use case with a positive and a negative label",
            )
        return self.labels
