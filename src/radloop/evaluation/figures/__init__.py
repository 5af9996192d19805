"""The figures of an evaluation, as PNG bytes that depend on nothing but their arguments.

Every function raises ValueError where its arrays do not fit together or hold what cannot be meant.
"""

from radloop.evaluation.figures.calibration import calibration_figure, scores_figure
from radloop.evaluation.figures.confusion import confusion_figure, matrix_figure
from radloop.evaluation.figures.curves import Labelled, precision_recall_figure, roc_curves_figure, roc_figure
from radloop.evaluation.figures.decision import decision_figure
from radloop.evaluation.figures.forest import Row, labels_figure, subgroups_figure
from radloop.evaluation.figures.hardest import hardest_figure
from radloop.evaluation.figures.occlusion import occlusion_figure
from radloop.evaluation.figures.regions import dice_figure, regions_figure
from radloop.evaluation.figures.robustness import robustness_figure

__all__ = [
    "Labelled",
    "Row",
    "calibration_figure",
    "confusion_figure",
    "decision_figure",
    "dice_figure",
    "hardest_figure",
    "labels_figure",
    "matrix_figure",
    "occlusion_figure",
    "precision_recall_figure",
    "regions_figure",
    "robustness_figure",
    "roc_curves_figure",
    "roc_figure",
    "scores_figure",
    "subgroups_figure",
]
