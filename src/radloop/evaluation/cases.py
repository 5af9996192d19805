"""The cases of a judgement: what the bundle said of each image of `test`, beside what is true."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.clinical import column
from radloop.data.groups import group_words
from radloop.data.storing import stored_image
from radloop.data.truths import grades, truths
from radloop.data.units import joined_columns
from radloop.evaluation.regions import covered, true_region
from radloop.inference.bundle import BundleFacts
from radloop.inference.group_thresholds import GroupThresholds
from radloop.inference.predictor import Predictor
from radloop.inference.scoring import Scored
from radloop.statistics.outputs import evaluable
from radloop.use_case import IntendedUse, UseCase


@dataclass(frozen=True)
class Outputs:
    """How a bundle's K probabilities become decisions.

    Attributes:
        kind: of the labels: binary, multiclass, multilabel or segmentation.
        labels: the label of each output.
        thresholds: one an output, None where it has none; unused for `multiclass`, where the most probable is the answer.
        levels: the words of the severity, from the mildest; empty where there is none.
        groups: thresholds by group, which take the place of `thresholds`; None where all share one.
    """

    kind: str
    labels: tuple[str, ...]
    thresholds: tuple[float | None, ...]
    levels: tuple[str, ...] = ()
    groups: GroupThresholds | None = None

    @classmethod
    def of(cls, facts: BundleFacts) -> Outputs:
        """Return a bundle's outputs."""
        levels = facts.severity.levels if facts.severity else ()
        return cls(facts.labels.kind, facts.outputs, facts.thresholds, levels, facts.groups)

    def cuts(self, frame: pd.DataFrame) -> list[float | NDArray[np.float64] | None]:
        """Return the threshold of each output: one for all cases, or one a case [n] where groups have their own."""
        if self.groups is None:
            return list(self.thresholds)
        rows = [self.groups.of(None if pd.isna(word) else str(word)) for word in frame[self.groups.attribute]]
        found = np.asarray([[np.nan if cut is None else cut for cut in row] for row in rows], dtype=np.float64)
        columns = found.reshape(len(frame), len(self.labels)).T
        return [None if cut is None else column for cut, column in zip(self.thresholds, columns, strict=True)]

    @property
    def several(self) -> bool:
        """Tell whether there is more than one output."""
        return len(self.labels) > 1


@dataclass(frozen=True)
class Cases:
    """Judged test cases, n rows in the manifest's order; of a video, one a clip.

    Attributes:
        frame: the manifest's rows with `age_band`; unknown words are None.
        probabilities: calibrated, float64 [n, K].
        truths: float64 [n, K]: 1, 0, NaN where unknown.
        intended: bool [n], inside the intended use; unknown age counts as inside, as in serving.
        hidden: the probabilities without any clinical value, float64 [n, K]; None where the bundle takes none.
        expected: the expected level of severity, float64 [n]; None without a severity.
        levels: the true level, int64 [n], -1 where unknown; None without a severity.
        dice: of the marked region, float64 [n], NaN where no region is known; None where nothing is marked.
        embeddings: of the images, float32 [n, C]; None where nobody asked for them.
        location: 1 where the strongest point is right, 0 where it is not, NaN where there is no true region; or None.
    """

    frame: pd.DataFrame
    probabilities: NDArray[np.float64]
    truths: NDArray[np.float64]
    intended: NDArray[np.bool_]
    hidden: NDArray[np.float64] | None = None
    expected: NDArray[np.float64] | None = None
    levels: NDArray[np.int64] | None = None
    dice: NDArray[np.float64] | None = None
    location: NDArray[np.float64] | None = None
    embeddings: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def unit(self) -> Literal["patient", "group"]:
        """Return what a resample draws: patients, or groups where the source says what hangs together without naming patients."""
        return "group" if "group" in self.frame and self.frame["group"].notna().any() else "patient"

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """Return each case's unit as a number, int64 [n]: images that share a patient or a group are never drawn apart.

        By the order of first appearance, not the pseudonym: the numbers must not depend on an installation's key.
        """
        units = np.empty(len(self), dtype=np.int64)
        columns = {name: self.frame[name].tolist() for name in ("patient", "group") if name in self.frame}
        for number, rows in enumerate(joined_columns(columns)):
            units[rows] = number
        return units

    def within(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Cases:
        """Return the cases of a mask [n], or those of some row numbers."""
        arrays = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "frame"}
        parts: dict[str, Any] = {name: None if array is None else array[rows] for name, array in arrays.items()}
        return Cases(self.frame.iloc[np.arange(len(self))[rows]], **parts)

    def without_clinical(self) -> Cases | None:
        """Return the same cases as the bundle judged them with their clinical values hidden; None where it takes none."""
        return None if self.hidden is None else replace(self, probabilities=self.hidden, hidden=None)

    def count(self, outputs: Outputs) -> dict[str, Any]:
        """Return numbers of images, patients (and groups where they are the unit) and positives.

        Of several outputs there is no one number of positives: `fewest` has those of the label with the fewest, and the
        fewest negatives of any, and `labels` those of each among the images where it is known.
        """
        numbers: dict[str, Any] = {"images": len(self), "patients": int(self.frame["patient"].nunique())}
        if self.unit == "group":
            numbers["groups"] = int(self.units.max(initial=-1)) + 1
        positives, negatives = np.sum(self.truths == 1, axis=0).tolist(), np.sum(self.truths == 0, axis=0).tolist()
        if not outputs.several:
            return numbers | {"positives": positives[0]}
        labels = {
            label: {"images": yes + no, "positives": yes}
            for label, yes, no in zip(outputs.labels, positives, negatives, strict=True)
        }
        return numbers | {"fewest": {"positives": min(positives), "negatives": min(negatives)}, "labels": labels}

    def judged(self, outputs: Outputs) -> tuple[bool, ...]:
        """Tell which outputs can be judged: of separate findings, those with 10 positive images of 5 patients."""
        if outputs.kind != "multilabel":
            return (True,) * len(outputs.labels)
        return tuple(evaluable(self.truths, self.units))


def score_cases(
    predictor: Predictor, frame: pd.DataFrame, folder: Path, use_case: UseCase, progress: Callable[[int, int], None]
) -> Cases:
    """Ask the bundle about every image of a frame, each with its clinical values.

    Args:
        predictor: the bundle, as serving would load it.
        frame: manifest rows [n]; paths are relative to the folder.
        folder: that holds the manifest.
        use_case: whose labels, severity and age bands the rows are read by.
        progress: called with (images done, images in all).
    """
    facts, truth = predictor.facts, truths(frame, use_case)
    rows = []
    for number, row in enumerate(frame.to_dict("records")):
        rows.append(_case(predictor, row, truth[number], folder))
        progress(number + 1, len(frame))
    columns = {name: _column([row[name] for row in rows]) for name in ("hidden", "expected", "dice", "location")}
    ages = frame["age"].to_numpy(np.float64)
    bands = group_words(frame, "age_band", use_case.subgroups)
    cases = Cases(
        frame=frame.assign(age_band=pd.Series(bands, index=frame.index, dtype=object)),
        probabilities=_stacked([row["probabilities"] for row in rows], len(facts.outputs)),
        truths=truth,
        intended=intended(ages, facts.intended_use),
        levels=grades(frame, use_case) if use_case.severity else None,
        embeddings=np.stack([row["embedding"] for row in rows]) if rows else None,
        **columns,
    )
    return by_clip(cases) if facts.image.frames_per_second is not None else cases


def clinical_values(row: Mapping[Any, Any], facts: BundleFacts) -> dict[str, Any]:
    """Return the clinical values that a manifest's row knows and the bundle takes or cuts by, by name."""
    names = {item.name: column(item.name) for item in facts.clinical}
    if facts.groups is not None:
        names |= {"sex": "sex"} if facts.groups.attribute == "sex" else {"age": "age"}
    return {name: row[place] for name, place in names.items() if not pd.isna(row[place])}


def _case(predictor: Predictor, row: Mapping[Any, Any], truth: NDArray[np.float64], folder: Path) -> dict[str, Any]:
    facts = predictor.facts
    decoded = stored_image(folder / str(row["path"]), row["frame"], facts.image)
    scored = predictor.score(decoded, clinical_values(row, facts))
    dice, location = _marked(scored, row, truth, folder, facts)
    return {
        "probabilities": scored.probabilities,
        "hidden": predictor.score(decoded).probabilities if facts.clinical else None,
        "embedding": scored.embedding,
        "expected": scored.grade,
        "dice": dice,
        "location": location,
    }


def _marked(
    scored: Scored, row: Mapping[Any, Any], truth: NDArray[np.float64], folder: Path, facts: BundleFacts
) -> tuple[float | None, float | None]:
    """Return Dice and whether the strongest point is right; NaN where the true region is unknown, None without a mask."""
    if facts.location is None or scored.mask is None:
        return None, None
    true = true_region(row.get("mask"), folder, scored.shape, truth)
    return (math.nan, math.nan) if true is None else covered(scored.mask, true, facts.location.reach)


def _stacked(rows: list[NDArray[np.float64]], width: int) -> NDArray[np.float64]:
    return np.stack(rows) if rows else np.zeros((0, width))


def _column(values: list[Any]) -> NDArray[np.float64] | None:
    """Return the values of all images, None where the bundle gives none."""
    return None if not values or any(value is None for value in values) else np.asarray(values, dtype=np.float64)


def by_clip(cases: Cases) -> Cases:
    """Return one case a clip: the mean of its frames' probabilities, levels and regions; a still image stays as it is."""
    clips = cases.frame["clip"].where(cases.frame["kind"] == "frame")
    number, names = pd.factorize(clips.fillna(cases.frame["id"]))
    first = np.unique(number, return_index=True)[1]
    kept = cases.within(first)
    said: dict[str, Any] = {
        name: _means(values, number, len(first))
        for name in ("probabilities", "hidden", "expected", "dice", "location", "embeddings")
        if (values := getattr(cases, name)) is not None
    }
    return replace(kept, frame=kept.frame.assign(id=names), **said)


def _means(values: NDArray[np.float64], number: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """Return the mean of each group's known values, [groups, ...]; NaN where none is known."""
    known = ~np.isnan(values)
    total, count = np.zeros((groups, *values.shape[1:])), np.zeros((groups, *values.shape[1:]))
    np.add.at(total, number, np.where(known, values, 0.0))
    np.add.at(count, number, known.astype(np.float64))
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def intended(ages: NDArray[np.float64], use: IntendedUse) -> NDArray[np.bool_]:
    """Return which cases are inside the intended use, bool [n], by their ages in years [n]; an unknown age is."""
    if use.age is None:
        return np.ones(len(ages), dtype=np.bool_)
    return np.isnan(ages) | ((ages >= use.age[0]) & (np.floor(ages) <= use.age[1]))


def cases_as_csv(cases: Cases, outputs: Outputs) -> bytes:
    """Return what is true and what was said of every case: what a later champion is compared on.

    One output has the columns label and probability, several `label:WORD` and `probability:WORD` each; what is
    unknown is empty.
    """
    words = [f":{label}" for label in outputs.labels] if outputs.several else [""]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["id", *(f"{name}{word}" for word in words for name in ("label", "probability")), "intended"])
    for number, name in enumerate(cases.frame["id"]):
        pairs = zip(cases.truths[number].tolist(), cases.probabilities[number].tolist(), strict=True)
        cells = [cell for truth, chance in pairs for cell in ("" if math.isnan(truth) else int(truth), repr(chance))]
        writer.writerow([name, *cells, int(cases.intended[number])])
    return stream.getvalue().encode()
