"""The report's words: for statuses, metrics, attributes and figures."""

from __future__ import annotations

from collections.abc import Mapping

MISSING = "not evaluable"
UNRECORDED = "not recorded"

MARKS: Mapping[str, tuple[str, str]] = {
    "passed": ("\N{CHECK MARK}", "passed"),
    "failed": ("\N{MULTIPLICATION X}", "failed"),
    "not_evaluable": ("?", MISSING),
    "not_applicable": ("\N{EN DASH}", "not applicable"),
}
"""A status's symbol and word, so that it is read without its colour."""

METRICS: Mapping[str, tuple[str, str]] = {
    "auroc": ("AUROC", "How often an image labelled {positive} scores above one labelled {negative}; 0.5 is chance"),
    "average_precision": ("Average precision", "PPV at the score of each image labelled {positive}, averaged"),
    "sensitivity": ("Sensitivity", "Share of images labelled {positive} that are called positive"),
    "specificity": ("Specificity", "Share of images labelled {negative} that are called negative"),
    "ppv": ("PPV", "Share of positive answers that are right, at this test's prevalence"),
    "npv": ("NPV", "Share of negative answers that are right, at this test's prevalence"),
    "f1": ("F1", "Harmonic mean of sensitivity and PPV"),
    "accuracy": ("Accuracy", "Share of answers that are right"),
    "balanced_accuracy": ("Balanced accuracy", "Mean of sensitivity and specificity"),
    "brier": ("Brier score", "Squared error of the probability; 0 is best"),
    "ece": ("Calibration error", "Mean distance between probability and observed share; 0 is best"),
}

REGIONS: Mapping[str, tuple[str, str]] = {
    "dice": ("Dice", "Twice the overlap of marked and true region over both areas, mean over images; 1 is best"),
    "location": ("Location", "Share of images with a true region whose strongest point lies in it or near it"),
}
"""Of bundles that mark where a finding is."""

OF_CLASSES: Mapping[str, str] = {
    "auroc": "Of each class against all others, the mean; 0.5 is chance",
    "average_precision": "Of each class against all others, the mean",
    "sensitivity": "Share of a class's images that are called so, mean over classes",
    "specificity": "Share of the other images that are not called so, mean over classes",
    "ppv": "Share of answers for a class that are right, mean over classes",
    "npv": "Share of answers against a class that are right, mean over classes",
    "f1": "Harmonic mean of sensitivity and PPV, mean over classes",
    "accuracy": "Share of images whose most probable class is the true one",
    "balanced_accuracy": "Mean over classes of the share that is called rightly",
    "brier": "Squared error of the probabilities, summed over classes; 0 is best, 2 the worst",
    "ece": "Mean distance between the answer's probability and the share that is right; 0 is best",
}
OF_FINDINGS = "Mean over the findings that can be judged"

SEVERITY: Mapping[str, tuple[str, str]] = {
    "mean_absolute_error": ("Mean error", "Distance of the expected level from the true one, in levels; 0 is best"),
    "exact": ("Exact level", "Share of images whose nearest level is the true one"),
    "kappa": ("Kappa", "Agreement of levels beyond chance, quadratic weights; 1 is best"),
    "spearman": ("Spearman", "Rank correlation of the expected level with the extent behind it"),
}

TILES: Mapping[str, tuple[str, ...]] = {
    "binary": ("auroc", "sensitivity", "specificity"),
    "multiclass": ("accuracy", "auroc", "balanced_accuracy"),
    "multilabel": ("auroc", "average_precision", "ece"),
    "segmentation": ("dice", "location", "sensitivity"),
}
"""What the page shows first."""

GROUPED: Mapping[str, tuple[str, ...]] = {
    "binary": ("auroc", "sensitivity", "specificity"),
    "multiclass": ("auroc", "accuracy", "balanced_accuracy"),
    "multilabel": ("auroc", "sensitivity", "specificity"),
    "segmentation": ("dice", "location", "sensitivity"),
}
"""What the table of subgroups shows."""

LABELLED = ("auroc", "average_precision", "sensitivity", "specificity", "ppv")
"""What the table of labels shows."""

ATTRIBUTES: Mapping[str, str] = {"sex": "Sex", "age_band": "Age band", "site": "Site", "view": "View", "device": "Device"}

PLACES: Mapping[str, str] = {
    "border": "Border",
    "upper_left": "Upper left corner",
    "upper_right": "Upper right corner",
    "lower_left": "Lower left corner",
    "lower_right": "Lower right corner",
    "centre": "Centre",
}
"""Left and right are the image's."""

PERTURBATIONS: Mapping[str, str] = {
    "noise": "Noise",
    "blur": "Blur",
    "contrast": "Less contrast",
    "rotation": "Rotation",
    "jpeg": "Compression",
    "resolution": "Fewer pixels",
}

CAPTIONS: Mapping[str, str] = {
    "roc": "Sensitivity against false alarms at every threshold, with the band of 95% of draws; a diamond is the one in use.",
    "labels": "AUROC with 95% intervals of each label against all else.",
    "precision_recall": "How many positive answers are right, as more of the findings are found, with the band of 95% of draws.",
    "calibration": "What was observed against the probability that was given, with 95% intervals; the cases below.",
    "confusion": "Answers against the truth.",
    "scores": "Probabilities of positive and negative test cases about the threshold.",
    "decision": "Net benefit of acting on the model, on everyone and on no one, with 95% intervals about the model's.",
    "hardest": "The most certain wrong answers, as they are and under the heat map; the codes name rows of the manifest.",
    "regions": "Marked and true regions: the worst, the middle and the best images by Dice.",
    "dice": "How Dice is spread over the images.",
    "severity": "Levels against the truth.",
    "subgroups": "The first metric with 95% intervals by subgroup.",
    "occlusion": "What is left with a part of the image hidden, and with nothing else shown.",
    "robustness": "What is left as images get worse, with 95% intervals.",
}


PLACES_OF_FIGURES: Mapping[str, str] = {
    "decision": "benefit",
    "hardest": "wrong",
    "regions": "wrong",
    "severity": "severity",
    "subgroups": "worse",
    "occlusion": "looks",
    "robustness": "stress",
}
"""The section that shows a figure; the others of `CAPTIONS` stand with the metrics, unknown ones by themselves."""


def section_of(stem: str) -> str:
    """Return the section that shows a figure."""
    return PLACES_OF_FIGURES.get(stem, "metrics" if stem in CAPTIONS else "figures")


def meaning(metric: str, kind: str, words: Mapping[str, str]) -> str:
    """Return what a metric says of a use case's labels.

    Args:
        metric: its key.
        kind: of the labels.
        words: `positive` and `negative`.
    """
    if metric in REGIONS:
        return REGIONS[metric][1]
    if kind == "multiclass":
        return OF_CLASSES.get(metric, "")
    if kind == "multilabel":
        return OF_FINDINGS if metric in METRICS else ""
    return METRICS.get(metric, ("", ""))[1].format(**words)


def name(metric: str) -> str:
    """Return a metric's name."""
    return {**METRICS, **REGIONS, **SEVERITY}.get(metric, (metric, ""))[0]
