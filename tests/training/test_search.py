"""The search over a trainer that computes a curve instead of a network: resuming, folds, budgets, what an earlier search lends."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from installations import Installation, make_installation, small_phantom_config

from radloop.errors import InputError, ToolError
from radloop.progress import Step, listening
from radloop.records.runs import Run
from radloop.training.epochs import EpochEnd
from radloop.training.folds import median_fold
from radloop.training.pixels import Pixels
from radloop.training.result import SearchResult
from radloop.training.runner import Train, reason
from radloop.training.search import search
from radloop.training.tracking import Tracker
from radloop.training.trained import load_trained, weights_file
from radloop.training.trial import TrialOutcome, TrialSpec
from radloop.use_case import Recipe, UseCase

TAGS = {"radloop.key": "k", "radloop.data_version": "1.dir"}


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def use_case(**changes: Any) -> UseCase:
    config = {name: part for name, part in small_phantom_config().items() if name not in ("fusion", "severity", "location")}
    config["search"] |= {"trials": 3, "max_epochs": 3, "objective": "auroc"} | changes
    return UseCase.model_validate_json(json.dumps(config))


def pixels(patients: int = 12) -> Pixels:
    n = 2 * patients
    frame = pd.DataFrame(
        {
            "patient": [f"p{row // 2}" for row in range(n)],
            "group": None,
            "pixels": [str(row) for row in range(n)],
            "split": "train",
        }
    )
    frame.loc[n - 6 :, "split"] = "tune"
    truths = np.asarray([[float(row // 2 % 2)] for row in range(n)], dtype=np.float32)
    return Pixels(images=np.zeros((n, 2, 2), np.uint8), truths=truths, frame=frame)


def curve(spec: TrialSpec, epoch: int) -> float:
    """Return an AUROC that rises, the higher the nearer the learning rate is to 1e-3, with noise of the seed."""
    noise = int(hashlib.sha256(f"{spec.seed}/{epoch}".encode()).hexdigest()[:6], 16) / 2**24
    return 0.9 - 0.3 * abs(math.log10(spec.recipe.learning_rate) + 3) - 0.3 / (epoch + 1) + 0.05 * noise


def pretend(
    spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd, seen: list[TrialSpec] | None = None
) -> TrialOutcome:
    """Train nothing: report the curve and keep its best epoch."""
    if seen is not None:
        seen.append(spec)
    values = []
    for epoch in range(use_case.search.max_epochs):
        values.append(curve(spec, epoch))
        epoch_end(epoch, {"tune_auroc": values[-1], "tune_loss": 1 - values[-1], "train_loss": 0.5})
    weights = spec.folder / "network.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(repr((spec.seed, values)).encode())
    return TrialOutcome(value=max(values), epoch=int(np.argmax(values)), weights=weights, seconds=1.5, batch_size=32)


def failing(error: Exception) -> Train:
    def train(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
        raise error

    return train


def attempt(place: Installation, number: int) -> Run:
    folder = place.settings.place / "runs" / "phantom-cxr" / f"key-{number:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    return Run(folder, "key", number)


def run(place: Installation, number: int, asked: UseCase, train: Train = pretend) -> SearchResult:
    return search(asked, pixels(), attempt(place, number), TAGS, place.settings, train)


def story(place: Installation, number: int) -> list[tuple[Any, ...]]:
    """Return all that Optuna keeps of an attempt's trials and that a second run should repeat."""
    database = sqlite3.connect(place.root / ".radloop" / "optuna" / "optuna.db")
    query = (
        "select t.number, t.state, v.value, "
        "(select group_concat(param_name || param_value) from (select * from trial_params where trial_id = t.trial_id order by 3)), "
        "(select group_concat(step || '=' || intermediate_value) from "
        "(select * from trial_intermediate_values where trial_id = t.trial_id order by step)) "
        "from trials t join studies s using (study_id) left join trial_values v using (trial_id) "
        "where s.study_name = ? order by t.number"
    )
    return database.execute(query, (f"phantom-cxr/key-{number:03d}",)).fetchall()


def same(one: SearchResult, other: SearchResult) -> bool:
    different = ("run_id", "trial_run_id", "fit_seconds")  # names of runs, and seconds by the clock
    return all(value == other.as_dict()[name] for name, value in one.as_dict().items() if name not in different)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return make_installation(tmp_path_factory.mktemp("search") / "site")


def test_the_best_trial_is_kept_with_its_weights_runs_and_page(place: Installation) -> None:
    seen: list[TrialSpec] = []
    steps: list[Step] = []
    with listening(steps.append):
        found = run(place, 1, use_case(), partial(pretend, seen=seen))
    best = max(seen, key=lambda spec: max(curve(spec, epoch) for epoch in range(3)))
    assert (found.trial, found.seed, found.recipe["learning_rate"]) == (best.number, best.seed, best.recipe.learning_rate)
    assert found.value == max(curve(best, epoch) for epoch in range(3))
    assert (found.trials, found.pruned, found.failed, found.epochs, found.fold, found.borrowed) == (3, 0, 0, 9, None, 0)
    assert weights_file(attempt(place, 1), found).read_bytes().startswith(f"({best.seed}, ".encode())
    assert [step.done for step in steps] == list(range(1, 10))
    assert steps[4].note.startswith("trial 2/3 epoch 2/3: train_loss 0.500, tune_loss 0.")
    assert found.page == "search.html"
    assert found.trial_run_id in (attempt(place, 1).folder / found.page).read_text()
    client = Tracker("phantom-cxr", place.settings).client
    parent = client.get_run(found.run_id)
    assert parent.data.metrics == {"best_value": found.value, "trials": 3, "epochs": 9}
    assert parent.info.status == "FINISHED"
    assert [item.path for item in client.list_artifacts(found.run_id, "search")] == ["search/search.html"]


@pytest.mark.parametrize(
    ("pruner", "objective", "first", "kills"),
    [("hyperband", "auroc", 10, (1, 9, 14)), ("median", "loss", 30, (10,))],
    ids=["hyperband", "median"],
)
def test_killed_anywhere_it_ends_as_if_it_had_not_been(
    place: Installation, pruner: str, objective: str, first: int, kills: tuple[int, ...]
) -> None:
    asked = use_case(trials=8, max_epochs=4, pruner=pruner, objective=objective, seed=3)
    value: Train = pretend if objective == "auroc" else partial(_as_loss)
    whole = run(place, first, asked, value)
    reference = story(place, first)
    assert whole.pruned >= 2
    for number, kill in enumerate(kills, start=first + 1):
        heard = 0

        def killed(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd, kill: int = kill) -> TrialOutcome:
            def listen(epoch: int, metrics: dict[str, float]) -> None:
                nonlocal heard
                heard += 1
                try:
                    epoch_end(epoch, metrics)
                finally:  # after the pruner's answer, before anything is done about it
                    if heard == kill:
                        raise Killed

            return value(spec, use_case, pixels, listen)

        with pytest.raises(Killed):
            run(place, number, asked, killed)
        assert len(story(place, number)) < len(reference) or story(place, number)[-1][1] == "RUNNING"
        assert same(run(place, number, asked, value), whole), f"killed after {kill} epochs"
        assert story(place, number) == reference


def _as_loss(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
    outcome = pretend(spec, use_case, pixels, epoch_end)
    return replace(outcome, value=1 - outcome.value)


def test_a_finished_search_is_not_run_again(place: Installation) -> None:
    found = run(place, 40, use_case())
    assert run(place, 40, use_case(), failing(AssertionError("trained again"))) == found


@pytest.mark.parametrize(
    ("changes", "trials", "epochs"),
    [({"trials": 50, "epochs": 7}, 3, 9), ({"trials": 50, "minutes": 0.04}, 2, 6), ({"trials": 1, "epochs": 7}, 1, 3)],
    ids=["epochs", "minutes", "trials"],
)
def test_the_first_budget_that_is_spent_ends_it(place: Installation, changes: dict[str, Any], trials: int, epochs: int) -> None:
    """A trial has 3 epochs and says that it took 1.5 seconds; 0.04 minutes are 2.4."""
    found = run(place, 50 + trials, use_case(**changes))
    assert (found.trials, found.epochs) == (trials, epochs)


def test_a_grid_runs_every_combination_once(place: Installation) -> None:
    space = {
        "learning_rate": {"kind": "float", "low": 5e-4, "high": 2e-3},
        "dropout": {"kind": "choice", "values": [0.1, 0.2, 0.3]},
    }
    seen: list[TrialSpec] = []
    found = run(place, 60, use_case(sampler="grid", trials=50, max_epochs=1, space=space), partial(pretend, seen=seen))
    assert found.trials == 6
    assert {(spec.recipe.learning_rate, spec.recipe.dropout) for spec in seen} == {
        (rate, dropout) for rate in (5e-4, 2e-3) for dropout in (0.1, 0.2, 0.3)
    }


def test_with_folds_the_value_is_the_mean_and_the_median_fold_is_kept(place: Installation) -> None:
    seen: list[TrialSpec] = []
    cuts: list[set[str]] = []

    def train(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
        cuts.append(set(pixels.frame["patient"].iloc[pixels.indices("tune")]))
        return pretend(spec, use_case, pixels, epoch_end, seen)

    found = run(place, 70, use_case(folds=3, trials=2), train)
    assert len(seen) == 6
    assert len({spec.seed for spec in seen}) == len({spec.run_id for spec in seen}) == len({spec.folder for spec in seen}) == 6
    assert cuts[:3] == cuts[3:]
    assert sorted(cuts[0] | cuts[1] | cuts[2]) == sorted(f"p{number}" for number in range(12))
    assert sum(map(len, cuts[:3])) == 12
    own = [max(curve(spec, epoch) for epoch in range(3)) for spec in seen[3 * found.trial : 3 * found.trial + 3]]
    fold = median_fold(own, larger_is_better=True)
    assert (found.fold, found.fold_value) == (fold, sorted(own)[1])
    assert found.value == pytest.approx(sum(own) / 3, abs=1e-15)
    assert found.seed == seen[3 * found.trial + fold].seed
    assert found.weights == f"trial-{found.trial:03d}/fold-{fold}/network.safetensors"
    assert weights_file(attempt(place, 70), found).is_file()
    assert found.epochs == 18
    client = Tracker("phantom-cxr", place.settings).client
    trial = client.get_run(found.trial_run_id)
    assert (trial.data.tags["radloop.kept_fold"], trial.data.metrics["fold_value"]) == (str(fold), found.fold_value)
    assert client.get_run(found.run_id).data.tags["radloop.kept_fold"] == str(fold)
    below = client.search_runs([trial.info.experiment_id], f"tags.`mlflow.parentRunId` = '{found.trial_run_id}'")
    assert sorted(run.data.metrics["best_value"] for run in below) == sorted(own)


def test_folds_report_the_mean_so_far_after_each_epoch(place: Installation) -> None:
    seen: list[TrialSpec] = []
    run(place, 71, use_case(folds=2, trials=1, max_epochs=2), partial(pretend, seen=seen))
    first, second = ([curve(spec, epoch) for epoch in range(2)] for spec in seen)
    expected = [first[0], first[1], (max(first) + second[0]) / 2, (max(first) + second[1]) / 2]
    told = [float(part.partition("=")[2]) for part in story(place, 71)[0][4].split(",")]
    assert told == pytest.approx(expected, abs=1e-12)


def test_a_trial_that_folds_interrupted_leaves_no_run_behind(place: Installation) -> None:
    calls = 0

    def train(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Killed
        return pretend(spec, use_case, pixels, epoch_end)

    asked = use_case(folds=2, trials=1)
    with pytest.raises(Killed):
        run(place, 72, asked, train)
    found = run(place, 72, asked, train)
    client = Tracker("phantom-cxr", place.settings).client
    experiment = client.get_run(found.run_id).info.experiment_id
    trials = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{found.run_id}'")
    assert len(trials) == 1
    assert len(client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{found.trial_run_id}'")) == 2
    folds = client.search_runs([experiment], "tags.`radloop.role` = 'fold'", max_results=1000)
    live = {run.info.run_id for run in client.search_runs([experiment], max_results=1000)}
    assert all(run.data.tags["mlflow.parentRunId"] in live for run in folds)


def test_more_folds_than_patients_are_refused(place: Installation) -> None:
    with pytest.raises(InputError, match="4 folds"):
        search(use_case(folds=4), pixels(3), attempt(place, 73), TAGS, place.settings, pretend)


def test_a_warm_start_learns_from_the_last_like_search_and_never_chooses_from_it(tmp_path: Path) -> None:
    place = make_installation(tmp_path / "site")
    run(place, 1, use_case(trials=5, max_epochs=1))
    unlike = use_case(trials=2, max_epochs=1, space={"dropout": {"kind": "float", "low": 0.0, "high": 0.3}})
    run(place, 2, unlike)
    cold = run(place, 3, use_case(trials=2, max_epochs=1, seed=8))

    def worse(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
        outcome = pretend(spec, use_case, pixels, epoch_end)
        return replace(outcome, value=outcome.value - 0.5)

    seen: list[TrialSpec] = []
    asked = use_case(trials=2, max_epochs=1, seed=8, warm_start=True, workers=1)
    found = run(place, 4, asked, worse)
    assert cold.borrowed == 0
    assert (found.borrowed, found.trials, found.epochs) == (2, 2, 2)  # of attempt 3, the last with the same space
    assert found.value < 0.5 < cold.value
    assert found.trial in (0, 1)
    assert found.weights == f"trial-{found.trial:03d}/network.safetensors"
    again = run(place, 5, asked, partial(pretend, seen=seen))
    assert again.borrowed == 2  # the two trials of attempt 4 itself, not what it had borrowed
    assert seen[0].number == 0
    assert run(place, 5, asked, failing(AssertionError("trained again"))).borrowed == 2
    assert f"began with {again.borrowed} finished trials" in (attempt(place, 5).folder / "search.html").read_text()


def test_a_warm_start_draws_otherwise_than_a_cold_one(tmp_path: Path) -> None:
    place = make_installation(tmp_path / "site")
    run(place, 1, use_case(trials=6, max_epochs=1))
    warm: list[TrialSpec] = []
    cold: list[TrialSpec] = []
    run(place, 2, use_case(trials=2, max_epochs=1, seed=8, warm_start=True), partial(pretend, seen=warm))
    run(place, 3, use_case(trials=2, max_epochs=1, seed=8), partial(pretend, seen=cold))
    assert cold[0].recipe == warm[0].recipe  # the recipe as it is written
    assert cold[1].recipe != warm[1].recipe
    assert [spec.seed for spec in cold] == [spec.seed for spec in warm]


def test_the_first_warm_start_has_nobody_to_learn_from(tmp_path: Path) -> None:
    assert run(make_installation(tmp_path / "site"), 1, use_case(trials=1, warm_start=True)).borrowed == 0


def test_a_search_whose_every_trial_fails_says_why_and_how_often(tmp_path: Path) -> None:
    place = make_installation(tmp_path / "site")
    errors = iter([RuntimeError("shapes do not fit"), RuntimeError("again"), ToolError("trial_failed", "kept no epoch")])

    def train(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
        raise next(errors)

    with pytest.raises(ToolError) as caught:
        run(place, 1, use_case(), train)
    assert caught.value.code == "search_failed"
    assert caught.value.exit_code == 1
    assert (
        caught.value.message == "no trial of 3 finished (2 RuntimeError, 1 trial_failed); the last: trial_failed: kept no epoch"
    )
    page = (attempt(place, 1).folder / "search.html").read_text()
    assert "RuntimeError: shapes do not fit" in page
    assert "Needs 2 finished trials; there are 0." in page
    client = Tracker("phantom-cxr", place.settings).client
    assert client.get_run(Tracker("phantom-cxr", place.settings).parent("key-001", TAGS)).info.status == "FAILED"
    # The same command again, when the cause is mended, is a search and not the same error.
    found = run(place, 1, use_case())
    assert (found.trials, found.failed) == (3, 0)
    assert client.get_run(found.run_id).info.status == "FINISHED"


def test_some_failures_are_counted_and_do_not_end_it(place: Installation) -> None:
    def train(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
        if spec.number == 0:
            raise MemoryError
        return pretend(spec, use_case, pixels, epoch_end)

    found = run(place, 80, use_case(), train)
    assert (found.trials, found.failed) == (3, 1)
    assert found.trial in (1, 2)


def test_what_no_trial_can_mend_ends_the_search_at_once_and_it_goes_on_later(place: Installation) -> None:
    with pytest.raises(InputError, match="no weights"):
        run(place, 81, use_case(), failing(InputError("no_weights", "no weights")))
    assert [row[1] for row in story(place, 81)] == ["RUNNING"]
    assert run(place, 81, use_case()).trials == 3


def test_an_objective_that_is_not_measured_is_named(place: Installation) -> None:
    with pytest.raises(ToolError, match=r"3 objective_missing.*tune_accuracy cannot be computed for phantom-cxr"):
        run(place, 82, use_case(objective="accuracy"))


def test_a_reason_is_one_line_without_a_place() -> None:
    assert (
        reason(FileNotFoundError(2, "No such file or directory", "/home/doe/scan.png"))
        == "FileNotFoundError: No such file or directory"
    )
    assert reason(RuntimeError("cannot map '/mnt/Jane Doe/a b.npy' here\nsecond line")) == "RuntimeError: cannot map [path] here"
    assert reason(ValueError("bad header in /srv/data/x.npy: 3/4 read")) == "ValueError: bad header in [path]: 3/4 read"
    assert reason(MemoryError()) == "MemoryError: "


def test_an_epoch_told_again_after_memory_ran_out_counts_once(place: Installation) -> None:
    """The first two epochs are told again with a smaller batch; the pruner sees three values, not five."""
    asked = use_case(trials=1, pruner="hyperband")

    def train(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
        for epoch in range(2):
            epoch_end(epoch, {"tune_auroc": 0.1})
        return replace(pretend(spec, use_case, pixels, epoch_end), batch_size=16)

    found = run(place, 90, asked, train)
    assert found.epochs == 3
    assert "memory ran out: 16 images a step" in (attempt(place, 90).folder / "search.html").read_text()
    client = Tracker("phantom-cxr", place.settings).client
    assert client.get_run(found.trial_run_id).data.metrics["batch_size"] == 16


def drawn(size: int = 64) -> Pixels:
    """Return 48 images of noise, a bright square in every second patient's."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 120, (48, size, size), dtype=np.uint8)
    truths = np.asarray([[float(row // 2 % 2)] for row in range(48)], dtype=np.float32)
    images[truths[:, 0] == 1, 20:44, 20:44] += 100
    frame = pd.DataFrame({"patient": [f"p{row // 2}" for row in range(48)], "split": ["train"] * 32 + ["tune"] * 16})
    return Pixels(images=images, truths=truths, frame=frame)


def test_networks_are_searched_and_found_again_to_the_last_bit(place: Installation) -> None:
    asked = use_case(trials=2, max_epochs=1, objective="loss")
    found, again = (search(asked, drawn(), attempt(place, number), TAGS, place.settings) for number in (91, 92))
    assert (found.trials, found.epochs) == (2, 2)
    assert 0 < found.value < 10
    assert same(found, again)
    assert story(place, 91) == story(place, 92)
    assert weights_file(attempt(place, 91), found).read_bytes() == weights_file(attempt(place, 92), again).read_bytes()
    recipe = Recipe.model_validate(found.recipe)
    network = load_trained(weights_file(attempt(place, 91), found), asked, recipe, ())
    with torch.no_grad():
        assert network(torch.from_numpy(drawn().images[:2, None]), None).logits.shape == (2, 1)


def test_folds_of_networks_are_searched(place: Installation) -> None:
    found = search(use_case(trials=1, max_epochs=1, folds=2, objective="loss"), drawn(), attempt(place, 93), TAGS, place.settings)
    assert found.fold in (0, 1)
    assert found.fold_value is not None
    assert found.value <= found.fold_value  # of two, the worse is kept
    assert weights_file(attempt(place, 93), found).is_file()
