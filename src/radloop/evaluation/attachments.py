"""The figures of a judgement, by file name, over the intended population."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radloop.evaluation import figures
from radloop.evaluation.cases import Cases
from radloop.evaluation.hardest import Hard
from radloop.evaluation.judgement import Judgement
from radloop.evaluation.regions import Example
from radloop.evaluation.sections import is_pair
from radloop.inference.bundle import BundleFacts
from radloop.statistics.bands import curve_bands
from radloop.statistics.discrimination import confusion
from radloop.statistics.intervals import Interval
from radloop.use_case import BinaryLabels

_UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


def draw_figures(
    judgement: Judgement, facts: BundleFacts, examples: Sequence[Example] = (), hard: Sequence[Hard] = ()
) -> dict[str, bytes]:
    """Return PNG files that show what the tables say.

    Args:
        judgement: what was found.
        facts: of the bundle.
        examples: images with their regions, where the bundle marks them.
        hard: images that it got wrong, with their heat maps.
    """
    inside, synthetic = judgement.inside, facts.synthetic
    drawn: dict[str, bytes] = {}
    if judgement.outputs.several:
        drawn |= _several(judgement, inside, synthetic)
    elif isinstance(facts.labels, BinaryLabels):
        drawn |= _binary(judgement, inside, facts.labels, synthetic)
    drawn |= _regions(judgement, inside, examples, synthetic)
    if hard:
        drawn["hardest.png"] = figures.hardest_figure(hard, synthetic=synthetic)
    if judgement.severity is not None:
        drawn["severity.png"] = figures.matrix_figure(
            judgement.severity.confusion,
            labels=judgement.severity.words,
            title="Right and wrong levels",
            note="Images by the level nearest to the expected one",
            synthetic=synthetic,
        )
    metric, name = ("dice", "Dice") if facts.labels.kind == "segmentation" else ("auroc", "AUROC")
    drawn |= _examined(judgement, name, synthetic)
    rows = [_row(row, metric) for row in judgement.subgroups if not is_pair(row)]
    overall = judgement.metrics.get(metric, _UNKNOWN)
    return drawn | {"subgroups.png": figures.subgroups_figure(rows, overall=overall, metric=name, synthetic=synthetic)}


def _binary(judgement: Judgement, inside: Cases, labels: BinaryLabels, synthetic: bool) -> dict[str, bytes]:
    known = ~np.isnan(inside.truths[:, 0])
    scores, truth = inside.probabilities[known, 0], inside.truths[known, 0]
    cut, words = judgement.outputs.cuts(inside.frame)[0], {"positive": labels.positive, "negative": labels.negative}
    threshold = cut if isinstance(cut, float) else None  # thresholds by group are no one point
    area, precision = judgement.metrics["auroc"], judgement.metrics["average_precision"]
    bands = curve_bands(scores, truth, inside.units[known])
    roc, recall = (bands.roc, bands.precision_recall) if bands else (None, None)
    drawn = {
        "roc.png": figures.roc_figure(scores, truth, threshold=threshold, auroc=area, band=roc, synthetic=synthetic),
        "precision_recall.png": figures.precision_recall_figure(
            scores, truth, threshold=threshold, average_precision=precision, band=recall, synthetic=synthetic
        ),
        "calibration.png": figures.calibration_figure(scores, truth, synthetic=synthetic),
        "scores.png": figures.scores_figure(scores, truth, threshold=threshold, **words, synthetic=synthetic),
    }
    if cut is not None:
        counts = confusion(scores, truth, np.broadcast_to(cut, known.shape)[known])
        drawn["confusion.png"] = figures.confusion_figure(counts, **words, synthetic=synthetic)
    if judgement.net_benefit:
        drawn["decision.png"] = figures.decision_figure(next(iter(judgement.net_benefit.values())), synthetic=synthetic)
    return drawn


def _several(judgement: Judgement, inside: Cases, synthetic: bool) -> dict[str, bytes]:
    outputs, overall = judgement.outputs, judgement.metrics["auroc"]
    curves, rows = [], []
    for k, label in enumerate(outputs.labels):
        known = ~np.isnan(inside.truths[:, k])
        area, truth = judgement.labels[label]["auroc"], inside.truths[known, k]
        rows.append(figures.Row(label, int(truth.sum()), area))
        if not np.isnan(area.value):
            curves.append(figures.Labelled(label, inside.probabilities[known, k], truth, area))
    left_out = len(rows) - len(curves)
    drawn = {
        "roc.png": figures.roc_curves_figure(curves, overall=overall, left_out=left_out, synthetic=synthetic),
        "labels.png": figures.labels_figure(rows, overall=overall, synthetic=synthetic),
        "calibration.png": _calibration(judgement, inside, synthetic),
    }
    if judgement.confusion is not None:
        drawn["confusion.png"] = figures.matrix_figure(
            judgement.confusion,
            labels=outputs.labels,
            title="Right and wrong answers",
            note="Images by the most probable class, and their share of the row",
            synthetic=synthetic,
        )
    return drawn


def _calibration(judgement: Judgement, inside: Cases, synthetic: bool) -> bytes:
    """Draw the calibration of the answer among classes, or of all judged findings together."""
    error = judgement.metrics["ece"].value
    shown = "not evaluable" if np.isnan(error) else f"{error:.3f}"
    if judgement.outputs.kind == "multiclass":
        known = ~np.isnan(inside.truths).any(axis=1)
        said, truth = inside.probabilities[known], inside.truths[known]
        right = np.take_along_axis(truth, said.argmax(axis=1)[:, None], axis=1)[:, 0] if len(said) else np.zeros(0)
        title, note = "Calibration of the answer", f"The most probable class; calibration error {shown}"
        return figures.calibration_figure(said.max(axis=1, initial=0.0), right, title=title, note=note, synthetic=synthetic)
    judged = np.asarray(judgement.judged, dtype=np.bool_)
    said, truth = inside.probabilities[:, judged].ravel(), inside.truths[:, judged].ravel()
    known = ~np.isnan(truth)
    title, note = "Calibration of the judged findings", f"All together; their mean calibration error is {shown}"
    return figures.calibration_figure(said[known], truth[known], title=title, note=note, synthetic=synthetic)


def _regions(judgement: Judgement, inside: Cases, examples: Sequence[Example], synthetic: bool) -> dict[str, bytes]:
    if inside.dice is None:
        return {}
    drawn = {"dice.png": figures.dice_figure(inside.dice, mean=judgement.metrics["dice"], synthetic=synthetic)}
    return drawn | ({"regions.png": figures.regions_figure(examples, synthetic=synthetic)} if examples else {})


def _examined(judgement: Judgement, metric: str, synthetic: bool) -> dict[str, bytes]:
    found = judgement.examination
    if found is None:
        return {}
    return {
        "occlusion.png": figures.occlusion_figure(found.shortcuts, metric=metric, synthetic=synthetic),
        "robustness.png": figures.robustness_figure(found.robustness, metric=metric, synthetic=synthetic),
    }


def _row(row: dict[str, Any], metric: str) -> figures.Row:
    name = f"{row['attribute'].replace('_', ' ')} {row['value']}"
    return figures.Row(name, row["images"], row["metrics"].get(metric, _UNKNOWN), filled=bool(row["gated"]))
