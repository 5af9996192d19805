"""Several processes on one storage: every trial once, a worker's death and a worker's error told, and the search resumable."""

from __future__ import annotations

import json
import os
import queue
import signal
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
from radloop.training.pixels import Pixels
from radloop.training.result import SearchResult
from radloop.training.runner import Job
from radloop.training.search import search
from radloop.training.study import open_study
from radloop.training.tracking import Tracker
from radloop.training.trial import TrialOutcome, TrialSpec
from radloop.training.workers import _packed, _unpacked, _work
from radloop.use_case import UseCase

CORES = len(os.sched_getaffinity(0))


def pretend(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
    """Report the sum of the mapped pixels and note which process it was, with how many threads."""
    value = float(pixels.images.sum()) / 1000 - spec.number / 100
    epoch_end(0, {"tune_auroc": value})
    spec.folder.mkdir(parents=True, exist_ok=True)
    with (spec.folder / "process").open("a") as stream:
        stream.write(f"{os.getpid()} {torch.get_num_threads()}\n")
    weights = spec.folder / "network.safetensors"
    weights.write_bytes(b"weights")
    return TrialOutcome(value=value, epoch=0, weights=weights, seconds=0.1, batch_size=32)


def dying(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
    """End the process in the second trial, as the kernel does when memory is short."""
    if spec.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return pretend(spec, use_case, pixels, epoch_end)


def refusing(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
    """Raise what no trial can mend."""
    raise InputError("no_weights", "there are no weights", "fetch them")


def broken(spec: TrialSpec, use_case: UseCase, pixels: Pixels, epoch_end: EpochEnd) -> TrialOutcome:
    """Raise what nobody foresaw."""
    raise KeyError("/home/doe/key")


def pixels(folder: Path) -> Pixels:
    np.save(folder / "images.npy", np.full((12, 5, 5), 3, np.uint8))
    frame = pd.DataFrame({"patient": [str(row) for row in range(12)], "split": ["train"] * 8 + ["tune"] * 4})
    return Pixels(images=np.load(folder / "images.npy", mmap_mode="r"), truths=np.zeros((12, 1), np.float32), frame=frame)


def use_case(**changes: Any) -> UseCase:
    config = {name: part for name, part in small_phantom_config().items() if name not in ("fusion", "severity", "location")}
    config["search"] |= {"trials": 5, "objective": "auroc", "workers": 2, "sampler": "random"} | changes
    return UseCase.model_validate_json(json.dumps(config))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return make_installation(tmp_path_factory.mktemp("workers") / "site")


def run(place: Installation, number: int, train: Any, asked: UseCase) -> SearchResult:
    folder = place.settings.place / "runs" / "phantom-cxr" / f"key-{number:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    return search(asked, pixels(place.root), Run(folder, "key", number), {}, place.settings, train)


def notes(place: Installation, number: int) -> dict[str, list[str]]:
    folder = place.settings.place / "runs" / "phantom-cxr" / f"key-{number:03d}"
    return {path.parent.name: path.read_text().splitlines() for path in sorted(folder.glob("*/process"))}


def test_two_workers_share_the_trials_and_a_death_costs_one_of_them_nothing(place: Installation) -> None:
    with pytest.raises(ToolError) as caught:
        run(place, 1, dying, use_case())
    assert caught.value.code == "worker_died"
    assert "-9" in caught.value.message
    steps: list[Step] = []
    with listening(steps.append):
        found = run(place, 1, pretend, use_case())
    assert (found.trials, found.failed, found.trial) == (5, 0, 0)
    assert found.value == 12 * 25 * 3 / 1000
    told = notes(place, 1)
    assert list(told) == [f"trial-{number:03d}" for number in range(5)]
    assert len(told["trial-001"]) == 1
    processes = {line.split()[0] for lines in told.values() for line in lines}
    assert str(os.getpid()) not in processes
    assert {line.split()[1] for lines in told.values() for line in lines} == {str(max(1, CORES // 2))}
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].total == 5


def test_an_error_of_a_worker_is_the_searchs(place: Installation) -> None:
    with pytest.raises(InputError) as caught:
        run(place, 2, refusing, use_case(trials=2))
    assert caught.value.as_dict() == {"code": "no_weights", "message": "there are no weights", "hint": "fetch them"}


def test_a_worker_tells_what_nobody_foresaw_without_a_place(place: Installation) -> None:
    asked = use_case(trials=1)
    folder = place.settings.place / "runs" / "phantom-cxr" / "key-003"
    folder.mkdir(parents=True)
    attempt = Run(folder, "key", 3)
    open_study(asked, attempt, place.settings)
    parent = Tracker(asked.name, place.settings).parent(attempt.name, {})
    job = Job(asked, pixels(place.root), attempt, {}, parent, place.settings, broken)
    news: queue.Queue[Any] = queue.Queue()
    with pytest.raises(SystemExit) as left:
        _work(job, [], torch.get_num_threads(), news)
    assert left.value.code == 1
    told = news.get_nowait()
    assert (told.code, told.message) == ("worker_failed", "a worker of the search failed: KeyError: [path]")


def test_mapped_pixels_travel_by_name_and_others_as_they_are(tmp_path: Path) -> None:
    whole = pixels(tmp_path)
    packed = _packed(whole)
    assert not isinstance(packed.images, np.ndarray)
    back = _unpacked(packed)
    assert isinstance(back.images, np.memmap)
    assert not back.images.flags.writeable
    assert np.array_equal(back.images, whole.images)
    part = Pixels(images=whole.images[3:6], truths=whole.truths, frame=whole.frame)
    assert _packed(part).images is part.images  # its file's name would be that of the whole
    held = Pixels(images=np.array(whole.images), truths=whole.truths, frame=whole.frame)
    assert _packed(held).images is held.images
