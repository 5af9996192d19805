"""The Optuna search: resumable, and with the result of an uninterrupted one wherever it was killed.

Each trial is planned before it starts: its parameters are drawn from a sampler seeded by the trial's
number, over the trials that finished, and stored in one write. A trial that a crash left running is run
again with the parameters it had; a finished one is never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from optuna.trial import FrozenTrial, TrialState

from radloop.errors import ToolError
from radloop.progress import report
from radloop.records.runs import Run
from radloop.settings import Settings
from radloop.training.doubt import set_aside
from radloop.training.mitigation import mitigated
from radloop.training.pixels import Pixels
from radloop.training.plan import direction, epochs, most_trials
from radloop.training.result import SearchResult
from radloop.training.runner import Job, Runner, Train
from radloop.training.study import borrowed, mark_failed, open_study, own
from radloop.training.summary import write_summary
from radloop.training.tracking import Tracker
from radloop.training.trial import run_trial
from radloop.training.workers import run_workers
from radloop.use_case import Search, UseCase

PAGE = "search.html"
"""The summary page's name in the run's folder."""


def search(
    use_case: UseCase, pixels: Pixels, run: Run, tags: Mapping[str, str], settings: Settings, train: Train = run_trial
) -> SearchResult:
    """Run the search of a use case, or go on with it, and return its best trial.

    A mitigation comes first: its labels are set aside, its weights are worked out.

    Args:
        pixels: the data version's images.
        run: the attempt; trials keep their weights in its folder.
        tags: written on every MLflow run: data version, git commit, key.
        train: trains one network; with several workers it has to be importable by its name.

    Raises:
        ConfigError: a grid with more combinations than anybody would run.
        InputError: more folds than patients.
        Refusal: more labels of a group are doubtful than the mitigation allows.
        ToolError: no trial finished; the message says why the last one failed. Or a worker died.
    """
    most_trials(use_case.search)  # refuses what cannot be planned before anything is written
    tracker = Tracker(use_case.name, settings)
    aside = set_aside(use_case, pixels, run, tags, settings, train)
    pixels = mitigated(pixels, aside, use_case)
    job = Job(use_case, pixels, run, dict(tags), tracker.parent(run.name, tags), settings, train)
    study = open_study(use_case, run, settings)
    interrupted = [trial._trial_id for trial in own(study) if trial.state == TrialState.RUNNING]
    progress = partial(report, "search")
    if use_case.search.workers > 1:
        run_workers(job, interrupted, progress)
    else:
        Runner(job, study, progress).work(interrupted)
    trials, lent = own(study), len(borrowed(study))
    best = _best(use_case.search, trials)
    page = write_summary(use_case, trials, lent, best, run.folder / PAGE)
    tracker.artifact(job.parent, page, "search")
    if best is None:
        mark_failed(study)
        tracker.finish(job.parent, {"trials": float(len(trials))}, status="FAILED")
        raise _failure(trials)
    result = _result(job, trials, best, lent)
    if use_case.mitigation is not None and use_case.mitigation.labels is not None:
        names = pixels.frame["id"].tolist()
        result = replace(result, set_aside=[[str(names[row]), use_case.outputs[output]] for row, output in aside])
    return _finished(tracker, result)


def _best(search: Search, trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return the finished trial with the best value, the first of equals."""
    sign = -1.0 if direction(search) == "maximize" else 1.0
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return min(complete, key=lambda trial: (sign * float(trial.value or 0.0), trial.number), default=None)


def _result(job: Job, trials: Sequence[FrozenTrial], best: FrozenTrial, lent: int) -> SearchResult:
    fold = best.user_attrs.get("fold")
    return SearchResult(
        run_id=job.parent,
        trial=best.number - lent,
        trial_run_id=str(best.user_attrs["run_id"]),
        value=float(best.value or 0.0),
        epoch=int(best.user_attrs["epoch"]),
        seed=int(best.user_attrs["seed"]),
        params=dict(best.params),
        recipe=dict(best.user_attrs["recipe"]),
        weights=str(best.user_attrs["weights"]),
        trials=len(trials),
        pruned=_count(trials, TrialState.PRUNED),
        fit_seconds=sum(float(trial.user_attrs.get("seconds", 0.0)) for trial in trials),
        epochs=epochs(trials),
        failed=_count(trials, TrialState.FAIL),
        fold=fold,
        fold_value=None if fold is None else float(best.user_attrs["fold_values"][fold]),
        borrowed=lent,
        page=PAGE,
    )


def _count(trials: Sequence[FrozenTrial], state: TrialState) -> int:
    return sum(trial.state == state for trial in trials)


def _finished(tracker: Tracker, result: SearchResult) -> SearchResult:
    numbers = {"best_value": result.value, "trials": float(result.trials), "epochs": float(result.epochs)}
    tags = {"radloop.best_trial": str(result.trial)}
    if result.fold is not None:
        tags["radloop.kept_fold"] = str(result.fold)
    tracker.finish(result.run_id, numbers, tags)
    return result


def _failure(trials: Sequence[FrozenTrial]) -> ToolError:
    """Say how many trials ended in which way, and how the last of them that failed."""
    errors = [str(trial.user_attrs.get("error", "")) for trial in trials if trial.state == TrialState.FAIL]
    kinds = Counter(error.partition(":")[0] for error in errors)
    if pruned := _count(trials, TrialState.PRUNED):
        kinds["pruned"] = pruned
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    last = f"; the last: {errors[-1]}" if errors else ""
    return ToolError(
        "search_failed",
        f"no trial of {len(trials)} finished ({counts}){last}",
        "mend the cause and give the command again, or change search in the YAML",
    )
