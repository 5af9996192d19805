"""Trials one after the other: claimed, trained, and told to Optuna and MLflow."""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import Trial, TrialState

from radloop.errors import ToolError
from radloop.records.runs import Run
from radloop.settings import Settings
from radloop.training.epochs import EpochEnd
from radloop.training.folds import fold_pixels, mean_value, median_fold
from radloop.training.pixels import Pixels
from radloop.training.plan import derive_seed, direction, exhausted, most_trials, plan, steps, suggest
from radloop.training.pruning import stops
from radloop.training.study import borrowed, own
from radloop.training.tracking import Tracker
from radloop.training.trial import TrialOutcome, TrialSpec
from radloop.use_case import Recipe, Search, UseCase

Train = Callable[[TrialSpec, UseCase, Pixels, EpochEnd], TrialOutcome]
"""Trains one network, calls back after each epoch with its metrics, and returns its best epoch: `run_trial`."""

Progress = Callable[[int, int, str], None]
"""Called with (epochs done, epochs in all, a note)."""

_NOTED = ("train_loss", "tune_loss", "tune_auroc", "tune_accuracy", "tune_dice")
_PLACE = re.compile(r"(['\"])/.*?\1|(?<![\w.:/])/[^\s'\",;:]+")


@dataclass(frozen=True)
class Job:
    """What every process of a search works on.

    Attributes:
        run: the attempt; trials keep their weights in its folder.
        tags: written on every MLflow run.
        parent: the search's run in MLflow.
    """

    use_case: UseCase
    pixels: Pixels
    run: Run
    tags: Mapping[str, str]
    parent: str
    settings: Settings
    train: Train

    @property
    def search(self) -> Search:
        """Return the search's section."""
        return self.use_case.search


class Runner:
    """Runs trials until the budget is spent; several may do so on one storage."""

    def __init__(self, job: Job, study: optuna.Study, progress: Progress) -> None:
        self._job = job
        self._study = study
        self._progress = progress
        self._tracker = Tracker(job.use_case.name, job.settings)
        self._before = len(borrowed(study))
        search = job.search
        self._parts = (
            [job.pixels] if search.folds is None else fold_pixels(job.pixels, search.folds, derive_seed(search.seed, "folds"))
        )

    def work(self, interrupted: Sequence[int]) -> None:
        """Run the trials that a crash left running again, by their ids, then new ones."""
        for trial_id in interrupted:
            self._run(Trial(self._study, trial_id))
        while (trial := self._claim()) is not None:
            self._run(trial)

    def _claim(self) -> Trial | None:
        """Return the next trial, or None when the budget is spent; one process at a time plans."""
        search = self._job.search
        with _alone(self._job.run.folder / "claim.lock"):
            trials = own(self._study)
            if not any(trial.state == TrialState.WAITING for trial in trials):
                if exhausted(search, trials):
                    return None
                planned = plan(search, trials, borrowed(self._study))
                self._study.enqueue_trial(planned, user_attrs={"planned": len(trials)})
            return self._study.ask()

    def _run(self, trial: Trial) -> None:
        search, place = self._job.search, trial.number - self._before
        recipe = Recipe.model_validate(search.recipe.model_dump() | suggest(trial, search.space))
        seed = derive_seed(search.seed, f"trial/{place}")
        params: dict[str, Any] = recipe.model_dump() | {"seed": seed, "max_epochs": search.max_epochs}
        run_id = self._tracker.child(self._job.parent, place, self._job.tags, params)
        folder = self._job.run.folder / f"trial-{place:03d}"
        spec = TrialSpec(place, recipe, seed, run_id, folder, self._tracker.uri)
        watch = _Watch(self._job, self._study, trial, place, self._progress)
        started = time.monotonic()
        try:
            outcomes = self._trained(spec, watch)
        except optuna.TrialPruned:
            self._close(trial, run_id, TrialState.PRUNED, time.monotonic() - started)
        except (ToolError, RuntimeError, ValueError, MemoryError, FileNotFoundError) as error:
            trial.set_user_attr("error", reason(error))
            self._close(trial, run_id, TrialState.FAIL, time.monotonic() - started)
        else:
            self._complete(trial, spec, outcomes)

    def _trained(self, spec: TrialSpec, watch: _Watch) -> list[tuple[TrialSpec, TrialOutcome]]:
        """Train one network, or one a fold, each with a run of its own below the trial's."""
        if self._job.search.folds is None:
            return [(spec, self._job.train(spec, self._job.use_case, self._job.pixels, watch.epoch_end))]
        found = []
        for fold, pixels in enumerate(self._parts):
            seed = derive_seed(spec.seed, f"fold/{fold}")
            run_id = self._tracker.fold(spec.run_id, fold, self._job.tags, {"seed": seed})
            part = replace(spec, seed=seed, run_id=run_id, folder=spec.folder / f"fold-{fold}")
            try:
                outcome = self._job.train(part, self._job.use_case, pixels, watch.epoch_end)
            except BaseException:  # pruned, failed or interrupted: the fold's run is closed, and the cause is raised again
                self._tracker.finish(run_id, status="KILLED")
                raise
            watch.finished.append(outcome.value)
            self._tracker.finish(run_id, _numbers(outcome))
            found.append((part, outcome))
        return found

    def _close(self, trial: Trial, run_id: str, state: TrialState, seconds: float) -> None:
        self._tracker.finish(
            run_id, tags={"radloop.state": state.name.lower()}, status="FAILED" if state == TrialState.FAIL else "KILLED"
        )
        trial.set_user_attr("run_id", run_id)
        trial.set_user_attr("seconds", seconds)
        self._study.tell(trial, state=state)

    def _complete(self, trial: Trial, spec: TrialSpec, outcomes: Sequence[tuple[TrialSpec, TrialOutcome]]) -> None:
        search = self._job.search
        values = [outcome.value for _, outcome in outcomes]
        fold = median_fold(values, larger_is_better=direction(search) == "maximize")
        kept, outcome = outcomes[fold]
        value = mean_value(values)
        seconds = sum(outcome.seconds for _, outcome in outcomes)
        numbers = _numbers(outcome) | {"best_value": value, "seconds": seconds}
        tags = {"radloop.state": "complete"}
        if search.folds is not None:
            numbers["fold_value"] = outcome.value
            tags["radloop.kept_fold"] = str(fold)
            trial.set_user_attr("fold", fold)
            trial.set_user_attr("fold_values", values)
        self._tracker.finish(spec.run_id, numbers, tags)
        for name, fact in {"run_id": spec.run_id, "epoch": outcome.epoch, "seconds": seconds, "seed": kept.seed}.items():
            trial.set_user_attr(name, fact)
        if outcome.batch_size != spec.recipe.batch_size:
            trial.set_user_attr("batch_size", outcome.batch_size)
        trial.set_user_attr("recipe", spec.recipe.model_dump(mode="json"))
        trial.set_user_attr("weights", outcome.weights.relative_to(self._job.run.folder).as_posix())
        self._study.tell(trial, value)


def _numbers(outcome: TrialOutcome) -> dict[str, float]:
    return {
        "best_value": outcome.value,
        "best_epoch": float(outcome.epoch),
        "seconds": outcome.seconds,
        "batch_size": float(outcome.batch_size),
    }


class _Watch:
    """Hears of a trial's epochs: tells Optuna and whoever watches, and stops what the pruner gives up.

    Attributes:
        finished: the values of the folds that are done.
    """

    def __init__(self, job: Job, study: optuna.Study, trial: Trial, place: int, progress: Progress) -> None:
        self.finished: list[float] = []
        self._job, self._study, self._trial, self._place = job, study, trial, place
        self._progress = progress
        self._values: dict[int, float] = {}
        self._stored = set(own(study)[place].intermediate_values)

    def epoch_end(self, epoch: int, metrics: dict[str, float]) -> None:
        """Take an epoch's metrics.

        Raises:
            TrialPruned: the trial is given up.
            ToolError: the objective is not among the metrics.
        """
        search = self._job.search
        name = f"tune_{search.objective}"
        if name not in metrics:
            raise ToolError(
                "objective_missing", f"{name} cannot be computed for {self._job.use_case.name}", "set another search.objective"
            )
        step = len(self.finished) * search.max_epochs + epoch
        # A trial that ran out of memory begins again with a smaller batch: what came after this epoch no longer counts.
        self._values = {earlier: value for earlier, value in self._values.items() if earlier < step}
        self._values[step] = mean_value([*self.finished, metrics[name]])
        if step not in self._stored:  # Optuna keeps what it was told first, before a crash or of the larger batch
            self._trial.report(self._values[step], step)
            self._stored.add(step)
        self._tell(step, epoch, metrics)
        if stops(search, own(self._study), self._place, self._values):
            raise optuna.TrialPruned

    def _tell(self, step: int, epoch: int, metrics: Mapping[str, float]) -> None:
        search = self._job.search
        trials, each = most_trials(search), steps(search)
        fold = f" fold {len(self.finished) + 1}/{search.folds}" if search.folds else ""
        note = f"trial {self._place + 1}/{trials}{fold} epoch {epoch + 1}/{search.max_epochs}: " + ", ".join(
            f"{name} {metrics[name]:.3f}" for name in _NOTED if name in metrics
        )
        self._progress(self._place * each + step + 1, trials * each, note)


def reason(error: Exception) -> str:
    """Return why a trial failed, in one line that names no place on this machine."""
    if isinstance(error, ToolError):
        return f"{error.code}: {error.message}"
    words = (error.strerror or "") if isinstance(error, OSError) else str(error)
    line = (words.strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {_PLACE.sub('[path]', line)}"[:500]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process is in here; a process that dies leaves."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
