"""The rules that a policy is made of; each is judged by one function of `radloop.governance.judges`."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from radloop.use_case.section import Attribute, Section

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
ERRORS: frozenset[Metric] = frozenset({"brier", "ece"})
"""The metrics of which less is better."""

Perturbation = Literal["noise", "blur", "contrast", "rotation", "jpeg", "resolution"]
Region = Literal["border", "upper_left", "upper_right", "lower_left", "lower_right", "centre"]
First = Literal["not_applicable"]
"""What a policy may say in advance of a first version, which has no champion; unsaid, such a rule is not evaluable."""


class BoundRule(Section):
    """A bound of a metric's 95% interval, over the intended population."""

    kind: Literal["lower_bound", "upper_bound"]
    name: str
    metric: Metric
    limit: float
    label: str | None = None
    """One class or finding against all else; null is over all of them."""


class SizedRule(Section):
    """What a rule asks of a group before it judges it."""

    metric: Metric
    min_positives: int = Field(default=10, ge=1)
    min_negatives: int = Field(default=10, ge=1)


class SubgroupRule(SizedRule):
    """A bound of a metric in each gated subgroup, each of a minimum size."""

    kind: Literal["subgroup_lower_bound", "subgroup_upper_bound"]
    name: str
    limit: float


class GapRule(SizedRule):
    """How far the gated groups of one attribute may lie apart: the upper 95% bound of the largest difference."""

    kind: Literal["subgroup_gap"]
    name: str
    attribute: Attribute
    limit: float = Field(ge=0)


class WorstRule(SizedRule):
    """The lower 95% bound of a metric in the worst group of an attribute, gated or not, the unknown among them.

    Groups with fewer cases are left out and named; those outside the intended use are left out.
    """

    kind: Literal["worst_subgroup"]
    name: str
    attribute: Attribute
    limit: float


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


class PrecisionRule(Section):
    """How far the bundle may be from the trained network on `test`, in the precision that it is served in."""

    kind: Literal["precision"]
    name: str
    max_change: float = Field(gt=0)
    """Of any probability."""
    max_flips: float = Field(ge=0, le=1)
    """Share of decisions."""
    max_auroc_change: float | None = Field(gt=0)
    """Up or down, of any output; null where no image is without the region, so that there is no AUROC."""


class DataRule(Section):
    """The verdict of Great Expectations on the data version must be a yes."""

    kind: Literal["data_verdict"]
    name: str


class LeakageRule(Section):
    """Whatever was found on both sides of a split must be out of use."""

    kind: Literal["leakage"]
    name: str


class ContradictionRule(Section):
    """How many labels of `train` the bundle may contradict in a gated subgroup: the upper 95% bound of their share."""

    kind: Literal["contradicted_labels"]
    name: str
    limit: float = Field(ge=0, le=1)
    min_images: int = Field(default=30, ge=1)


class NonInferiorityRule(Section):
    """How much worse than the champion a candidate may be for certain, on the same cases and draws.

    Each bundle is cut at its own threshold. The bound is that of the paired 95% interval; the margin is agreed on in advance
    (FDA, Non-Inferiority Clinical Trials to Establish Effectiveness, 2016).
    """

    kind: Literal["non_inferiority"]
    name: str
    metric: Metric
    margin: float = Field(gt=0)
    """In the metric's own units: the candidate may lose less than this."""
    first: First | None = None


class ShiftRule(Section):
    """What becomes of decisions where the scores moved against the champion's.

    At the champion's threshold no more than a share of decisions may change, and neither rate may fall. Where they do, the old
    threshold is refused, and a bundle passes only by a threshold of its own that keeps both rates.
    """

    kind: Literal["score_shift"]
    name: str
    max_flips: float = Field(ge=0, le=1)
    """Share of decisions."""
    min_sensitivity: float = Field(default=-0.05, le=0)
    """The least lower 95% bound of candidate minus champion."""
    min_specificity: float = Field(default=-0.05, le=0)
    """The least lower 95% bound of candidate minus champion."""
    first: First | None = None


class RobustnessRule(Section):
    """How much AUROC may fall for certain under perturbed images: the upper 95% bound of the paired drop."""

    kind: Literal["robustness"]
    name: str
    perturbations: tuple[Perturbation, ...] = Field(min_length=1)
    strength: int = Field(ge=1, le=5)
    limit: float


class OcclusionRule(Section):
    """How much AUROC falls where a region of the image is hidden.

    `occlusion_upper_bound`: the upper 95% bound is at most the limit: nothing there may be needed. `occlusion_lower_bound`: the
    lower bound is at least the limit: a model that does not need the anatomy has learnt something else.
    """

    kind: Literal["occlusion_upper_bound", "occlusion_lower_bound"]
    name: str
    regions: tuple[Region, ...] = Field(min_length=1)
    limit: float
    max_flips: float | None = Field(default=None, ge=0, le=1)
    """Of an upper bound: the largest share of decisions that may change; a mark can decide though the order of scores stays."""


class ProbeRule(Section):
    """How well the network's features may tell an attribute: the upper 95% bound of a probe's AUROC."""

    kind: Literal["shortcut_probe"]
    name: str
    attributes: tuple[Attribute, ...] = Field(min_length=1)
    limit: float = Field(ge=0.5, le=1)


class ExplanationRule(Section):
    """The heat map must have passed its sanity checks."""

    kind: Literal["explanation"]
    name: str


class ChangesRule(Section):
    """Nothing may have changed since the champion but what its plan permits; see `Changes`."""

    kind: Literal["permitted_changes"]
    name: str
    first: First | None = None


AnyRule = (
    BoundRule
    | SubgroupRule
    | GapRule
    | WorstRule
    | CasesRule
    | ParityRule
    | PrecisionRule
    | DataRule
    | LeakageRule
    | ContradictionRule
    | NonInferiorityRule
    | ShiftRule
    | RobustnessRule
    | OcclusionRule
    | ProbeRule
    | ExplanationRule
    | ChangesRule
)
Rule = Annotated[AnyRule, Field(discriminator="kind")]
KINDS: frozenset[str] = frozenset(kind for rule in get_args(AnyRule) for kind in get_args(rule.model_fields["kind"].annotation))
"""Every word that a rule's `kind` may be."""
BESIDE_CHAMPION: frozenset[str] = frozenset({"non_inferiority", "score_shift", "permitted_changes"})
"""The kinds that hold a candidate against the champion."""
