"""What a search found: the later stages read it without importing what searches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class SearchResult:
    """The best trial of a search.

    Attributes:
        run_id: the parent run in MLflow.
        trial: the best trial's number, from 0.
        trial_run_id: its run in MLflow.
        value: its objective on `tune`; with folds the mean over them.
        epoch: the best epoch of the network that is kept, from 0.
        seed: of the network that is kept.
        weights: that network, relative to the run's folder.
        fit_seconds: time inside the trials.
        epochs: trained in all.
        failed: trials that ended in an error.
        fold: with folds, the one whose network is kept, from 0: its own value is the median of the folds'.
        fold_value: its own value.
        borrowed: trials of an earlier search that the sampler began with; they are in none of the counts.
        page: the summary, relative to the run's folder.
        set_aside: labels of `train` that were not learnt, each as image and output; None where nobody asked.
    """

    run_id: str
    trial: int
    trial_run_id: str
    value: float
    epoch: int
    seed: int
    params: dict[str, Any]
    recipe: dict[str, Any]
    weights: str
    trials: int
    pruned: int
    fit_seconds: float
    epochs: int = 0
    failed: int = 0
    fold: int | None = None
    fold_value: float | None = None
    borrowed: int = 0
    page: str = ""
    set_aside: list[list[str]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as a run keeps it."""
        return asdict(self)
