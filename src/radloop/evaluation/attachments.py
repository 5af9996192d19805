"""The figures of a judgement, by file name."""

from __future__ import annotations

from typing import Any

from radloop.evaluation import figures
from radloop.evaluation.judgement import Judgement
from radloop.inference.bundle import BundleFacts
from radloop.statistics.discrimination import confusion


def draw_figures(judgement: Judgement, facts: BundleFacts) -> dict[str, bytes]:
    """Return PNG files that show what the tables say, over the intended population."""
    inside = judgement.cases.within(judgement.cases.intended)
    scores, labels, threshold = inside.probabilities, inside.labels, judgement.threshold
    words = {"positive": facts.labels.positive, "negative": facts.labels.negative}
    synthetic = facts.synthetic
    counts = confusion(scores, labels, threshold)
    groups = [_group(row) for row in judgement.subgroups]
    area, precision = judgement.metrics["auroc"], judgement.metrics["average_precision"]
    return {
        "roc.png": figures.roc_figure(scores, labels, threshold=threshold, auroc=area, synthetic=synthetic),
        "precision_recall.png": figures.precision_recall_figure(
            scores, labels, threshold=threshold, average_precision=precision, synthetic=synthetic
        ),
        "calibration.png": figures.calibration_figure(scores, labels, synthetic=synthetic),
        "confusion.png": figures.confusion_figure(counts, **words, synthetic=synthetic),
        "scores.png": figures.scores_figure(scores, labels, threshold=threshold, **words, synthetic=synthetic),
        "subgroups.png": figures.subgroups_figure(groups, overall=area, synthetic=synthetic),
    }


def _group(row: dict[str, Any]) -> figures.Subgroup:
    return figures.Subgroup(row["attribute"], row["value"], row["images"], row["metrics"]["auroc"], gated=bool(row["gated"]))
