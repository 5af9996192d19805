"""The search's plan: drawn from the seed and the trials before it, never from where it was killed."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from radloop.errors import ConfigError
from radloop.training.plan import combinations, derive_seed, distributions, epochs, exhausted, most_trials, plan
from radloop.use_case import Choice, FloatRange, IntRange, Recipe, Search, Space

SPACE = Space(
    backbone=Choice(values=("resnet18", "densenet121")),
    learning_rate=FloatRange(low=1e-4, high=1e-2, log=True),
    dropout=FloatRange(low=0.0, high=0.4),
)
SEARCH = Search(
    trials=8, max_epochs=1, space=SPACE, recipe=Recipe(backbone="resnet18", learning_rate=1e-3, dropout=0.1), objective="auroc"
)
GRID_SPACE = Space(
    backbone=Choice(values=("resnet18", "densenet121")),
    weight_decay=IntRange(low=1, high=3),
    dropout=FloatRange(low=0.0, high=0.4),
)
GRID = Search(
    sampler="grid",
    trials=100,
    max_epochs=1,
    space=GRID_SPACE,
    recipe=Recipe(backbone="densenet121", weight_decay=2, dropout=0.4),
)


def finished(params: dict[str, object], value: float, state: TrialState = TrialState.COMPLETE) -> optuna.trial.FrozenTrial:
    trial = create_trial(params=params, distributions=distributions(SPACE), value=value)
    trial.state = state
    return trial


def history(n: int, search: Search = SEARCH) -> list[optuna.trial.FrozenTrial]:
    done: list[optuna.trial.FrozenTrial] = []
    for number in range(n):
        done.append(finished(plan(search, done), 0.5 + number / 100))
    return done


def grid(search: Search, n: int) -> list[tuple[object, ...]]:
    trial = create_trial(value=0.0)
    return [tuple(plan(search, [trial] * number).values()) for number in range(n)]


def test_the_first_trial_is_the_recipe_as_written() -> None:
    assert plan(SEARCH, []) == {"backbone": "resnet18", "dropout": 0.1, "learning_rate": 1e-3}


def test_a_recipe_outside_the_space_is_drawn_instead() -> None:
    outside = SEARCH.model_copy(update={"recipe": Recipe(backbone="efficientnet-lite0", learning_rate=1.0, dropout=0.1)})
    drawn = plan(outside, [])
    assert drawn["backbone"] in ("resnet18", "densenet121")
    assert 1e-4 <= drawn["learning_rate"] <= 1e-2
    assert drawn["dropout"] == 0.1


def test_the_plan_depends_on_seed_and_finished_trials_only() -> None:
    done = history(6)
    assert [trial.params for trial in done] == [trial.params for trial in history(6)]
    assert len({str(trial.params) for trial in done}) == 6
    assert plan(SEARCH.model_copy(update={"seed": 8}), done) != plan(SEARCH, done)


def test_a_known_plan_stays_what_it_was() -> None:
    """The second and the sixth trial (the first that TPE draws) as this search planned them before workers, folds and grids."""
    done = history(5)
    second = {"backbone": "densenet121", "dropout": 0.16035962423865266, "learning_rate": 0.0006713440901224123}
    sixth = {"backbone": "resnet18", "dropout": 0.3571170931095806, "learning_rate": 0.005769522011220319}
    assert plan(SEARCH, done[:1]) == pytest.approx(second)
    assert plan(SEARCH, done) == pytest.approx(sixth)


def test_a_failed_trial_teaches_nothing() -> None:
    done = history(5)
    failed = finished(done[4].params, 0.99, TrialState.FAIL)
    worse = finished({"backbone": "densenet121", "dropout": 0.39, "learning_rate": 9e-3}, 0.99, TrialState.FAIL)
    assert plan(SEARCH, [*done[:4], failed]) == plan(SEARCH, [*done[:4], worse])


def test_the_trials_of_an_earlier_search_teach_and_do_not_count() -> None:
    earlier = history(6)
    assert plan(SEARCH, [], earlier) == plan(SEARCH, [])
    begun = [finished(plan(SEARCH, []), 0.5)]
    assert plan(SEARCH, begun, earlier) != plan(SEARCH, begun)
    assert not exhausted(SEARCH.model_copy(update={"trials": 2}), begun)


def test_an_integer_range_is_an_integer() -> None:
    space = Space(learning_rate=FloatRange(low=0.1, high=0.2), weight_decay=IntRange(low=1, high=3))
    assert plan(SEARCH.model_copy(update={"space": space, "recipe": Recipe()}), [])["weight_decay"] in (1, 2, 3)


def test_trials_that_run_beside_it_push_a_new_one_away() -> None:
    beside = SEARCH.model_copy(update={"workers": 2})
    done = history(8)
    wanted = plan(SEARCH, [*done, *[create_trial(state=TrialState.FAIL)] * 4])
    running = create_trial(state=TrialState.RUNNING, params=wanted, distributions=distributions(SPACE))
    assert plan(SEARCH, [*done, *[running] * 4]) == wanted
    assert plan(beside, [*done, *[running] * 4]) != wanted


def test_a_grid_is_every_combination_once_with_the_recipe_first() -> None:
    assert combinations(GRID_SPACE) == 2 * 3 * 2 == most_trials(GRID)
    points = grid(GRID, 12)
    assert points[0] == ("densenet121", 0.4, 2)
    assert len(set(points)) == 12
    assert {point[1] for point in points} == {0.0, 0.4}
    assert {point[2] for point in points} == {1, 2, 3}


def test_a_grid_keeps_its_order_and_is_capped_by_its_trials() -> None:
    capped = GRID.model_copy(update={"trials": 5})
    assert grid(capped, 5) == grid(GRID, 5)
    assert most_trials(capped) == 5
    assert grid(GRID.model_copy(update={"seed": 8}), 12) != grid(GRID, 12)
    assert {point[0] for point in grid(GRID, 6)} == {"resnet18", "densenet121"}  # no corner only


def test_a_recipe_off_the_grid_is_not_in_it() -> None:
    off = GRID.model_copy(update={"recipe": Recipe(backbone="densenet121", weight_decay=2, dropout=0.1)})
    assert {point[1] for point in grid(off, 12)} == {0.0, 0.4}


def test_a_grid_that_nobody_would_run_is_refused() -> None:
    space = Space(weight_decay=IntRange(low=1, high=1000), learning_rate=IntRange(low=1, high=101))
    with pytest.raises(ConfigError, match="101000 combinations"):
        combinations(space)


def test_the_minutes_are_counted_over_finished_trials() -> None:
    trial = finished({"backbone": "resnet18", "learning_rate": 1e-3, "dropout": 0.0}, 0.5)
    trial.set_user_attr("seconds", 61.0)
    minute = SEARCH.model_copy(update={"minutes": 1.0})
    assert not exhausted(minute, [])
    assert exhausted(minute, [trial])
    assert not exhausted(SEARCH, [trial])


def test_the_epochs_are_counted_over_all_trials() -> None:
    params = {"backbone": "resnet18", "learning_rate": 1e-3, "dropout": 0.0}
    trials = [
        create_trial(params=params, distributions=distributions(SPACE), value=0.5, intermediate_values=values)
        for values in ({0: 0.4, 1: 0.5, 2: 0.5}, {0: 0.3})
    ]
    assert epochs(trials) == 4
    assert not exhausted(SEARCH.model_copy(update={"epochs": 5}), trials)
    assert exhausted(SEARCH.model_copy(update={"epochs": 4}), trials)


def test_the_first_budget_that_is_spent_ends_the_search() -> None:
    many = SEARCH.model_copy(update={"trials": 3, "epochs": 100, "minutes": 100.0})
    assert not exhausted(many, history(2))
    assert exhausted(many, history(3))


def test_seeds_are_31_bits_and_differ_by_purpose() -> None:
    seeds = {derive_seed(7, f"trial/{number}") for number in range(100)}
    assert len(seeds) == 100
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(7, "trial/0") == derive_seed(7, "trial/0")


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_both_samplers_stay_in_the_space(sampler: str) -> None:
    search = SEARCH.model_copy(update={"sampler": sampler})
    for count in (1, 5):
        assert 0 <= plan(search, history(count))["dropout"] <= 0.4
