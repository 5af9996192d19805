"""The baselines in the same run: logistic regressions on the same splits and the same cases.

Frozen ImageNet features say what fine-tuning adds. Beside a fusion stand the clinical values alone, which of them are known
alone, and the projection alone: where one of them does as well, the images were not what answered.
"""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radloop.evaluation.cases import Cases, by_clip, intended
from radloop.evaluation.measures import intervals_as_json
from radloop.models.backbones import build_backbone
from radloop.models.network import Features, embed
from radloop.statistics import outputs
from radloop.statistics.intervals import resample
from radloop.training.pixels import Pixels
from radloop.use_case import ClassLabels, UseCase

BACKBONE = "efficientnet-lite0"
STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
"""Inverse regularisation strengths; the one with the least log-loss on `tune` is taken."""
METRICS = ("auroc", "accuracy", "balanced_accuracy")


def features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the global average of the frozen feature map, float32 [n, C], of images uint8 [n, S, S]."""
    network = Features(build_backbone(BACKBONE, pretrained=True)).eval()
    with torch.no_grad():
        parts = [
            embed(network(torch.from_numpy(np.array(images[start : start + 32]))[:, None])) for start in range(0, len(images), 32)
        ]
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)


def probabilities(x: NDArray[np.float32], truth: NDArray[np.float64], pixels: Pixels) -> NDArray[np.float64]:
    """Return the positive class's probability of every image by a regression fitted on `train`, chosen on `tune`.

    Args:
        x: features [n, C].
        truth: 1, 0 or NaN, [n].
    """
    train, tune = (rows[~np.isnan(truth[rows])] for rows in (pixels.indices("train"), pixels.indices("tune")))
    best: tuple[float, NDArray[np.float64]] | None = None
    for strength in STRENGTHS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        model.fit(x[train], truth[train])
        said = np.clip(model.predict_proba(x)[:, 1], 1e-6, 1 - 1e-6)
        loss = -float(np.mean(np.where(truth[tune] == 1, np.log(said[tune]), np.log(1 - said[tune]))))
        if best is None or loss < best[0]:
            best = (loss, said)
    if best is None:
        raise ValueError("there is no strength to choose from")
    return best[1]


def judged_cases(said: NDArray[np.float64], pixels: Pixels, use_case: UseCase) -> Cases:
    """Return the cases of `test` inside the intended use, one a clip where the images are frames."""
    test = pixels.indices("test")
    frame, truth = pixels.frame.iloc[test], np.asarray(pixels.truths, np.float64)[test]
    cases = Cases(frame, said[test], truth, intended(frame["age"].to_numpy(np.float64), use_case.intended_use))
    cases = cases if use_case.image.frames_per_second is None else by_clip(cases)
    return cases.within(cases.intended)


def said_of(cases: str, pixels: Pixels) -> NDArray[np.float64]:
    """Return the probabilities that a judgement's `cases.csv` has, [n, 1], NaN for what it was not asked."""
    probabilities = pd.read_csv(io.StringIO(cases), index_col="id")["probability"]
    frame = pixels.frame
    names = frame["clip"].where(frame["kind"] == "frame").fillna(frame["id"])
    return probabilities.reindex(names).to_numpy(np.float64)[:, None]


def judged(said: NDArray[np.float64], pixels: Pixels, use_case: UseCase) -> dict[str, Any]:
    """Return {"metrics"} on the cases that the gate judges, with 95% intervals; a yes-or-no answer is cut at 0.5.

    Args:
        said: the probabilities of every image, [n, K]; those of `test` are read.
    """
    cases, labels = judged_cases(said, pixels, use_case), use_case.outputs
    truth, scores, units = cases.truths, cases.probabilities, cases.units
    if isinstance(use_case.labels, ClassLabels):
        measure = outputs.classes(scores / scores.sum(axis=1, keepdims=True), truth, units, labels=labels, metrics=METRICS)
    elif len(labels) == 1:
        measure = outputs.one(scores[:, 0], truth[:, 0], units, threshold=0.5, metrics=(*METRICS, "sensitivity", "specificity"))
    else:
        measure = outputs.findings(
            scores,
            truth,
            units,
            labels=labels,
            thresholds=[0.5] * len(labels),
            judged=outputs.evaluable(truth, units),
            metrics=METRICS,
        )
    found = resample(measure, int(units.max()) + 1, cases=len(cases), draws=use_case.policy.draws, seed=use_case.policy.seed)
    return {"metrics": intervals_as_json({name: interval for (label, name), interval in found.items() if label is None})}


def inputs(pixels: Pixels, frozen: bool) -> dict[str, NDArray[np.float32]]:
    """Return what each baseline sees, float32 [n, D], by what it is called."""
    found = {f"frozen {BACKBONE}": features(pixels.images)} if frozen else {}
    if pixels.clinical is not None:
        found["clinical values alone"] = pixels.clinical
        known = np.cumsum([item.width for item in pixels.inputs]) - 1  # the last place of each value says whether it is known
        found["which values are known, alone"] = pixels.clinical[:, known]
    view = pixels.frame["view"]
    if pixels.clinical is not None and view.nunique() > 1:
        found["the projection alone"] = np.stack([view == word for word in sorted(view.dropna().unique())], axis=1).astype(
            np.float32
        )
    return found


def baselines(pixels: Pixels, use_case: UseCase, frozen: bool) -> dict[str, Any]:
    """Return {"rows": {name: {"metrics"}}, "seconds"} on `test`."""
    started = time.monotonic()
    truth = np.asarray(pixels.truths, np.float64)
    rows = {}
    for name, x in inputs(pixels, frozen).items():
        said = np.stack([probabilities(x, truth[:, k], pixels) for k in range(truth.shape[1])], axis=1)
        rows[name] = judged(said, pixels, use_case)
    return {"rows": rows, "seconds": round(time.monotonic() - started, 1)}
