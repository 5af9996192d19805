"""Labels of `train` that the finished bundle contradicts, by gated subgroup: where many are wrong, or the model never learnt.

Wrong labels of one group need not show on `test`, whose labels are right: the threshold is fitted anew on right ones, and a
network learns around the wrong. They show where it trained. After confident learning (Northcutt, Jiang and Chuang, JAIR 70:1373,
2021), which asks networks that never saw the image; the bundle did see it, so that one which learnt its labels by heart
contradicts none.

What it holds of a label is asked at the cut that tells the labels of `tune` apart best. At its own threshold a model that is to
be 90% sensitive would contradict a tenth of the positive labels by design, however right they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.evaluation.cases import Cases, Outputs, score_cases
from radloop.evaluation.measures import interval_as_json, intervals
from radloop.evaluation.outcomes import called
from radloop.inference.predictor import Predictor
from radloop.progress import report
from radloop.settings import Settings
from radloop.statistics.arrays import divided
from radloop.statistics.averages import averages
from radloop.statistics.thresholds import Youden, fit_threshold
from radloop.use_case import ContradictionRule, GatedSubgroup, Policy, UseCase

MOST = 2000
"""Images of `train` that are asked about, drawn with the policy's seed; all where there are fewer."""


def contradictions(
    predictor: Predictor,
    train: pd.DataFrame,
    tune: pd.DataFrame,
    use_case: UseCase,
    settings: Settings,
    aside: Collection[Sequence[str]] = (),
) -> dict[str, Any] | None:
    """Return the evidence's `contradictions`, None where no rule asks for them.

    Args:
        predictor: the candidate.
        train: the manifest rows that it trained on.
        tune: those that chose it.
        use_case: whose gated groups are asked about.
        settings: of the installation.
        aside: labels that it did not learn, each as image and output: they are left out, and their number is said.
    """
    if not any(isinstance(rule, ContradictionRule) for rule in use_case.policy.rules):
        return None
    asked = train.sample(min(MOST, len(train)), random_state=use_case.policy.seed).sort_index()
    folder = settings.data / use_case.name
    cases = score_cases(predictor, asked, folder, use_case, lambda done, total: report("labels", done, total))
    outputs = telling(Outputs.of(predictor.facts), score_cases(predictor, tune, folder, use_case, lambda *_: None))
    cases = replace(cases, truths=_learnt(cases, outputs, aside))
    wrong = contradicted(cases, outputs)
    rows = [_row(cases, wrong, group, use_case.policy) for group in use_case.subgroups.gated]
    return {"images": len(cases), "set_aside": len(aside), "subgroups": rows}


def telling(outputs: Outputs, tuned: Cases) -> Outputs:
    """Return a bundle's outputs with the cuts that tell some cases apart best (Youden), or its own where they hold one label."""
    cuts = list(outputs.thresholds)
    for k, own in enumerate(outputs.thresholds):
        known = ~np.isnan(tuned.truths[:, k])
        truths = tuned.truths[known, k]
        if own is not None and 0 < truths.sum() < len(truths):
            cuts[k] = fit_threshold(tuned.probabilities[known, k], truths, Youden()).value
    return replace(outputs, thresholds=tuple(cuts), groups=None)


def _learnt(cases: Cases, outputs: Outputs, aside: Collection[Sequence[str]]) -> NDArray[np.float64]:
    """Return the truths [n, K], NaN where a label was set aside; of classes, all of the row."""
    truths, rows = cases.truths.copy(), {name: row for row, name in enumerate(cases.frame["id"])}
    for image, label in aside:
        if image in rows:
            truths[rows[image], slice(None) if outputs.kind == "multiclass" else outputs.labels.index(label)] = np.nan
    return truths


def contradicted(cases: Cases, outputs: Outputs) -> NDArray[np.float64]:
    """Return the share of each image's known labels that are decided otherwise, [n]; NaN where none is decided."""
    known: NDArray[np.bool_] = ~np.isnan(cases.truths)
    if outputs.kind == "multiclass":
        answer = np.eye(len(outputs.labels))[cases.probabilities.argmax(axis=1)]
        wrong = np.asarray(np.any(answer != cases.truths, axis=1), dtype=np.float64)
        return np.where(np.all(known, axis=1), wrong, np.nan)
    told = known & np.asarray([threshold is not None for threshold in outputs.thresholds])
    return divided(np.sum(told & (called(cases, outputs) != (cases.truths == 1)), axis=1), np.sum(told, axis=1))


def _row(cases: Cases, wrong: NDArray[np.float64], group: GatedSubgroup, policy: Policy) -> dict[str, Any]:
    mask = np.array([value == group.value for value in cases.frame[group.attribute]], dtype=np.bool_)
    mask &= ~np.isnan(wrong)
    part = cases.within(mask)
    found = intervals(averages({"share": wrong[mask]}, part.units), part, policy)
    share = interval_as_json(found[None, "share"])
    return {"attribute": group.attribute, "value": group.value, "images": len(part), "share": share}
