"""Labels of `train` that the finished bundle contradicts, by gated subgroup: where many are wrong, or the model never learnt.

Wrong labels of one group need not show on `test`, whose labels are right: the threshold is fitted anew on right ones, and a
network learns around the wrong. They show where it trained. After confident learning (Northcutt, Jiang and Chuang, JAIR 70:1373,
2021), which asks networks that never saw the image; the bundle did see it, so that one which learnt its labels by heart
contradicts none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.evaluation.cases import Cases, Outputs, score_cases
from radloop.evaluation.measures import interval_as_json, intervals
from radloop.inference.predictor import Predictor
from radloop.progress import report
from radloop.settings import Settings
from radloop.statistics.arrays import divided
from radloop.statistics.averages import averages
from radloop.use_case import ContradictionRule, GatedSubgroup, Policy, UseCase

MOST = 2000
"""Images of `train` that are asked about, drawn with the policy's seed; all where there are fewer."""


def contradictions(predictor: Predictor, train: pd.DataFrame, use_case: UseCase, settings: Settings) -> dict[str, Any] | None:
    """Return the evidence's `contradictions`, None where no rule asks for them.

    Args:
        predictor: the candidate.
        train: the manifest rows that it trained on.
    """
    if not any(isinstance(rule, ContradictionRule) for rule in use_case.policy.rules):
        return None
    asked = train.sample(min(MOST, len(train)), random_state=use_case.policy.seed).sort_index()
    folder = settings.data / use_case.name
    cases = score_cases(predictor, asked, folder, use_case, lambda done, total: report("labels", done, total))
    wrong = contradicted(cases, Outputs.of(predictor.facts))
    rows = [_row(cases, wrong, group, use_case.policy) for group in use_case.subgroups.gated]
    return {"images": len(cases), "subgroups": rows}


def contradicted(cases: Cases, outputs: Outputs) -> NDArray[np.float64]:
    """Return the share of each image's known labels that the bundle decides otherwise, [n]; NaN where none is decided."""
    known: NDArray[np.bool_] = ~np.isnan(cases.truths)
    if outputs.kind == "multiclass":
        answer = np.eye(len(outputs.labels))[cases.probabilities.argmax(axis=1)]
        wrong = np.asarray(np.any(answer != cases.truths, axis=1), dtype=np.float64)
        return np.where(np.all(known, axis=1), wrong, np.nan)
    cut = np.array([np.nan if threshold is None else threshold for threshold in outputs.thresholds])
    told = known & ~np.isnan(cut)
    return divided(np.sum(told & ((cases.probabilities >= cut) != (cases.truths == 1)), axis=1), np.sum(told, axis=1))


def _row(cases: Cases, wrong: NDArray[np.float64], group: GatedSubgroup, policy: Policy) -> dict[str, Any]:
    mask = np.array([value == group.value for value in cases.frame[group.attribute]], dtype=np.bool_)
    mask &= ~np.isnan(wrong)
    part = cases.within(mask)
    found = intervals(averages({"share": wrong[mask]}, part.units), part, policy)
    share = interval_as_json(found[None, "share"])
    return {"attribute": group.attribute, "value": group.value, "images": len(part), "share": share}
