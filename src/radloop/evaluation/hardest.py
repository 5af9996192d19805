"""The images that the bundle got most wrong, with the heat map of what it said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radloop.data.storing import stored_image
from radloop.evaluation.cases import Cases, Outputs, clinical_values
from radloop.evaluation.outcomes import called
from radloop.inference.predictor import Predictor

MOST = 6
"""Images, each of another patient or group."""


@dataclass(frozen=True, slots=True, eq=False)
class Hard:
    """One image.

    Attributes:
        id: of the manifest's row.
        pixels: uint8 [rows, columns].
        heat: of the output that was wrong, float32 [h, w], 0 and more.
        said: what was answered, with its probability.
        true: what is true.
    """

    id: str
    pixels: NDArray[np.uint8]
    heat: NDArray[np.float32]
    said: str
    true: str


@dataclass(frozen=True, slots=True)
class _Wrong:
    case: int
    output: int
    said: str
    true: str


def hardest(predictor: Predictor, cases: Cases, outputs: Outputs, judged: tuple[bool, ...], folder: Path) -> list[Hard]:
    """Return the images of the most certain wrong answers, the worst first; they are scored anew. A region has its own examples.

    Args:
        predictor: the bundle.
        cases: as they were judged.
        outputs: the bundle's own.
        judged: which outputs can be judged.
        folder: that holds the manifest.
    """
    rows, found = cases.frame.to_dict("records"), []
    words = predictor.facts.labels.words
    absent = words[0] if outputs.kind == "binary" else ""
    for wrong in _chosen(cases, outputs, judged, absent):
        row = rows[wrong.case]
        decoded = stored_image(folder / str(row["path"]), row["frame"], predictor.facts.image)
        scored = predictor.score(decoded, clinical_values(row, predictor.facts))
        found.append(Hard(str(row["id"]), decoded.pixels, scored.cam[wrong.output], wrong.said, wrong.true))
    return found


def _chosen(cases: Cases, outputs: Outputs, judged: tuple[bool, ...], absent: str) -> list[_Wrong]:
    """Return the most certain wrong answers, one a patient or group; equals keep the manifest's order."""
    if not len(cases) or outputs.kind == "segmentation":
        return []
    ranked = _classes(cases, outputs) if outputs.kind == "multiclass" else _findings(cases, outputs, judged, absent)
    seen: set[int] = set()
    chosen = []
    for _, wrong in sorted(ranked, key=lambda pair: -pair[0]):
        unit = int(cases.units[wrong.case])
        if unit not in seen:
            seen.add(unit)
            chosen.append(wrong)
    return chosen[:MOST]


def _classes(cases: Cases, outputs: Outputs) -> list[tuple[float, _Wrong]]:
    """Return the wrong classes, each with how much likelier it was held than the true one."""
    answers, truth = cases.probabilities.argmax(axis=1), np.nan_to_num(cases.truths).argmax(axis=1)
    known = ~np.isnan(cases.truths).any(axis=1)
    found = []
    for case in np.flatnonzero(known & (answers != truth)).tolist():
        k, t = int(answers[case]), int(truth[case])
        chance = float(cases.probabilities[case, k])
        wrong = _Wrong(case, k, f"{outputs.labels[k]} {chance:.2f}", outputs.labels[t])
        found.append((chance - float(cases.probabilities[case, t]), wrong))
    return found


def _findings(cases: Cases, outputs: Outputs, judged: tuple[bool, ...], absent: str) -> list[tuple[float, _Wrong]]:
    """Return the findings called wrongly, each with the distance of its probability from the truth."""
    positive, found = called(cases, outputs), []
    for k, label in enumerate(outputs.labels):
        if outputs.thresholds[k] is None or not judged[k]:
            continue
        known = ~np.isnan(cases.truths[:, k])
        other = absent or f"no {label}"
        for case in np.flatnonzero(known & (positive[:, k] != (cases.truths[:, k] == 1))).tolist():
            chance = float(cases.probabilities[case, k])
            said, true = (label, other) if positive[case, k] else (other, label)
            shown = f"{said}, {label} {chance:.2f}" if said != label else f"{said} {chance:.2f}"
            found.append((abs(chance - float(cases.truths[case, k])), _Wrong(case, k, shown, true)))
    return found
