"""Whether a trial stops early: Optuna's pruners, asked about a copy, so that the answer depends on the trials' values only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from radloop.training.plan import direction, steps
from radloop.use_case import Search

_FACTOR = 2
"""Hyperband lets one in so many go on at each rung, and so many times as far."""


def stops(search: Search, trials: Sequence[FrozenTrial], place: int, values: Mapping[int, float]) -> bool:
    """Tell whether a trial stops after its last epoch so far.

    Asked of the real storage, a trial that a crash interrupted would meet the values and rungs of its first attempt.

    Args:
        search: names the pruner.
        trials: of this search in their order, the one in question among them.
        place: which of them it is.
        values: its objective after each of its epochs so far, by epoch from 0 over all folds. What is stored for it is
            not looked at.
    """
    if search.pruner == "median":
        return _median(search, [trial for trial in trials if trial.state == TrialState.COMPLETE], values)
    return search.pruner == "hyperband" and _hyperband(search, trials, place, values)


def _median(search: Search, finished: Sequence[FrozenTrial], values: Mapping[int, float]) -> bool:
    """Golovin and others (Vizier, KDD 2017): at its best it is worse than the median of the others at this epoch."""
    copy = optuna.create_study(direction=direction(search), pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
    copy.add_trials(finished)
    trial = copy.ask()
    for step, value in values.items():
        trial.report(value, step)
    return bool(trial.should_prune())


def _hyperband(search: Search, trials: Sequence[FrozenTrial], place: int, values: Mapping[int, float]) -> bool:
    """Li and others (JMLR 18, 2018): in each bracket the better half goes on from rung to rung, whoever comes later.

    A trial that has trained to its end is not asked. Trials are compared by their best epoch so far, since the best epoch is
    what a trial is worth in the end.
    """
    now = max(values)
    if now + 1 >= steps(search) or now not in _rungs(values):
        return False
    brackets = _dealt(steps(search), len(trials))
    copy = optuna.create_study(
        direction=direction(search),
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.SuccessiveHalvingPruner(
            min_resource=1, reduction_factor=_FACTOR, min_early_stopping_rate=brackets[place]
        ),
    )
    for number, trial in enumerate(trials):
        if number != place and brackets[number] == brackets[place]:
            _replay(search, copy.ask(), trial.intermediate_values)
    return _replay(search, copy.ask(), values)


def _dealt(epochs: int, count: int) -> list[int]:
    """Return each trial's bracket, from 0, which looks first: whoever is owed most in Hyperband's proportions gets the next one.

    Optuna draws brackets by a hash, and how many of 20 trials fall into the costly ones is chance: the same search may spend a
    third of the epochs or two thirds.
    """
    last = 0
    while _FACTOR ** (last + 1) <= epochs:
        last += 1
    sizes = [math.ceil((last + 1) * _FACTOR**rungs / (rungs + 1)) for rungs in range(last, -1, -1)]
    dealt: list[int] = []
    for number in range(count):
        owed = [(number + 1) * size - dealt.count(bracket) * sum(sizes) for bracket, size in enumerate(sizes)]
        dealt.append(owed.index(max(owed)))
    return dealt


def _replay(search: Search, trial: optuna.Trial, values: Mapping[int, float]) -> bool:
    """Report a trial's best at its rungs and return the pruner's last answer; what was done about it is history."""
    stop = False
    for step in _rungs(values):
        trial.report(_best(search, values, step), step + 1)
        stop = bool(trial.should_prune())
    return stop


def _best(search: Search, values: Mapping[int, float], step: int) -> float:
    """Return the best value up to an epoch, since its fold began; what is no number now will not become one again."""
    if math.isnan(values[step]):
        return values[step]
    fold = step // search.max_epochs
    best = min if direction(search) == "minimize" else max
    since = (value for at, value in values.items() if at <= step and at // search.max_epochs == fold)
    return best(value for value in since if not math.isnan(value))


def _rungs(steps: Iterable[int]) -> list[int]:
    """Return the epochs, from 0, after which a bracket may look: the first with 1, 2, 4, 8, ... epochs or more behind it."""
    found, rung = [], 1
    for step in sorted(steps):
        if step + 1 >= rung:
            found.append(step)
        while rung <= step + 1:
            rung *= _FACTOR
    return found
