"""Labels of `train` that a network contradicts though it was taught them: a mitigation sets them aside.

A network learns what its labels have in common before it learns single wrong ones by heart (Arpit et al., ICML 2017; Liu et al.,
NeurIPS 2020), so that after the few epochs of a recipe it still contradicts most of those. Three networks are trained one after
another, each without the labels that those before it, asked together, decided otherwise at the cut that tells `tune` apart best:
the later ones find more of the rest, and take back right labels of hard images. They are asked by their mean probability, so that
one that was trained badly decides nothing alone. What all of them together contradict the networks of the search do not learn.
The data version stays.

Only what is contradicted more often in one group than the same label is in all others counts: hard images are contradicted in
every group, and a network that never learns them fails on the next one.

Networks that had not seen the image were tried first, in three folds: they are taught less, and contradict as many right labels
of hard images as wrong ones.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from radloop.data.groups import group_words
from radloop.errors import Refusal
from radloop.progress import report
from radloop.records.runs import Run
from radloop.records.seal import write_atomic
from radloop.settings import Settings
from radloop.statistics.thresholds import Youden, fit_threshold
from radloop.training.mitigation import mitigated
from radloop.training.pixels import Pixels
from radloop.training.plan import derive_seed
from radloop.training.runner import Train
from radloop.training.tracking import Tracker
from radloop.training.trained import load_trained
from radloop.training.trial import TrialSpec
from radloop.use_case import Mitigation, UseCase

ROUNDS = 3
_SURE = 0.01
_BATCH = 64


def set_aside(
    use_case: UseCase, pixels: Pixels, run: Run, tags: Mapping[str, str], settings: Settings, train: Train
) -> list[tuple[int, int]]:
    """Return the labels of `train` that are contradicted, as row and output; of classes, the output is the given class.

    What was found is kept in the run's folder, and a crash before that resumes the training.

    Args:
        use_case: its mitigation asks for this, or nothing is set aside.
        pixels: of the data version.
        run: the attempt.
        tags: written on every MLflow run.
        settings: of the installation.
        train: trains one network.

    Raises:
        Refusal: `labels_doubtful`: of one group more labels than the mitigation allows.
    """
    asked = use_case.mitigation
    if asked is None or asked.labels is None:
        return []
    found: list[tuple[int, int]] = []
    said: list[_Chances] = []
    for number in range(ROUNDS):
        spec = _spec(use_case, number, run, tags, settings)
        kept = spec.folder / "chances.npz"
        if not kept.is_file():
            weights = _trained(spec, use_case, mitigated(pixels, found, use_case), settings, train)
            _write(kept, _asked(weights, use_case, pixels))
        said.append(_read(kept))
        found = _excess(_contradicted(said, use_case, pixels), pixels, use_case, asked)
        _check_most({row for row, _ in found}, pixels, use_case, asked)
    return found


@dataclass(frozen=True, slots=True)
class _Chances:
    """What one network says: uncalibrated probabilities of what is taught in `train` and in `tune`, [m, K] each."""

    train: NDArray[np.float64]
    tune: NDArray[np.float64]


def _write(path: Path, chances: _Chances) -> None:
    content = io.BytesIO()
    np.savez(content, train=chances.train, tune=chances.tune)
    write_atomic(path, content.getvalue())


def _read(path: Path) -> _Chances:
    with np.load(path) as kept:
        return _Chances(kept["train"], kept["tune"])


def _spec(use_case: UseCase, number: int, run: Run, tags: Mapping[str, str], settings: Settings) -> TrialSpec:
    """Return what the network of a round is asked: the YAML's recipe, in an MLflow run of its own."""
    search, tracker = use_case.search, Tracker(use_case.name, settings)
    seed = derive_seed(search.seed, f"labels/{number}")
    params = search.recipe.model_dump() | {"seed": seed, "max_epochs": search.max_epochs}
    run_id = tracker.labels(tracker.parent(run.name, tags), number, tags, params)
    return TrialSpec(number, search.recipe, seed, run_id, run.folder / "labels" / f"round-{number}", tracker.uri)


def _trained(spec: TrialSpec, use_case: UseCase, pixels: Pixels, settings: Settings, train: Train) -> Path:
    """Return the weights of the network that is asked."""
    outcome = train(spec, use_case, pixels, partial(_tell, spec.number, use_case.search.max_epochs))
    numbers = {"best_value": outcome.value, "seconds": outcome.seconds}
    Tracker(use_case.name, settings).finish(spec.run_id, numbers)
    return outcome.weights


def _tell(number: int, epochs: int, epoch: int, _: Mapping[str, float]) -> None:
    report("labels", number * epochs + epoch + 1, ROUNDS * epochs)


def _contradicted(networks: Sequence[_Chances], use_case: UseCase, pixels: Pixels) -> list[tuple[int, int]]:
    """Return the labels of `train` that some networks decide otherwise by their mean probability, as row and output."""
    rows, tune = pixels.taught("train"), pixels.taught("tune")
    said = np.mean([one.train for one in networks], axis=0)
    tuned = np.mean([one.tune for one in networks], axis=0)
    truths = pixels.truths[rows]
    if use_case.labels.kind == "multiclass":
        known = ~np.isnan(truths).any(axis=1)
        given = truths.argmax(axis=1)
        return [(int(rows[n]), int(given[n])) for n in np.flatnonzero(known & (said.argmax(axis=1) != given))]
    cuts = [_cut(tuned[:, k], pixels.truths[tune, k]) for k in range(said.shape[1])]
    wrong = ~np.isnan(truths) & ((said >= np.asarray(cuts)) != (truths == 1))
    return [(int(rows[n]), int(k)) for n, k in np.argwhere(wrong)]


def _excess(found: Sequence[tuple[int, int]], pixels: Pixels, use_case: UseCase, asked: Mitigation) -> list[tuple[int, int]]:
    """Return those of some labels that lie in a group where their label is contradicted more often than elsewhere.

    By Fisher's exact test, one-sided, at 1 in 100 for each group and label.
    """
    rows = pixels.taught("train")
    words = dict(zip(rows.tolist(), group_words(pixels.frame.iloc[rows], asked.attribute, use_case.subgroups), strict=True))
    given = {(row, k): float(pixels.truths[row, k]) for row in words for k in range(pixels.truths.shape[1])}
    if use_case.labels.kind == "multiclass":
        given = {cell: value for cell, value in given.items() if value == 1}
    cells = Counter((words[row], k, value) for (row, k), value in given.items() if not np.isnan(value))
    wrong = Counter((words[row], k, given[row, k]) for row, k in found)
    excess = {cell for cell in wrong if _more(cell, wrong, cells)}
    return [(row, k) for row, k in found if (words[row], k, given[row, k]) in excess]


def _more(cell: tuple[str | None, int, float], wrong: Counter[Any], cells: Counter[Any]) -> bool:
    """Tell whether a group's label is contradicted more often than the same label of all others."""
    others = [other for other in cells if other[1:] == cell[1:] and other != cell]
    theirs, held = sum(wrong[other] for other in others), sum(cells[other] for other in others)
    table = [[wrong[cell], cells[cell] - wrong[cell]], [theirs, held - theirs]]
    return bool(fisher_exact(table, alternative="greater").pvalue < _SURE)


def _cut(chances: NDArray[np.float64], truths: NDArray[np.float32]) -> float:
    """Return the cut that tells the labels of `tune` apart best; one half where it knows one side only.

    At the threshold of the operating point a network that is to be 95% sensitive would contradict right labels by design.
    """
    known = ~np.isnan(truths)
    seen = truths[known].astype(np.int64)
    return fit_threshold(chances[known], seen, Youden()).value if 0 < seen.sum() < len(seen) else 0.5


def _asked(weights: Path, use_case: UseCase, pixels: Pixels) -> _Chances:
    return _Chances(*(_chances(weights, use_case, pixels, pixels.taught(split)) for split in ("train", "tune")))


def _chances(weights: Path, use_case: UseCase, pixels: Pixels, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the uncalibrated probabilities of some rows, [m, K]."""
    network = load_trained(weights, use_case, use_case.search.recipe, pixels.inputs)
    found = [np.zeros((0, pixels.truths.shape[1]))]
    with torch.no_grad():
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            clinical = None if pixels.clinical is None else torch.from_numpy(pixels.clinical[part])
            logits = network(torch.from_numpy(pixels.images[part])[:, None], clinical).logits.double()
            found.append((logits.softmax(dim=1) if use_case.labels.kind == "multiclass" else logits.sigmoid()).numpy())
    return np.concatenate(found)


def _check_most(doubted: set[int], pixels: Pixels, use_case: UseCase, asked: Mitigation) -> None:
    rows = pixels.taught("train")
    words = group_words(pixels.frame.iloc[rows], asked.attribute, use_case.subgroups)
    for word in sorted(set(words), key=str):
        of = [int(row) in doubted for row, own in zip(rows, words, strict=True) if own == word]
        share = sum(of) / len(of)
        if share > asked.most:
            raise Refusal(
                "labels_doubtful",
                f"a network contradicts {share:.0%} of the labels of {asked.attribute} {word or 'unknown'} in train though it "
                f"was taught them; mitigation.most allows {asked.most:.0%}",
                "have these images read again, or raise mitigation.most",
            )
