"""The Optuna search: resumable, and with the result of an uninterrupted one wherever it was killed.

Each trial is planned before it starts: its parameters are drawn from a sampler seeded by the trial's
number, over the trials that finished, and stored in one write. A trial that a crash left running is run
again with the parameters it had; a finished one is never touched.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from radloop.errors import ToolError
from radloop.progress import report
from radloop.records.runs import Run
from radloop.settings import Settings
from radloop.training.pixels import Pixels
from radloop.training.tracking import Tracker
from radloop.training.trial import TrialOutcome, TrialSpec, run_trial
from radloop.use_case import Choice, FloatRange, IntRange, Recipe, Search, Space, UseCase

_DONE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class SearchResult:
    """The best trial of a search.

    Attributes:
        run_id: the parent run in MLflow.
        trial: the best trial's number, from 0.
        trial_run_id: its run in MLflow.
        value: its objective on `tune`.
        weights: its network, relative to the run's folder.
        fit_seconds: time inside the trials.
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

    def as_dict(self) -> dict[str, Any]:
        """Return the result as a run keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class _Context:
    use_case: UseCase
    pixels: Pixels
    run: Run
    tracker: Tracker
    tags: Mapping[str, str]
    parent: str
    study: optuna.Study

    @property
    def search(self) -> Search:
        return self.use_case.search


def search(use_case: UseCase, pixels: Pixels, run: Run, tags: Mapping[str, str], settings: Settings) -> SearchResult:
    """Run the search of a use case, or go on with it, and return its best trial.

    Args:
        pixels: the data version's images.
        run: the attempt; trials keep their weights in its folder.
        tags: written on every MLflow run: data version, git commit, key.

    Raises:
        ToolError: no trial finished; the message says why the last one failed.
    """
    tracker = Tracker(use_case.name, settings)
    parent = tracker.parent(run.name, tags)
    context = _Context(use_case, pixels, run, tracker, tags, parent, _study(use_case, run, settings))
    while (trial := _next(context)) is not None:
        _run(context, trial)
    return _result(context)


def _study(use_case: UseCase, run: Run, settings: Settings) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if settings.optuna_url is None:
        (settings.place / "optuna").mkdir(parents=True, exist_ok=True)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2) if use_case.search.pruner == "median" else optuna.pruners.NopPruner()
    return optuna.create_study(
        study_name=f"{use_case.name}/{run.name}",
        storage=settings.search_url,
        direction=_direction(use_case.search),
        pruner=pruner,
        load_if_exists=True,
    )


def _direction(search: Search) -> str:
    return "maximize" if search.objective == "auroc" else "minimize"


def _next(context: _Context) -> Trial | None:
    """Return the trial to run: one that a crash interrupted, else a new one within the budget."""
    trials = context.study.get_trials(deepcopy=False)
    running = [trial for trial in trials if trial.state == TrialState.RUNNING]
    if running:
        return Trial(context.study, running[0]._trial_id)
    done = [trial for trial in trials if trial.state in _DONE]
    if not any(trial.state == TrialState.WAITING for trial in trials):
        if len(done) >= context.search.trials or _out_of_time(done, context.search):
            return None
        context.study.enqueue_trial(_plan(context.search, done), user_attrs={"planned": len(done)})
    return context.study.ask()


def _out_of_time(done: list[FrozenTrial], search: Search) -> bool:
    spent = sum(float(trial.user_attrs.get("seconds", 0.0)) for trial in done)
    return bool(done) and search.minutes is not None and spent >= 60 * search.minutes


def _plan(search: Search, done: list[FrozenTrial]) -> dict[str, Any]:
    """Draw the next trial's parameters; the first trial is the recipe as the YAML writes it."""
    sampler = _sampler(search, derive_seed(search.seed, f"sampler/{len(done)}"))
    # A copy in memory: sampling parameter after parameter in the real storage could be killed half-way.
    copy = optuna.create_study(sampler=sampler, direction=_direction(search))
    copy.add_trials([trial for trial in done if trial.state != TrialState.FAIL])
    drawn = dict(copy.ask(distributions(search.space)).params)
    written = search.recipe.model_dump()
    return {
        name: written[name] if not done and _within(getattr(search.space, name), written[name]) else drawn[name] for name in drawn
    }


def _within(drawn: Choice | FloatRange | IntRange, value: Any) -> bool:
    return value in drawn.values if isinstance(drawn, Choice) else drawn.low <= value <= drawn.high


def _sampler(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=4)


def derive_seed(root: int, purpose: str) -> int:
    """Return a seed of 31 bits for a purpose: randomness is a value, derived from one root."""
    return int.from_bytes(hashlib.sha256(f"{root}/{purpose}".encode()).digest()[:4], "big") >> 1


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the YAML's space as Optuna's distributions."""
    found: dict[str, BaseDistribution] = {}
    for name in sorted(Space.model_fields):
        drawn = getattr(space, name)
        if isinstance(drawn, Choice):
            found[name] = CategoricalDistribution(drawn.values)
        elif isinstance(drawn, FloatRange):
            found[name] = FloatDistribution(drawn.low, drawn.high, log=drawn.log)
        elif drawn is not None:
            found[name] = IntDistribution(drawn.low, drawn.high)
    return found


def _suggest(trial: Trial, space: Space) -> dict[str, Any]:
    """Return the parameters that were planned for a trial, in Optuna's own words."""
    params: dict[str, Any] = {}
    for name in distributions(space):
        drawn = getattr(space, name)
        if isinstance(drawn, Choice):
            params[name] = trial.suggest_categorical(name, drawn.values)
        elif isinstance(drawn, FloatRange):
            params[name] = trial.suggest_float(name, drawn.low, drawn.high, log=drawn.log)
        else:
            params[name] = trial.suggest_int(name, drawn.low, drawn.high)
    return params


def _run(context: _Context, trial: Trial) -> None:
    params = _suggest(trial, context.search.space)
    recipe = Recipe.model_validate(context.search.recipe.model_dump() | params)
    seed = derive_seed(context.search.seed, f"trial/{trial.number}")
    everything = recipe.model_dump() | {"seed": seed, "max_epochs": context.search.max_epochs}
    run_id = context.tracker.child(context.parent, trial.number, context.tags, everything)
    spec = TrialSpec(trial.number, recipe, seed, run_id, context.run.folder / f"trial-{trial.number:03d}", context.tracker.uri)
    started = time.monotonic()
    try:
        outcome = run_trial(
            spec, context.search, context.pixels, lambda epoch, metrics: _epoch_end(context, trial, epoch, metrics)
        )
    except optuna.TrialPruned:
        _close(context, trial, run_id, TrialState.PRUNED, time.monotonic() - started)
    except (RuntimeError, ValueError, MemoryError, FileNotFoundError) as error:
        trial.set_user_attr("error", f"{type(error).__name__}: {error}"[:500])
        _close(context, trial, run_id, TrialState.FAIL, time.monotonic() - started)
    else:
        _complete(context, trial, spec, outcome)


def _epoch_end(context: _Context, trial: Trial, epoch: int, metrics: Mapping[str, float]) -> None:
    trial.report(metrics[f"tune_{context.search.objective}"], epoch)
    done = trial.number * context.search.max_epochs + epoch + 1
    note = f"trial {trial.number + 1}/{context.search.trials} epoch {epoch + 1}/{context.search.max_epochs}: " + ", ".join(
        f"{name} {metrics[name]:.3f}" for name in ("train_loss", "tune_loss", "tune_auroc") if name in metrics
    )
    report("search", done, context.search.trials * context.search.max_epochs, note)
    if trial.should_prune():
        raise optuna.TrialPruned


def _close(context: _Context, trial: Trial, run_id: str, state: TrialState, seconds: float) -> None:
    context.tracker.finish(
        run_id, tags={"radloop.state": state.name.lower()}, status="FAILED" if state == TrialState.FAIL else "KILLED"
    )
    trial.set_user_attr("run_id", run_id)
    trial.set_user_attr("seconds", seconds)
    context.study.tell(trial, state=state)


def _complete(context: _Context, trial: Trial, spec: TrialSpec, outcome: TrialOutcome) -> None:
    numbers = {"best_value": outcome.value, "best_epoch": float(outcome.epoch), "seconds": outcome.seconds}
    context.tracker.finish(spec.run_id, numbers, {"radloop.state": "complete"})
    for name, value in {"run_id": spec.run_id, "epoch": outcome.epoch, "seconds": outcome.seconds, "seed": spec.seed}.items():
        trial.set_user_attr(name, value)
    trial.set_user_attr("recipe", spec.recipe.model_dump(mode="json"))
    trial.set_user_attr("weights", outcome.weights.relative_to(context.run.folder).as_posix())
    context.study.tell(trial, outcome.value)


def _result(context: _Context) -> SearchResult:
    trials = context.study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not complete:
        why = next(
            (str(trial.user_attrs["error"]) for trial in reversed(trials) if "error" in trial.user_attrs), "all were pruned"
        )
        raise ToolError(
            "search_failed", f"no trial of {len(trials)} finished: {why}", "mend the cause, or change search in the YAML"
        )
    sign = -1.0 if context.search.objective == "auroc" else 1.0
    best = min(complete, key=lambda trial: (sign * float(trial.value or 0.0), trial.number))
    result = SearchResult(
        run_id=context.parent,
        trial=best.number,
        trial_run_id=str(best.user_attrs["run_id"]),
        value=float(best.value or 0.0),
        epoch=int(best.user_attrs["epoch"]),
        seed=int(best.user_attrs["seed"]),
        params=dict(best.params),
        recipe=dict(best.user_attrs["recipe"]),
        weights=str(best.user_attrs["weights"]),
        trials=len(trials),
        pruned=sum(trial.state == TrialState.PRUNED for trial in trials),
        fit_seconds=sum(float(trial.user_attrs.get("seconds", 0.0)) for trial in trials),
    )
    context.tracker.finish(
        context.parent, {"best_value": result.value, "trials": float(result.trials)}, {"radloop.best_trial": str(result.trial)}
    )
    return result


def weights_file(run: Run, result: SearchResult) -> Path:
    """Return the best trial's weights."""
    return run.folder / result.weights
