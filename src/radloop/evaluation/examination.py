"""The bundle asked again and again: what it withstands, what it looks at, and whether its heat map can be believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.explanations import Explanations, judge_explanations
from radloop.evaluation.robustness import Robustness, judge_robustness
from radloop.evaluation.sample import draw_sample
from radloop.evaluation.shortcuts import Shortcuts, judge_shortcuts
from radloop.inference.predictor import Predictor
from radloop.use_case import Policy


@dataclass(frozen=True)
class Examination:
    """What was found on a sample of the intended population."""

    robustness: Robustness
    shortcuts: Shortcuts
    explanations: Explanations

    def as_dict(self) -> dict[str, Any]:
        """Return it as the evidence keeps it."""
        return {name: getattr(self, name).as_dict() for name in ("robustness", "shortcuts", "explanations")}


def examine(
    predictor: Predictor,
    inside: Cases,
    outputs: Outputs,
    judged: tuple[bool, ...],
    policy: Policy,
    folder: Path,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Examination:
    """Examine a bundle.

    Args:
        predictor: as serving would load it.
        inside: the cases within the intended use.
        outputs: the bundle's own.
        judged: which outputs the means are over.
        policy: number and seed of draws.
        folder: that holds the manifest.
        progress: called with (parts done, parts in all).
    """
    sample = draw_sample(predictor, inside, outputs, judged, policy, folder)
    progress(0, 3)
    robustness = judge_robustness(sample)
    progress(1, 3)
    shortcuts = judge_shortcuts(sample, inside)
    progress(2, 3)
    explanations = judge_explanations(sample)
    progress(3, 3)
    return Examination(robustness, shortcuts, explanations)
