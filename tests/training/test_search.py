"""The search's plan: drawn from the seed and the finished trials, never from where it was killed."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from radloop.training.search import _out_of_time, _plan, derive_seed, distributions
from radloop.use_case import Choice, FloatRange, IntRange, Recipe, Search, Space

SPACE = Space(
    backbone=Choice(values=("resnet18", "densenet121")),
    learning_rate=FloatRange(low=1e-4, high=1e-2, log=True),
    dropout=FloatRange(low=0.0, high=0.4),
)
SEARCH = Search(
    trials=8, max_epochs=1, space=SPACE, recipe=Recipe(backbone="resnet18", learning_rate=1e-3, dropout=0.1), objective="auroc"
)


def finished(params: dict[str, object], value: float, state: TrialState = TrialState.COMPLETE) -> optuna.trial.FrozenTrial:
    trial = create_trial(params=params, distributions=distributions(SPACE), value=value)
    trial.state = state
    return trial


def history(n: int) -> list[optuna.trial.FrozenTrial]:
    done: list[optuna.trial.FrozenTrial] = []
    for number in range(n):
        done.append(finished(_plan(SEARCH, done), 0.5 + number / 100))
    return done


def test_the_first_trial_is_the_recipe_as_written() -> None:
    assert _plan(SEARCH, []) == {"backbone": "resnet18", "dropout": 0.1, "learning_rate": 1e-3}


def test_a_recipe_outside_the_space_is_drawn_instead() -> None:
    outside = SEARCH.model_copy(update={"recipe": Recipe(backbone="efficientnet-lite0", learning_rate=1.0, dropout=0.1)})
    plan = _plan(outside, [])
    assert plan["backbone"] in ("resnet18", "densenet121")
    assert 1e-4 <= plan["learning_rate"] <= 1e-2
    assert plan["dropout"] == 0.1


def test_the_plan_depends_on_seed_and_finished_trials_only() -> None:
    done = history(6)
    assert [trial.params for trial in done] == [trial.params for trial in history(6)]
    assert len({str(trial.params) for trial in done}) == 6
    assert _plan(SEARCH.model_copy(update={"seed": 8}), done) != _plan(SEARCH, done)


def test_an_integer_range_is_an_integer() -> None:
    space = Space(learning_rate=FloatRange(low=0.1, high=0.2), weight_decay=IntRange(low=1, high=3))
    assert _plan(SEARCH.model_copy(update={"space": space, "recipe": Recipe()}), [])["weight_decay"] in (1, 2, 3)


def test_the_minutes_are_counted_over_finished_trials() -> None:
    trial = finished({"backbone": "resnet18", "learning_rate": 1e-3, "dropout": 0.0}, 0.5)
    trial.set_user_attr("seconds", 61.0)
    minute = SEARCH.model_copy(update={"minutes": 1.0})
    assert not _out_of_time([], minute)
    assert _out_of_time([trial], minute)
    assert not _out_of_time([trial], SEARCH)


def test_seeds_are_31_bits_and_differ_by_purpose() -> None:
    seeds = {derive_seed(7, f"trial/{number}") for number in range(100)}
    assert len(seeds) == 100
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(7, "trial/0") == derive_seed(7, "trial/0")


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_both_samplers_stay_in_the_space(sampler: str) -> None:
    search = SEARCH.model_copy(update={"sampler": sampler})
    for count in (1, 5):
        plan = _plan(search, history(count))
        assert 0 <= plan["dropout"] <= 0.4
