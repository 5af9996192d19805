"""Pruners: the answer depends on the values of the trials, not on the process, the attempt or what a crash left."""

from __future__ import annotations

import binascii
import json
import math
import os
import subprocess
import sys

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from radloop.training.pruning import stops
from radloop.use_case import Search

# With 18 epochs there are 3 brackets, whose first rungs are after 2, 6 and 18 epochs. Of 17 places in the hash they have
# ceil(3 * 9 / 3) = 9, ceil(3 * 3 / 2) = 5 and ceil(3 * 1 / 1) = 3.
SEARCH = Search(trials=20, max_epochs=18, pruner="hyperband", objective="auroc", seed=7)


def bracket(place: int, seed: int = 7) -> int:
    draw = binascii.crc32(f"seed {seed}_{place}".encode()) % 17
    return (draw >= 9) + (draw >= 14)


def places(wanted: int) -> list[int]:
    return [place for place in range(60) if bracket(place) == wanted]


def trial(*values: float, state: TrialState = TrialState.PRUNED) -> FrozenTrial:
    value = max(values) if state == TrialState.COMPLETE else None
    return create_trial(state=state, value=value, intermediate_values=dict(enumerate(values)))


def row(length: int, **at: FrozenTrial) -> list[FrozenTrial]:
    """Return so many trials of which those named `p3` stand at place 3; the others failed before their first epoch."""
    return [at.get(f"p{place}", trial(state=TrialState.FAIL)) for place in range(length)]


def test_no_pruner_stops_nothing() -> None:
    search = SEARCH.model_copy(update={"pruner": "none"})
    assert not stops(search, [trial(0.9, state=TrialState.COMPLETE)] * 5 + [trial()], 5, {0: 0.1})


def test_the_median_waits_for_two_finished_trials_and_compares_at_the_same_epoch() -> None:
    search = SEARCH.model_copy(update={"pruner": "median"})
    first, second, third = (trial(*values, state=TrialState.COMPLETE) for values in ((0.5, 0.7), (0.6, 0.8), (0.7, 0.9)))
    assert not stops(search, [first, trial()], 1, {0: 0.1})
    assert stops(search, [first, second, third, trial()], 3, {0: 0.59})  # below 0.6
    assert not stops(search, [first, second, third, trial()], 3, {0: 0.6})
    assert stops(search, [first, second, third, trial()], 3, {0: 0.65, 1: 0.7})  # at best 0.7, below 0.8
    assert not stops(search, [first, second, third, trial()], 3, {0: 0.85, 1: 0.1})


def test_the_median_of_a_loss_is_an_upper_limit() -> None:
    search = SEARCH.model_copy(update={"pruner": "median", "objective": "loss"})
    done = [create_trial(value=0.5, intermediate_values={0: 0.5}), create_trial(value=0.7, intermediate_values={0: 0.7})]
    assert stops(search, [*done, trial()], 2, {0: 0.61})
    assert not stops(search, [*done, trial()], 2, {0: 0.59})


def first(*values: float) -> dict[int, float]:
    """Return values by epoch, from 0."""
    return dict(enumerate(values))


def test_the_first_bracket_looks_after_two_epochs() -> None:
    a, b, c, d = places(0)[:4]
    assert not stops(SEARCH, row(a + 1), a, first(0.1, 0.1))  # nobody to compare with
    done = {f"p{a}": trial(0.5, 0.5)}
    assert not stops(SEARCH, row(b + 1, **done), b, first(0.4))  # the first epoch is nobody's
    assert stops(SEARCH, row(b + 1, **done), b, first(0.4, 0.4))
    assert not stops(SEARCH, row(b + 1, **done), b, first(0.4, 0.6))
    done[f"p{b}"] = trial(0.4, 0.4)
    assert stops(SEARCH, row(c + 1, **done), c, first(0.4, 0.49))  # 3 // 3 = 1 goes on
    done[f"p{c}"] = trial(0.6, 0.6, 0.6)
    assert not stops(SEARCH, row(d + 1, **done), d, first(0.4, 0.7))


def test_the_second_rung_compares_those_who_came_so_far() -> None:
    a, b = places(0)[:2]
    done = {f"p{a}": trial(0.5, 0.6, 0.6, 0.6, 0.6, 0.7, 0.8, state=TrialState.COMPLETE)}
    high = first(0.6, 0.6, 0.6, 0.6, 0.6)
    assert not stops(SEARCH, row(b + 1, **done), b, high)  # no rung after five epochs
    assert stops(SEARCH, row(b + 1, **done), b, high | {5: 0.69})
    assert not stops(SEARCH, row(b + 1, **done), b, high | {5: 0.71})


def test_trials_are_compared_by_their_best_epoch_so_far() -> None:
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(0.6, 0.5)})
    assert stops(SEARCH, done, b, first(0.1, 0.55))
    assert not stops(SEARCH, done, b, first(0.65, 0.1))
    loss = SEARCH.model_copy(update={"objective": "loss"})
    assert stops(loss, done, b, first(0.9, 0.55))
    assert not stops(loss, done, b, first(0.45, 0.9))


def test_another_bracket_looks_later_and_at_its_own_trials_only() -> None:
    early, late, last = places(0)[0], places(1)[0], places(2)[0]
    length = max(early, late, last) + 1
    done = {f"p{early}": trial(*[0.9] * 18, state=TrialState.COMPLETE)}
    six = dict.fromkeys(range(6), 0.1)
    assert not stops(SEARCH, row(length, **done), late, first(0.1, 0.1))
    assert not stops(SEARCH, row(length, **done), late, six)
    rival = next(place for place in places(1) if place != late)
    done[f"p{rival}"] = trial(*[0.5] * 6)
    assert stops(SEARCH, row(max(length, rival + 1), **done), late, six)
    assert not stops(SEARCH, row(length, **done), last, six)


def test_a_trial_that_has_trained_to_its_end_is_never_stopped() -> None:
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(*[0.9] * 18, state=TrialState.COMPLETE)})
    assert stops(SEARCH, done, b, first(0.1, 0.1))
    assert not stops(SEARCH, done, b, dict.fromkeys(range(18), 0.1))
    short = SEARCH.model_copy(update={"max_epochs": 2})
    assert not stops(short, done, b, first(0.1, 0.1))


FOLDED = Search(trials=5, max_epochs=6, folds=3, pruner="hyperband", objective="auroc", seed=7)  # eighteen epochs as well


def test_folds_are_counted_in_their_epochs() -> None:
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(*[0.5] * 7)})
    assert stops(FOLDED, done, b, first(0.4, 0.4))
    assert not stops(FOLDED, done, b, dict.fromkeys(range(18), 0.1))


def test_the_best_of_another_fold_is_no_best_so_far() -> None:
    search = FOLDED.model_copy(update={"max_epochs": 3, "folds": 6})
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(*[0.5] * 6)})
    assert stops(search, done, b, first(0.9, 0.9, 0.9, 0.4, 0.4, 0.4))
    assert not stops(search, done, b, first(0.9, 0.9, 0.9, 0.4, 0.6, 0.4))


def test_a_rung_that_early_stopping_skipped_is_looked_at_next() -> None:
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(*[0.5] * 7)})
    assert stops(FOLDED, done, b, {0: 0.6, 1: 0.6, 2: 0.6, 3: 0.6, 6: 0.4})  # the first fold ended after four epochs


def test_a_value_that_is_no_number_stops_at_the_next_rung() -> None:
    a = places(0)[0]
    assert stops(SEARCH, row(a + 1), a, first(0.9, math.nan))
    assert not stops(SEARCH, row(a + 1), a, first(math.nan, 0.9))


def test_what_a_crash_left_of_the_trial_is_not_looked_at() -> None:
    a, b = places(0)[:2]
    done = {f"p{a}": trial(0.5, 0.5)}
    for value in (0.4, 0.6):
        fresh, so_far = row(b + 1, **done), first(value, value)
        stale = row(b + 1, **done, **{f"p{b}": trial(*[value] * 6, state=TrialState.RUNNING)})
        assert stops(SEARCH, fresh, b, so_far) == stops(SEARCH, stale, b, so_far) == (value < 0.5)


_PROGRAM = """
import json, sys
from optuna.trial import TrialState, create_trial
import optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
from radloop.training.pruning import stops
from radloop.use_case import Search
search = Search(trials=20, max_epochs=18, pruner="hyperband", objective="auroc", seed=7)
trials, answers = [], []
for place in range(12):
    values = {}
    for epoch in range(18):
        values[epoch] = (place * 7 % 12) / 12 + epoch / 100
        running = create_trial(state=TrialState.RUNNING, intermediate_values=values)
        if stops(search, [*trials, running], place, values):
            break
    answers.append(len(values))
    trials.append(create_trial(state=TrialState.PRUNED, intermediate_values=values))
print(json.dumps(answers))
"""


@pytest.mark.parametrize("salt", ["1", "2"])
def test_brackets_do_not_depend_on_the_process(salt: str) -> None:
    environment = os.environ | {"PYTHONHASHSEED": salt}
    done = subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [18, 18, 18, 18, 18, 18, 18, 6, 2, 18, 18, 2]
