"""Pruners: the answer depends on the values of the trials, not on the attempt or what a crash left."""

from __future__ import annotations

import math

from optuna.trial import FrozenTrial, TrialState, create_trial

from radloop.training.pruning import stops
from radloop.use_case import Search

# With 8 epochs there are 4 brackets, whose first rungs are after 1, 2, 4 and 8 epochs. Of 22 trials they are owed
# ceil(4 * 8 / 4) = 8, ceil(4 * 4 / 3) = 6, ceil(4 * 2 / 2) = 4 and ceil(4 * 1 / 1) = 4, and get them one by one.
SEARCH = Search(trials=20, max_epochs=8, pruner="hyperband", objective="auroc", seed=7)
DEALT = [0, 1, 2, 3, 0, 1, 0, 2, 3, 1, 0]


def places(wanted: int) -> list[int]:
    return [place for place, bracket in enumerate(DEALT) if bracket == wanted]


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


def test_the_brackets_get_their_share_of_the_trials() -> None:
    best = [trial(*[0.9] * 8, state=TrialState.COMPLETE)] * 22
    looks = [
        next((n for n in range(1, 9) if stops(SEARCH, best, place, dict.fromkeys(range(n), 0.1))), None) for place in range(22)
    ]
    assert [looks.count(epochs) for epochs in (1, 2, 4, None)] == [8, 6, 4, 4]
    assert looks[:11] == [(1, 2, 4, None)[bracket] for bracket in DEALT]


def test_the_first_bracket_looks_after_the_first_epoch() -> None:
    a, b, c, d = places(0)[:4]
    assert not stops(SEARCH, row(a + 1), a, first(0.1))  # nobody to compare with
    done = {f"p{a}": trial(0.5)}
    assert stops(SEARCH, row(b + 1, **done), b, first(0.4))
    assert not stops(SEARCH, row(b + 1, **done), b, first(0.6))
    done[f"p{b}"] = trial(0.6)
    assert stops(SEARCH, row(c + 1, **done), c, first(0.55))  # 3 // 2 = 1 goes on
    done[f"p{c}"] = trial(0.55)
    assert not stops(SEARCH, row(d + 1, **done), d, first(0.57))  # 4 // 2 = 2 go on
    assert stops(SEARCH, row(d + 1, **done), d, first(0.54))


def test_a_later_rung_compares_those_who_came_so_far() -> None:
    a, b = places(0)[:2]
    done = {f"p{a}": trial(0.5, 0.6, 0.6, 0.7, 0.8, state=TrialState.COMPLETE)}
    high = first(0.6, 0.6, 0.6)
    assert not stops(SEARCH, row(b + 1, **done), b, high)  # no rung after three epochs
    assert stops(SEARCH, row(b + 1, **done), b, high | {3: 0.69})
    assert not stops(SEARCH, row(b + 1, **done), b, high | {3: 0.71})


def test_trials_are_compared_by_their_best_epoch_so_far() -> None:
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(0.6, 0.5)})
    assert stops(SEARCH, done, b, first(0.1, 0.55))
    assert not stops(SEARCH, done, b, first(0.65, 0.1))
    loss = SEARCH.model_copy(update={"objective": "loss"})
    assert stops(loss, done, b, first(0.9, 0.55))
    assert not stops(loss, done, b, first(0.45, 0.9))


def test_another_bracket_looks_later_and_at_its_own_trials_only() -> None:
    early, late, last = places(0)[0], places(1)[0], places(3)[0]
    done = {f"p{early}": trial(*[0.9] * 8, state=TrialState.COMPLETE)}
    assert not stops(SEARCH, row(11, **done), late, first(0.1, 0.1))
    done[f"p{places(1)[1]}"] = trial(0.5, 0.5)
    assert not stops(SEARCH, row(11, **done), late, first(0.1))
    assert stops(SEARCH, row(11, **done), late, first(0.1, 0.1))
    done[f"p{places(3)[1]}"] = trial(*[0.9] * 8, state=TrialState.COMPLETE)
    assert not stops(SEARCH, row(11, **done), last, first(0.1, 0.1, 0.1, 0.1))


def test_a_trial_that_has_trained_to_its_end_is_never_stopped() -> None:
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(*[0.9] * 8, state=TrialState.COMPLETE)})
    assert stops(SEARCH, done, b, first(0.1, 0.1))
    assert not stops(SEARCH, done, b, dict.fromkeys(range(8), 0.1))
    short = SEARCH.model_copy(update={"max_epochs": 1})
    assert not stops(short, done, b, first(0.1))


FOLDED = Search(trials=5, max_epochs=4, folds=2, pruner="hyperband", objective="auroc", seed=7)  # eight epochs as well


def test_folds_are_counted_in_their_epochs() -> None:
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(*[0.5] * 8)})
    assert stops(FOLDED, done, b, first(0.4, 0.4))
    assert not stops(FOLDED, done, b, dict.fromkeys(range(8), 0.1))


def test_the_best_of_another_fold_is_no_best_so_far() -> None:
    search = FOLDED.model_copy(update={"max_epochs": 2, "folds": 4})
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(*[0.5] * 4)})
    assert stops(search, done, b, first(0.9, 0.9, 0.4, 0.4))
    assert not stops(search, done, b, first(0.9, 0.9, 0.6, 0.4))


def test_a_rung_that_early_stopping_skipped_is_looked_at_next() -> None:
    a, b = places(0)[:2]
    done = row(b + 1, **{f"p{a}": trial(*[0.5] * 6)})
    assert stops(FOLDED, done, b, {0: 0.6, 1: 0.6, 4: 0.4})  # the first fold ended after two epochs


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


def test_a_whole_search() -> None:
    trials: list[FrozenTrial] = []
    for place in range(12):
        values: dict[int, float] = {}
        for epoch in range(8):
            values[epoch] = (place * 7 % 12) / 12 + epoch / 100
            running = create_trial(state=TrialState.RUNNING, intermediate_values=values)
            if stops(SEARCH, [*trials, running], place, values):
                break
        trials.append(create_trial(state=TrialState.PRUNED, intermediate_values=values))
    # Twelfths: 0, 4, 6, 10, 5 in the first bracket, 7, 11, 3 in the second, 2, 1 in the third, 9, 8 in the last.
    assert [len(done.intermediate_values) for done in trials] == [8, 8, 8, 8, 8, 8, 8, 4, 8, 2, 8, 1]
