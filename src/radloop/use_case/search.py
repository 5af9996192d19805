"""The search: what is drawn, how, with what budget, and how one trial trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from radloop.use_case.section import Section


class FloatRange(Section):
    """A real hyper-parameter."""

    kind: Literal["float"] = "float"
    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ends_in_order(self) -> FloatRange:
        if not self.low <= self.high:
            raise ValueError(f"low is {self.low:g}, above high, which is {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log needs a low above 0, not {self.low:g}")
        return self


class IntRange(Section):
    """A whole-numbered hyper-parameter."""

    kind: Literal["int"] = "int"
    low: int
    high: int

    @model_validator(mode="after")
    def _ends_in_order(self) -> IntRange:
        if not self.low <= self.high:
            raise ValueError(f"low is {self.low}, above high, which is {self.high}")
        return self


class Choice(Section):
    """A hyper-parameter out of a list."""

    kind: Literal["choice"] = "choice"
    values: tuple[str | int | float, ...] = Field(min_length=1)


Range = Annotated[FloatRange | IntRange | Choice, Field(discriminator="kind")]


class Space(Section):
    """The search space: every member is one hyper-parameter of `Recipe` with the same name."""

    backbone: Choice | None = None
    learning_rate: Range | None = None
    weight_decay: Range | None = None
    dropout: Range | None = None
    augmentation: Range | None = None
    label_smoothing: Range | None = None


_RETIRED = (("mirror", False),)
"""Keys that recipes had, and the value with which they asked for nothing."""


class Recipe(Section):
    """How one trial trains; what the space names is drawn, the rest is fixed."""

    backbone: str = "efficientnet-lite0"
    pretrained: bool = True
    batch_size: int = Field(default=32, ge=2)
    head_epochs: int = Field(default=0, ge=0)
    """Epochs with the backbone frozen, before all weights train."""
    learning_rate: float = Field(default=1e-3, gt=0)
    backbone_rate: float = Field(default=0.2, ge=0)
    """The backbone's learning rate as a share of the head's."""
    weight_decay: float = Field(default=1e-2, ge=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    augmentation: float = Field(default=1.0, ge=0)
    """Strength of rotation, shift, scale, exposure and erasing; 0 is none."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    average_decay: float = Field(default=0.0, ge=0, lt=1)
    """Decay a step of the exponential moving average of the weights; 0 switches it off."""
    freeze_batch_norm: bool = False
    balance: Literal["none", "loss", "sampler"] = "none"
    """Against rare classes: weighted in the loss, or drawn as often as the others."""
    patience: int = Field(default=0, ge=0)
    """Epochs without a better value before a trial stops early; 0 never stops."""

    @model_validator(mode="before")
    @classmethod
    def _without_the_retired(cls, document: Any) -> Any:
        """Drop keys that are no more where they asked for nothing: bundles and evidence that carry them stay what they are."""
        if not isinstance(document, Mapping):
            return document
        return {key: value for key, value in document.items() if (key, value) not in _RETIRED}


class Search(Section):
    """The Optuna search: what is drawn, how, and the budget."""

    sampler: Literal["tpe", "random", "grid"] = "tpe"
    """`grid` tries every combination of the space, of a range its two ends and, of whole numbers, every one."""
    pruner: Literal["median", "hyperband", "none"] = "none"
    seed: int = 7
    trials: int = Field(ge=1)
    max_epochs: int = Field(ge=1)
    minutes: float | None = Field(default=None, gt=0)
    """No trial starts after so many minutes inside trials."""
    epochs: int | None = Field(default=None, ge=1)
    """No trial starts after so many epochs in all."""
    objective: Literal["auroc", "loss", "accuracy", "dice"] = "auroc"
    """Judged on `tune` only; of several classes or findings, the mean over them."""
    folds: int | None = Field(default=None, ge=2, le=10)
    """Cross-validation: a trial's value is the mean over folds of `train` and `tune`, cut by patient and group."""
    workers: int = Field(default=1, ge=1)
    """Processes that run trials side by side on one storage; with more than one, the order of trials is not fixed."""
    warm_start: bool = False
    """Begin with the trials of the last search of this use case with the same space."""
    space: Space = Space()
    recipe: Recipe = Recipe()
