"""Labels of `train` that networks contradict which never saw the image: a mitigation sets them aside.

After confident learning (Northcutt, Jiang and Chuang, JAIR 70:1373, 2021): `train` is cut in folds by patient, and each fold is
judged by a network that learnt from the others. It changes nothing in the data version, and says which labels it left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from radloop.data.groups import group_words
from radloop.errors import Refusal
from radloop.progress import report
from radloop.records.runs import Run
from radloop.records.seal import write_atomic
from radloop.settings import Settings
from radloop.statistics.label_noise import contradicted
from radloop.training.folds import JOINED, assign_folds
from radloop.training.pixels import Pixels
from radloop.training.plan import derive_seed
from radloop.training.runner import Train
from radloop.training.tracking import Tracker
from radloop.training.trained import load_trained
from radloop.training.trial import TrialSpec
from radloop.use_case import Mitigation, UseCase

FOLDS = 3
_BATCH = 64


@dataclass(frozen=True)
class _Job:
    use_case: UseCase
    pixels: Pixels
    run: Run
    tags: Mapping[str, str]
    settings: Settings
    train: Train


def set_aside(
    use_case: UseCase, pixels: Pixels, run: Run, tags: Mapping[str, str], settings: Settings, train: Train
) -> list[tuple[int, int]]:
    """Return the labels of `train` that are contradicted, as row and output; of classes, the output is the given class.

    What a crash left is used: finished folds keep their answers in the run's folder.

    Args:
        pixels: of the data version.
        run: the attempt.
        tags: written on every MLflow run.
        train: trains one network.

    Raises:
        Refusal: `labels_doubtful`: of one group more labels than the mitigation allows.
        InputError: fewer patients than folds.
    """
    asked = use_case.mitigation
    if asked is None or asked.labels is None:
        return []
    rows = pixels.taught("train")
    columns = {name: pixels.frame[name].iloc[rows].tolist() for name in JOINED if name in pixels.frame}
    folds = assign_folds(columns, pixels.truths[rows], FOLDS, derive_seed(use_case.search.seed, "labels"))
    job = _Job(use_case, pixels, run, tags, settings, train)
    said = np.zeros((len(rows), pixels.truths.shape[1]))
    for fold in range(FOLDS):
        held = folds == fold
        said[held] = _answers(job, rows[held], fold)
    found = _contradicted(said, pixels.truths[rows], use_case.labels.kind)
    _check_most(found, rows, pixels, use_case, asked)
    return [(int(rows[row]), int(output)) for row, output in np.argwhere(found)]


def _answers(job: _Job, held: NDArray[np.int64], fold: int) -> NDArray[np.float64]:
    """Return the probabilities of the rows of a fold, [m, K], by a network that learnt from the others."""
    folder = job.run.folder / "labels" / f"fold-{fold}"
    kept = folder / "answers.json"
    if kept.is_file():
        return np.asarray(json.loads(kept.read_text()), dtype=np.float64)
    split = job.pixels.frame["split"].to_numpy(dtype=object, copy=True)
    split[held] = "held"
    part = replace(job.pixels, frame=job.pixels.frame.assign(split=split))
    search, tracker = job.use_case.search, Tracker(job.use_case.name, job.settings)
    seed = derive_seed(search.seed, f"labels/{fold}")
    params = search.recipe.model_dump() | {"seed": seed, "max_epochs": search.max_epochs}
    run_id = tracker.held_out(tracker.parent(job.run.name, job.tags), fold, job.tags, params)
    spec = TrialSpec(fold, search.recipe, seed, run_id, folder, tracker.uri)
    outcome = job.train(spec, job.use_case, part, partial(_tell, fold, search.max_epochs))
    tracker.finish(run_id, {"best_value": outcome.value, "seconds": outcome.seconds})
    said = _asked(outcome.weights, job, held)
    write_atomic(kept, json.dumps(said.tolist()).encode())
    return said


def _tell(fold: int, epochs: int, epoch: int, _: Mapping[str, float]) -> None:
    report("labels", fold * epochs + epoch + 1, FOLDS * epochs, f"fold {fold + 1}/{FOLDS} epoch {epoch + 1}/{epochs}")


def _asked(weights: Path, job: _Job, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the uncalibrated probabilities of some rows, [m, K]."""
    pixels, kind = job.pixels, job.use_case.labels.kind
    network = load_trained(weights, job.use_case, job.use_case.search.recipe, pixels.inputs)
    found = []
    with torch.no_grad():
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            clinical = None if pixels.clinical is None else torch.from_numpy(pixels.clinical[part])
            logits = network(torch.from_numpy(pixels.images[part])[:, None], clinical).logits.double()
            found.append((logits.softmax(dim=1) if kind == "multiclass" else logits.sigmoid()).numpy())
    return np.concatenate(found)


def _contradicted(said: NDArray[np.float64], truths: NDArray[np.float32], kind: str) -> NDArray[np.bool_]:
    """Return which labels are contradicted, bool [n, K]; of classes, in the column of the given one."""
    if kind == "multiclass":
        given = np.where(np.isnan(truths).any(axis=1), -1, truths.argmax(axis=1))
        return np.asarray(contradicted(said, given)[:, None] & (truths == 1), dtype=np.bool_)
    columns = []
    for chances, column in zip(said.T, truths.T, strict=True):
        given = np.where(np.isnan(column), -1, column).astype(np.int64)
        columns.append(contradicted(np.stack([1 - chances, chances], axis=1), given))
    return np.stack(columns, axis=1)


def _check_most(found: NDArray[np.bool_], rows: NDArray[np.int64], pixels: Pixels, use_case: UseCase, asked: Mitigation) -> None:
    words = group_words(pixels.frame.iloc[rows], asked.attribute, use_case.subgroups)
    doubted = np.asarray(found.any(axis=1))
    for word in sorted(set(words), key=str):
        of = np.asarray([one == word for one in words])
        share = float(doubted[of].mean())
        if share > asked.most:
            raise Refusal(
                "labels_doubtful",
                f"networks that did not learn from them contradict {share:.0%} of the labels of {asked.attribute} "
                f"{word or 'unknown'} in train; mitigation.most allows {asked.most:.0%}",
                "have these images read again, or raise mitigation.most",
            )
