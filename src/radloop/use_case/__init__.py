"""A use case: one diagnostic question on one kind of image, as one YAML file.

The classes hold values only; each layer builds its objects from its own section. They are frozen and
strict: an unknown key is refused with the nearest valid name, a wrong type with its line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydantic import Field, model_validator

from radloop.use_case.changes import Changes, covers
from radloop.use_case.data import Leakage, Quarantine, SplitSpec, Validation
from radloop.use_case.families import backbone_problem
from radloop.use_case.heads import Fusion, Location, Severity
from radloop.use_case.image import ImageSpec, Window
from radloop.use_case.labels import BinaryLabels, ClassLabels, FindingLabels, Labels, RegionLabels
from radloop.use_case.mitigation import Mitigation
from radloop.use_case.monitoring import SIGNALS, Monitoring, Retraining, Signal
from radloop.use_case.policy import (
    Conformal,
    CostPolicy,
    FixedThreshold,
    GatedSubgroup,
    IntendedUse,
    OperatingPoint,
    Policy,
    Subgroups,
    TargetSensitivity,
    Youden,
)
from radloop.use_case.review import Review
from radloop.use_case.rules import (
    BESIDE_CHAMPION,
    ERRORS,
    KINDS,
    AnyRule,
    BoundRule,
    CasesRule,
    ChangesRule,
    ContradictionRule,
    DataRule,
    ExplanationRule,
    First,
    GapRule,
    LeakageRule,
    Metric,
    NonInferiorityRule,
    OcclusionRule,
    ParityRule,
    PrecisionRule,
    ProbeRule,
    RobustnessRule,
    Rule,
    ShiftRule,
    SizedRule,
    SubgroupRule,
    WorstRule,
)
from radloop.use_case.search import Choice, FloatRange, IntRange, Range, Recipe, Search, Space
from radloop.use_case.section import SPLITS, USE_CASE_PATTERN, Attribute, Section, Sex, Split
from radloop.use_case.serving import EngineKind, Serving
from radloop.use_case.source import Blocks, Clinical, Columns, Source

__all__ = [
    "BESIDE_CHAMPION",
    "ERRORS",
    "KINDS",
    "SIGNALS",
    "SPLITS",
    "USE_CASE_PATTERN",
    "AnyRule",
    "Attribute",
    "BinaryLabels",
    "Blocks",
    "BoundRule",
    "CasesRule",
    "Changes",
    "ChangesRule",
    "Choice",
    "ClassLabels",
    "Clinical",
    "Columns",
    "Conformal",
    "ContradictionRule",
    "CostPolicy",
    "DataRule",
    "EngineKind",
    "ExplanationRule",
    "FindingLabels",
    "First",
    "FixedThreshold",
    "FloatRange",
    "Fusion",
    "GapRule",
    "GatedSubgroup",
    "ImageSpec",
    "IntRange",
    "IntendedUse",
    "Labels",
    "Leakage",
    "LeakageRule",
    "Location",
    "Metric",
    "Mitigation",
    "Monitoring",
    "NonInferiorityRule",
    "OcclusionRule",
    "OperatingPoint",
    "ParityRule",
    "Policy",
    "PrecisionRule",
    "ProbeRule",
    "Quarantine",
    "Range",
    "Recipe",
    "RegionLabels",
    "Retraining",
    "Review",
    "RobustnessRule",
    "Rule",
    "Search",
    "Section",
    "Serving",
    "Severity",
    "Sex",
    "ShiftRule",
    "Signal",
    "SizedRule",
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
    "WorstRule",
    "Youden",
    "covers",
]


class UseCase(Section):
    """One diagnostic question, from its source's columns to its gate."""

    name: str = Field(pattern=USE_CASE_PATTERN)
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
    conformal: Conformal = Conformal()
    mitigation: Mitigation | None = None
    subgroups: Subgroups = Subgroups()
    policy: Policy
    changes: Changes = Changes()
    review: Review = Review()
    serving: Serving = Serving()
    monitoring: Monitoring = Monitoring()

    @model_validator(mode="after")
    def _is_possible(self) -> UseCase:
        for problem in _problems(self):
            raise ValueError(problem)
        return self

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the label of each of the network's logits, K of them.

        One for a yes-or-no question and for a region (the positive one), one a class, one a finding.
        """
        if isinstance(self.labels, ClassLabels):
            return self.labels.classes
        return self.labels.findings if isinstance(self.labels, FindingLabels) else self.labels.words[1:]


def _problems(case: UseCase) -> Iterator[str]:
    """Yield what cannot be, each after the place in the YAML where it is mended."""
    columns = case.source.columns
    unknown = set(case.source.labels.values()) - set(case.labels.words)
    if unknown:
        yield f"source.labels: maps to {sorted(unknown)}, which labels does not name"
    if case.source.label_separator is not None and not isinstance(case.labels, FindingLabels):
        yield f"labels.kind: {case.labels.kind} allows one label an image, and source.label_separator several; use multilabel"
    if case.source.readers and not isinstance(case.labels, BinaryLabels | ClassLabels):
        yield f"source.readers: a reader's answer is one word, which labels.kind {case.labels.kind} does not have"
    if isinstance(case.labels, RegionLabels) and (case.location is None or columns.mask is None):
        yield "labels: segmentation needs masks: source.columns.mask and a section location"
    if case.location is not None and columns.mask is None and columns.boxes is None:
        yield "location: needs source.columns.mask or source.columns.boxes"
    if case.severity is not None and columns.extent is None and not case.source.extent_from:
        yield "severity: needs source.columns.extent or source.extent_from"
    values = set(case.fusion.values if case.fusion else ()) - {"age", "sex", *case.clinical}
    if values:
        yield f"fusion.values: names {sorted(values)}, which is neither age, sex nor in clinical"
    if case.conformal.abstain and not isinstance(case.labels, BinaryLabels | ClassLabels):
        yield f"conformal.abstain: an image has more than one label, or none, with labels.kind {case.labels.kind}; leave it out"
    if not (case.review.four_eyes or case.synthetic):
        yield "review.four_eyes: only a synthetic use case may switch it off"
    yield from _backbone_problems(case)
    yield from _mitigation_problems(case)
    yield from _search_problems(case)
    yield from _policy_problems(case)


def _backbone_problems(case: UseCase) -> Iterator[str]:
    drawn = case.search.space.backbone
    names = [("recipe", case.search.recipe.backbone), *(("space", str(name)) for name in (drawn.values if drawn else ()))]
    stride = None if case.location is None else case.location.stride
    for section, name in names:
        problem = backbone_problem(name, case.image.size, stride)
        if problem is not None:
            yield f"search.{section}.backbone: {problem}"


def _search_problems(case: UseCase) -> Iterator[str]:
    if case.search.objective == "dice" and case.location is None:
        yield "search.objective: dice needs masks: a section location"
    if case.search.recipe.balance == "sampler" and isinstance(case.labels, FindingLabels):
        yield "search.recipe.balance: findings have no one class to draw by; use loss"
    if case.search.recipe.balance == "loss" and isinstance(case.labels, RegionLabels):
        yield "search.recipe.balance: a region has no classes to weigh; use none"


def _mitigation_problems(case: UseCase) -> Iterator[str]:
    asked, kind = case.mitigation, case.labels.kind
    if asked is None:
        return
    if asked.training is None and asked.thresholds is None and asked.labels is None:
        yield "mitigation: names none of training, thresholds and labels"
    if asked.training is not None and isinstance(case.labels, RegionLabels):
        yield "mitigation.training: a region has no classes to weigh or to draw by"
    if asked.training == "balanced_sampling" and isinstance(case.labels, FindingLabels):
        yield "mitigation.training: findings have no one class to draw by; use reweighting"
    if asked.training == "balanced_sampling" and case.search.recipe.balance == "sampler":
        yield "mitigation.training: balanced_sampling draws every label as often already; leave search.recipe.balance out"
    if asked.labels is not None and isinstance(case.labels, RegionLabels):
        yield "mitigation.labels: a region has no label to set aside"
    if asked.thresholds is not None and kind not in ("binary", "multilabel"):
        yield f"mitigation.thresholds: {kind} has no threshold that is fitted"
    if asked.thresholds is not None and asked.attribute not in ("sex", "age_band"):
        yield "mitigation.thresholds: only sex and age_band are known where an image is answered"
    if asked.thresholds is not None and isinstance(case.operating_point, FixedThreshold):
        yield "mitigation.thresholds: the operating point is fixed, so that there is nothing to fit by group"


def _policy_problems(case: UseCase) -> Iterator[str]:
    gated = Counter(group.attribute for group in case.subgroups.gated)
    for rule in case.policy.rules:
        label = getattr(rule, "label", None)
        if label is not None and label not in case.outputs:
            yield f"policy.rules: {rule.name} names the label '{label}', which is none of {', '.join(case.outputs)}"
        if isinstance(rule, GapRule) and gated[rule.attribute] < 2:
            yield f"policy.rules: {rule.name} compares the gated groups of {rule.attribute}; subgroups.gated names fewer than two"
        if isinstance(rule, ChangesRule) and not case.changes.permitted:
            yield f"policy.rules: {rule.name} needs a plan: a section changes with permitted"
    known = {*UseCase.model_fields, "data", "code"} - {"changes"}
    for pattern in case.changes.permitted:
        if pattern.split(".")[0] not in known:
            yield f"changes.permitted: '{pattern}' is no section that may change, nor data.version, code.commit or code.lock"
