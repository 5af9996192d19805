"""Whole trials on small networks: what they keep, how they go on after a crash, what they do without memory."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import load_file
from torch import Tensor

from radloop.clinical import ClinicalInput
from radloop.errors import ToolError
from radloop.models.network import Network
from radloop.training.batch import Batch
from radloop.training.epochs import LAST, interrupted
from radloop.training.module import DiagnosisModule
from radloop.training.pixels import Pixels
from radloop.training.trained import load_trained
from radloop.training.trial import TrialOutcome, TrialSpec, run_trial
from radloop.use_case import Recipe, UseCase

EPOCHS = 3


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


class Trials:
    """Runs trials, each with an MLflow run of its own."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder = folder
        self.client = MlflowClient(uri)
        self._uri = uri
        found = self.client.get_experiment_by_name("trials")
        self._experiment = found.experiment_id if found else self.client.create_experiment("trials")
        self.told: list[tuple[int, dict[str, float]]] = []

    def spec(self, recipe: Recipe, name: str) -> TrialSpec:
        """Return what a trial is asked, in a run and a folder of its own."""
        run_id = self.client.create_run(self._experiment).info.run_id
        return TrialSpec(0, recipe, 5, run_id, self.folder / name, self._uri)

    def run(
        self, use_case: UseCase, pixels: Pixels, recipe: Recipe | None = None, *, die_after: int | None = None
    ) -> TrialOutcome:
        """Run a trial; `die_after` ends it when it has told of that epoch, before it keeps it."""
        self.told = []

        def tell(epoch: int, metrics: dict[str, float]) -> None:
            self.told.append((epoch, metrics))
            if epoch == die_after:
                raise KeyError("killed")

        name = "killed" if die_after is not None or (self.folder / "killed" / LAST).exists() else "whole"
        return run_trial(self.spec(recipe or use_case.search.recipe, name), use_case, pixels, tell)


@pytest.fixture
def trials(tmp_path: Path, uri: str) -> Trials:
    return Trials(tmp_path, uri)


def small(cases, objective: str = "auroc", recipe: dict[str, Any] | None = None, **changes: Any) -> UseCase:
    use_case = cases.use_case(**changes)
    made = use_case.search.recipe.model_copy(update={"batch_size": 8, **(recipe or {})})
    search = use_case.search.model_copy(update={"max_epochs": EPOCHS, "objective": objective, "recipe": made})
    return use_case.model_copy(update={"search": search})


def test_the_best_epoch_is_kept_and_can_be_loaded(cases, trials: Trials) -> None:
    use_case, pixels = small(cases), cases.pixels()
    outcome = trials.run(use_case, pixels)
    areas = [metrics["tune_auroc"] for _, metrics in trials.told]
    assert [epoch for epoch, _ in trials.told] == [0, 1, 2]
    assert outcome.value == max(areas)
    assert outcome.epoch == areas.index(max(areas))
    assert outcome.batch_size == 8
    assert set(trials.told[0][1]) == {"train_loss", "tune_loss", "tune_auroc", "tune_accuracy"}
    assert not (trials.folder / "whole" / LAST).exists()
    network = load_trained(outcome.weights, use_case, use_case.search.recipe, ())
    assert not network.training
    rows = pixels.indices("tune")
    with torch.inference_mode():
        logits = network(torch.from_numpy(pixels.images[rows])[:, None], None).logits
    right = ((logits[:, 0] >= 0).numpy() == pixels.labels[rows]).mean()
    assert right == pytest.approx(trials.told[outcome.epoch][1]["tune_accuracy"])


EVERYTHING = {"average_decay": 0.9, "head_epochs": 1, "patience": 5, "label_smoothing": 0.1, "balance": "sampler"}
FUSED = {"kind": "gated", "values": ["age", "sex"], "width": 4, "hidden": 0.5}


@pytest.mark.parametrize(("recipe", "die_after"), [({}, 2), (EVERYTHING, 1)], ids=["plain", "everything"])
def test_a_killed_trial_goes_on_to_the_same_bytes(cases, trials: Trials, recipe: dict[str, Any], die_after: int) -> None:
    more: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    if recipe:
        more = {"clinical": np.eye(60, 6, dtype=np.float32), "inputs": inputs(), "grades": np.arange(60) % 3}
        changes = {"fusion": FUSED, "severity": {"levels": ["none", "some", "much"], "cuts": [0.1, 0.5]}}
    use_case, pixels = small(cases, recipe=recipe, **changes), cases.pixels(**more)
    whole = trials.run(use_case, pixels)
    told = trials.told
    with pytest.raises(KeyError):
        trials.run(use_case, pixels, die_after=die_after)
    assert (trials.folder / "killed" / LAST).is_file()
    assert trials.told == told[: die_after + 1]
    resumed = trials.run(use_case, pixels)
    assert trials.told == told
    assert (resumed.value, resumed.epoch) == (whole.value, whole.epoch)
    assert resumed.weights != whole.weights
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()


def inputs() -> tuple[ClinicalInput, ...]:
    return (ClinicalInput(name="age", mean=50.0, deviation=10.0), ClinicalInput(name="sex", words=("F", "M", "O")))


def test_a_resumed_trial_writes_all_epochs_to_its_new_run(cases, trials: Trials) -> None:
    use_case, pixels = small(cases), cases.pixels()
    with pytest.raises(KeyError):
        trials.run(use_case, pixels, die_after=2)
    spec = trials.spec(use_case.search.recipe, "killed")
    run_trial(spec, use_case, pixels, lambda epoch, metrics: trials.told.append((epoch, metrics)))
    history = trials.client.get_metric_history(spec.run_id, "tune_loss")
    assert sorted(item.step for item in history) == [0, 1, 2]
    assert [item.value for item in sorted(history, key=lambda item: item.step)] == [
        metrics["tune_loss"] for _, metrics in trials.told[-EPOCHS:]
    ]


def test_another_trial_or_a_broken_file_is_not_gone_on_with(cases, trials: Trials) -> None:
    use_case, pixels = small(cases), cases.pixels()
    with pytest.raises(KeyError):
        trials.run(use_case, pixels, die_after=1)
    folder = trials.folder / "killed"
    state = torch.load(folder / LAST, weights_only=True)["callbacks"]["radloop"]
    assert interrupted(folder, state["identity"]) == 8
    assert interrupted(folder, "sha256:another") is None
    assert interrupted(trials.folder / "nothing", state["identity"]) is None
    content = (folder / LAST).read_bytes()
    (folder / LAST).write_bytes(content[: len(content) // 2])
    assert interrupted(folder, state["identity"]) is None
    assert [epoch for epoch, _ in resume(trials, use_case, pixels)] == [0, 1, 2]


def resume(trials: Trials, use_case: UseCase, pixels: Pixels) -> list[tuple[int, dict[str, float]]]:
    trials.run(use_case, pixels)
    return trials.told


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
from training.conftest import Cases
from training.test_trial import Trials, small
folder = Path(sys.argv[1])
cases, trials = Cases(folder / "use_cases"), Trials(folder, sys.argv[2])
use_case, pixels = small(cases), cases.pixels()
def tell(epoch, metrics):
    if epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
from radloop.training.trial import run_trial
run_trial(trials.spec(use_case.search.recipe, "killed"), use_case, pixels, tell)
"""


def test_a_process_that_is_killed_loses_one_epoch(
    cases, trials: Trials, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = str(Path(__file__).resolve().parents[1])
    script = KILLED.format(path=[tests, str(Path(tests).parent)])
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), uri], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    use_case, pixels = small(cases), cases.pixels()
    whole = run_trial(trials.spec(use_case.search.recipe, "whole"), use_case, pixels, lambda *_: None)
    steps: list[int] = []
    plain = DiagnosisModule.training_step

    def step(self: DiagnosisModule, batch: Batch, number: int) -> Tensor:
        steps.append(number)
        return plain(self, batch, number)

    monkeypatch.setattr(DiagnosisModule, "training_step", step)
    resumed = run_trial(trials.spec(use_case.search.recipe, "killed"), use_case, pixels, lambda *_: None)
    assert steps == list(range(40 // 8))
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()


def test_memory_that_runs_out_halves_the_batch(
    cases, trials: Trials, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use_case, pixels = small(cases, recipe={"batch_size": 32}), cases.pixels()
    needing(monkeypatch, most=8)
    with caplog.at_level(logging.WARNING, logger="radloop.training"):
        outcome = trials.run(use_case, pixels)
    assert outcome.batch_size == 8
    assert [record.getMessage() for record in caplog.records if record.name == "radloop.training"] == [
        "memory ran out with 32 images a step: trial 0 starts again with 16",
        "memory ran out with 16 images a step: trial 0 starts again with 8",
    ]
    monkeypatch.undo()
    asked = small(cases, recipe={"batch_size": 8})
    plain = run_trial(trials.spec(asked.search.recipe, "plain"), asked, pixels, lambda *_: None)
    first, second = load_file(outcome.weights), load_file(plain.weights)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_with_the_smallest_batch_too_the_trial_fails(cases, trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    needing(monkeypatch, most=1)
    with pytest.raises(RuntimeError, match="allocate"):
        trials.run(small(cases), cases.pixels())


def test_a_halved_trial_that_is_killed_goes_on_halved(cases, trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case, pixels = small(cases), cases.pixels()
    needing(monkeypatch, most=4)
    whole = trials.run(use_case, pixels)
    with pytest.raises(KeyError):
        trials.run(use_case, pixels, die_after=2)
    resumed = trials.run(use_case, pixels)
    assert resumed.batch_size == 4
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()


def test_other_errors_are_not_taken_for_a_lack_of_memory(cases, trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(Network, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        trials.run(small(cases), cases.pixels())


def needing(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let training batches of more than `most` images ask the machine for more memory than there is."""
    plain = Network.forward

    def forward(self: Network, images: Tensor, *more: Any) -> Any:
        if self.training and len(images) > most:
            torch.empty(2**60, dtype=torch.uint8)
        return plain(self, images, *more)

    monkeypatch.setattr(Network, "forward", forward)


def test_a_metric_that_is_never_a_number_keeps_nothing(cases, trials: Trials) -> None:
    pixels = cases.pixels()
    pixels.truths[pixels.indices("tune")] = 1
    with pytest.raises(ToolError) as failed:
        trials.run(small(cases), pixels)
    assert failed.value.code == "trial_failed"
    assert len(trials.told) == EPOCHS


def test_whoever_listens_may_end_a_trial_before_its_metric_is_looked_for(cases, trials: Trials) -> None:
    with pytest.raises(KeyError):
        trials.run(small(cases, "dice"), cases.pixels(), die_after=0)  # no masks: there is no Dice to keep an epoch by
    assert "tune_dice" not in trials.told[0][1]


CLASSES = {"kind": "multiclass", "classes": ["normal", "cyst", "stone"]}
FINDINGS = {"kind": "multilabel", "findings": ["mass", "nodule", "edema"], "none": "none"}
REGION = {"kind": "segmentation", "target": "tumor"}
LEARNING = {"backbone": "resnet18", "augmentation": 0.0}
"""What learns within three epochs of so few images."""
LOCATED = {"location": {"stride": 4}, "source": {"columns": {"mask": "mask"}, "labels": {}}}


def test_classes_are_learnt(cases, trials: Trials) -> None:
    pixels = cases.pixels(120, outputs=3)
    classes = np.arange(120) // 3 % 3
    images = np.full((120, 32, 32), 40, np.uint8)
    for row, number in enumerate(classes):
        images[row, :, 10 * number : 10 * number + 10] = 200
    use_case = small(cases, "accuracy", LEARNING | {"balance": "loss"}, labels=CLASSES, source={"labels": {}})
    outcome = trials.run(use_case, Pixels(images, np.eye(3, dtype=np.float32)[classes], pixels.frame))
    assert outcome.value > 0.9
    assert load_trained(outcome.weights, use_case, use_case.search.recipe, ()).head.linear.out_features == 3


def test_findings_are_learnt_around_what_is_unknown(cases, trials: Trials) -> None:
    pixels = cases.pixels(150, outputs=3)
    pixels.truths[::4, 1] = np.nan
    pixels.truths[1::5] = np.nan
    use_case = small(cases, "auroc", LEARNING | {"balance": "loss"}, labels=FINDINGS, source={"labels": {}})
    outcome = trials.run(use_case, pixels)
    assert outcome.value > 0.8
    assert all(np.isfinite(number) for _, metrics in trials.told for number in metrics.values())


def test_a_region_is_learnt_from_its_masks_alone(cases, trials: Trials) -> None:
    pixels = cases.pixels(90, outputs=1, size=64)
    masks = np.zeros((90, 64, 64), np.uint8)
    images = np.full((90, 64, 64), 40, np.uint8)
    for row in range(90):
        left = 4 * (row % 8)
        images[row, 12:44, left : left + 28] = 200
        masks[row, 12:44, left : left + 28] = 1
    masks[0] = 255
    use_case = small(
        cases, "dice", LEARNING | {"augmentation": 0.5}, labels=REGION, image={"size": 64, "min_side": 16}, **LOCATED
    )
    ones = np.ones((90, 1), np.float32)
    outcome = trials.run(use_case, Pixels(images, ones, pixels.frame, masks=masks))
    assert outcome.value > 0.7
    assert outcome.value == max(metrics["tune_dice"] for _, metrics in trials.told)
    assert np.isnan(trials.told[0][1]["tune_auroc"])  # no image without the region
