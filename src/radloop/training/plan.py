"""What a trial is asked to try: drawn from the seed and the trials before it, never from where a search was killed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from radloop.errors import ConfigError
from radloop.use_case import Choice, FloatRange, IntRange, Search, Space

DONE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
_LARGEST_GRID = 100_000


def derive_seed(root: int, purpose: str) -> int:
    """Return a seed of 31 bits for a purpose: randomness is a value, derived from one root."""
    return int.from_bytes(hashlib.sha256(f"{root}/{purpose}".encode()).digest()[:4], "big") >> 1


def direction(search: Search) -> Literal["maximize", "minimize"]:
    """Return which way the objective gets better."""
    return "minimize" if search.objective == "loss" else "maximize"


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


def suggest(trial: Trial, space: Space) -> dict[str, Any]:
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


def plan(search: Search, trials: Sequence[FrozenTrial], earlier: Sequence[FrozenTrial] = ()) -> dict[str, Any]:
    """Draw the next trial's parameters; the first trial is the recipe as the YAML writes it, where the space has it.

    Args:
        search: says how.
        trials: of this search, in their order, whatever became of them.
        earlier: finished trials of an earlier search that the sampler may learn from.

    Raises:
        ConfigError: a grid of more combinations than anybody would run.
    """
    if search.sampler == "grid":
        return _grid_point(search, len(trials))
    sampler = _sampler(search, derive_seed(search.seed, f"sampler/{len(trials)}"))
    # A copy in memory: sampling parameter after parameter in the real storage could be killed half-way. It has no
    # pruner, so that the sampler learns from the trials of all of Hyperband's brackets in every version of Optuna.
    copy = optuna.create_study(sampler=sampler, direction=direction(search), pruner=optuna.pruners.NopPruner())
    copy.add_trials([trial for trial in (*earlier, *trials) if trial.state != TrialState.FAIL])
    drawn = dict(copy.ask(distributions(search.space)).params)
    if trials:
        return drawn
    written = search.recipe.model_dump()
    return {name: written[name] if _within(getattr(search.space, name), written[name]) else drawn[name] for name in drawn}


def _within(drawn: Choice | FloatRange | IntRange, value: Any) -> bool:
    return value in drawn.values if isinstance(drawn, Choice) else drawn.low <= value <= drawn.high


def _sampler(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    # With several workers the trials that still run count as bad ones, so that none is drawn next to them.
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=4, constant_liar=search.workers > 1)


def _axes(space: Space) -> dict[str, tuple[Any, ...]]:
    """Return what a grid tries of each parameter: a list's values, every whole number, the two ends of a real range."""
    axes: dict[str, tuple[Any, ...]] = {}
    for name in distributions(space):
        drawn = getattr(space, name)
        if isinstance(drawn, Choice):
            axes[name] = drawn.values
        elif isinstance(drawn, IntRange):
            axes[name] = tuple(range(drawn.low, drawn.high + 1))
        else:
            axes[name] = tuple(dict.fromkeys((drawn.low, drawn.high)))
    return axes


def combinations(space: Space) -> int:
    """Return how many combinations a grid over a space has.

    Raises:
        ConfigError: more than anybody would run.
    """
    count = math.prod(len(values) for values in _axes(space).values())
    if count > _LARGEST_GRID:
        raise ConfigError(
            "grid_too_large", f"search.space has {count} combinations", "narrow the whole-numbered ranges, or draw with tpe"
        )
    return count


def _grid_point(search: Search, number: int) -> dict[str, Any]:
    """Return the combination of a trial: the recipe's own first, the others in an order drawn from the seed.

    In the order of their names a budget below the number of combinations would see one corner of the grid only.
    """
    axes = _axes(search.space)
    points = [_point(axes, index) for index in range(combinations(search.space))]
    written = search.recipe.model_dump()
    order = sorted(
        range(len(points)),
        key=lambda index: (
            any(value != written[name] for name, value in points[index].items()),
            derive_seed(search.seed, f"grid/{index}"),
            index,
        ),
    )
    return points[order[number]]


def _point(axes: dict[str, tuple[Any, ...]], index: int) -> dict[str, Any]:
    point: dict[str, Any] = {}
    for name, values in axes.items():
        index, place = divmod(index, len(values))
        point[name] = values[place]
    return point


def most_trials(search: Search) -> int:
    """Return how many trials the search may hold; a grid has no more than its combinations."""
    return min(search.trials, combinations(search.space)) if search.sampler == "grid" else search.trials


def steps(search: Search) -> int:
    """Return how many epochs a trial trains at most, over all of its folds."""
    return search.max_epochs * (search.folds or 1)


def exhausted(search: Search, trials: Sequence[FrozenTrial]) -> bool:
    """Tell whether no other trial may start: trials, minutes inside trials or epochs are spent, whichever was first."""
    if len(trials) >= most_trials(search):
        return True
    seconds = [float(trial.user_attrs.get("seconds", 0.0)) for trial in trials if trial.state in DONE]
    if search.minutes is not None and seconds and math.fsum(seconds) >= 60 * search.minutes:
        return True
    return search.epochs is not None and epochs(trials) >= search.epochs


def epochs(trials: Sequence[FrozenTrial]) -> int:
    """Return how many epochs trials have trained; what a crash interrupted counts once."""
    return sum(len(trial.intermediate_values) for trial in trials)
