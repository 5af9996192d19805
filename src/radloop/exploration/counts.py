"""The numbers of the exploration page: pure functions of a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.exploration.figures import Band
from radloop.use_case import SPLITS, FindingLabels, UseCase

UNKNOWN = "unknown"
MOST_VALUES = 12
"""More values of an attribute are counted together."""
PER_PATIENT = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20), (21, None))

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Crosstab:
    """How often each value occurs in each class.

    Attributes:
        name: what the values are of.
        classes: the columns.
        totals: images of each class.
        rows: value, images of all, and images of each class; unknown stands last.
    """

    name: str
    classes: tuple[str, ...]
    totals: tuple[int, ...]
    rows: tuple[tuple[str, int, tuple[int, ...]], ...]


def class_masks(frame: pd.DataFrame, use_case: UseCase) -> dict[str, Mask]:
    """Return which rows show each class, in the use case's order; findings may overlap.

    A row without findings is in the word for none only where every finding is known to be absent.
    """
    if isinstance(use_case.labels, FindingLabels):
        names = list(use_case.labels.findings)
        values = frame[[f"finding_{name}" for name in names]].to_numpy(np.float64)
        masks = {name: values[:, place] == 1 for place, name in enumerate(names)}
        masks[use_case.labels.none] = (values == 0).all(axis=1)
    else:
        label = frame["label"].to_numpy(object)
        masks = {word: np.asarray(label == word, bool) for word in use_case.labels.words}
    rest = ~np.logical_or.reduce(list(masks.values())) if len(frame) else np.zeros(0, bool)
    return masks | {UNKNOWN: rest} if rest.any() else masks


def split_table(frame: pd.DataFrame, used: Mask, masks: Mapping[str, Mask]) -> list[dict[str, Any]]:
    """Return for each class, then for all images, then for their patients, how many each split has and how many none uses."""
    split = frame["split"].to_numpy(object)
    places = {word: used & np.asarray(split == word, bool) for word in SPLITS} | {"out": ~used}
    rows = [{"name": name, **{word: int((mask & place).sum()) for word, place in places.items()}} for name, mask in masks.items()]
    patient = frame["patient"].to_numpy(object)
    rows.append({"name": "images", **{word: int(place.sum()) for word, place in places.items()}})
    rows.append({"name": "patients", **{word: len(set(patient[place])) for word, place in places.items()}})
    return rows


def crosstab(name: str, values: Sequence[Any] | pd.Series, masks: Mapping[str, Mask]) -> Crosstab:
    """Count values by class: the most frequent first, the rest together, unknown last."""
    series = pd.Series(values, dtype=object).reset_index(drop=True)
    known = series.notna().to_numpy()
    found = series[known].astype(str)
    order = sorted(found.value_counts().items(), key=lambda item: (-item[1], str(item[0])))
    shown = [str(word) for word, _ in order[:MOST_VALUES]]
    words = series.astype(str).to_numpy(object)
    parts = [(word, known & np.asarray(words == word, bool)) for word in shown]
    if len(order) > MOST_VALUES:
        parts.append((f"{len(order) - MOST_VALUES} others", known & ~np.isin(words.astype(str), shown)))
    if not known.all():
        parts.append((UNKNOWN, ~known))
    rows = tuple((word, int(part.sum()), tuple(int((part & mask).sum()) for mask in masks.values())) for word, part in parts)
    return Crosstab(name, tuple(masks), tuple(int(mask.sum()) for mask in masks.values()), rows)


def histograms(values: NDArray[np.float64], masks: Mapping[str, Mask], edges: NDArray[np.float64]) -> list[Band]:
    """Count values between edges for each class; what lies beyond the last edge is counted before it, NaN nowhere."""
    clipped = np.clip(values, edges[0], edges[-1])
    return [
        Band(name, np.histogram(clipped[mask & ~np.isnan(values)], edges)[0].astype(np.int64)) for name, mask in masks.items()
    ]


def intensities(thumbnails: Sequence[NDArray[np.uint8] | None], masks: Mapping[str, Mask], bins: int = 64) -> list[Band]:
    """Count the greys of thumbnails by class, in bins of equal width over 0 to 255.

    Args:
        thumbnails: uint8 [64, 64] for each row, None where there is none.
        masks: of the same rows.
        bins: a divisor of 256.
    """
    counts = np.zeros((len(thumbnails), bins), np.int64)
    for row, picture in enumerate(thumbnails):
        if picture is not None:
            counts[row] = np.bincount(picture.ravel() // (256 // bins), minlength=bins)
    return [Band(name, counts[mask].sum(axis=0)) for name, mask in masks.items()]


def images_per_patient(patients: pd.Series) -> list[tuple[str, int]]:
    """Return how many patients have so many images."""
    numbers = patients.value_counts().to_numpy()
    rows = []
    for low, high in PER_PATIENT:
        word = str(low) if high == low else f"{low} or more" if high is None else f"{low} to {high}"
        rows.append((word, int(((numbers >= low) & (numbers <= (high or np.inf))).sum())))
    return rows


def missing(frame: pd.DataFrame, columns: Sequence[str]) -> list[tuple[str, int]]:
    """Return the columns with unknown values and how many, most first."""
    counts = [(name, int(frame[name].isna().sum())) for name in columns]
    return sorted((item for item in counts if item[1]), key=lambda item: (-item[1], item[0]))


def co_occurrence(frame: pd.DataFrame, findings: Sequence[str]) -> list[list[int]]:
    """Return how many images show both of two findings, in their order; the diagonal is each alone."""
    shown = (frame[[f"finding_{name}" for name in findings]].to_numpy(np.float64) == 1).astype(np.int64)
    return [[int(count) for count in row] for row in shown.T @ shown]


def identical_groups(frame: pd.DataFrame) -> list[list[int]]:
    """Return positions of rows with the same pixels; those with contradictory labels first, then as in the manifest."""
    answers = [name for name in frame.columns if name == "label" or name.startswith("finding_")]
    shared = frame["pixels"].duplicated(keep=False).to_numpy()
    groups: dict[str, list[int]] = {}
    digests = frame["pixels"].to_numpy(object)
    for place in np.flatnonzero(shared):
        groups.setdefault(str(digests[place]), []).append(int(place))
    return sorted(groups.values(), key=lambda group: (not contradictory(frame, group, answers), group))


def contradictory(frame: pd.DataFrame, group: Sequence[int], answers: Sequence[str]) -> bool:
    """Say whether rows with the same pixels have different labels; unknown contradicts nothing."""
    rows = frame.iloc[list(group)]
    return any(rows[name].nunique(dropna=True) > 1 for name in answers)
