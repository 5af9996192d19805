"""The images that are asked again and again, altered: few, of all labels, and each with what the bundle says of it untouched."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.data.storing import stored_image
from radloop.evaluation.cases import Cases, Outputs, clinical_values
from radloop.evaluation.measures import labels_measure
from radloop.evaluation.regions import marked_region, true_region
from radloop.images.decode import Decoded
from radloop.images.header import Header
from radloop.inference.engine import STREAMS
from radloop.inference.predictor import Predictor
from radloop.inference.scoring import Scored
from radloop.statistics.averages import averages
from radloop.statistics.intervals import Measure
from radloop.statistics.outputs import Name
from radloop.statistics.regions import dice
from radloop.use_case import Policy

MOST = 64
"""Images of a sample, at most."""
OF_A_UNIT = 5
"""Images of one patient or group, at most: many slices of few patients would tell less."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One image of the sample, at no more than twice the network's side, so that it can be altered often.

    Attributes:
        pixels: uint8 [rows, columns], display domain.
        header: what the file says about itself.
        clinical: the values that the bundle is told.
        region: the true one, bool [rows, columns]; None where nobody outlined it.
    """

    pixels: NDArray[np.uint8]
    header: Header
    clinical: Mapping[str, Any]
    region: NDArray[np.bool_] | None

    @property
    def decoded(self) -> Decoded:
        """Return it as the serving code takes it."""
        return Decoded(self.pixels, self.header, self.pixels)


@dataclass(frozen=True, eq=False)
class Sample:
    """The images with everything that judges them.

    Attributes:
        cases: of the images, n rows, as the bundle answers to `pictures` untouched.
        judged: which outputs the means are over.
        scored: of each picture, untouched.
    """

    predictor: Predictor
    outputs: Outputs
    judged: tuple[bool, ...]
    policy: Policy
    cases: Cases
    pictures: tuple[Picture, ...]
    scored: tuple[Scored, ...]

    @property
    def metric(self) -> str:
        """Return the metric that is followed: Dice where a region is all that is asked for."""
        return "dice" if self.outputs.kind == "segmentation" else "auroc"

    def measure(self, cases: Cases) -> Measure[Name]:
        """Return the measure of the metric for the sample's cases, perhaps answered otherwise."""
        if self.metric == "dice":
            return averages({"dice": np.full(len(cases), np.nan) if cases.dice is None else cases.dice}, cases.units)
        return labels_measure(cases, self.outputs, self.judged, [self.metric])

    def altered(self, alter: Callable[[int, Picture], Picture]) -> Cases:
        """Return the sample's cases as the bundle answers to each picture altered; `alter` takes its number and itself."""
        pictures = in_threads(alter, range(len(self.pictures)), self.pictures)
        return _answered(self.cases, pictures, _scores(self.predictor, pictures), self.outputs)

    def without_clinical(self) -> Sample:
        """Return the sample as the bundle answers when no clinical value is told."""
        if not self.predictor.facts.clinical:
            return self
        pictures = tuple(replace(picture, clinical={}) for picture in self.pictures)
        scored = tuple(_scores(self.predictor, pictures))
        return replace(self, cases=_answered(self.cases, pictures, scored, self.outputs), pictures=pictures, scored=scored)


def draw_sample(
    predictor: Predictor, inside: Cases, outputs: Outputs, judged: tuple[bool, ...], policy: Policy, folder: Path
) -> Sample:
    """Choose images and ask about them.

    Args:
        predictor: the bundle.
        inside: the cases within the intended use; of a video, the first frame of a clip stands for it.
        outputs: the bundle's own.
        judged: which outputs the means are over.
        policy: number and seed of draws.
        folder: that holds the manifest.
    """
    cases = inside.within(chosen_rows(inside, judged, policy.seed))
    rows = cases.frame.to_dict("records")
    pictures = tuple(_picture(predictor, row, truth, folder) for row, truth in zip(rows, cases.truths, strict=True))
    scored = _scores(predictor, pictures)
    return Sample(predictor, outputs, judged, policy, _answered(cases, pictures, scored, outputs), pictures, tuple(scored))


def chosen_rows(cases: Cases, judged: Sequence[bool], seed: int) -> NDArray[np.intp]:
    """Return the rows of a sample, in the manifest's order: units are drawn in turn from each stratum.

    A unit's stratum is the rarest of the judged labels that it has, so that a sample has as much as it can of each.
    """
    units, counts = cases.units, np.sum(cases.truths == 1, axis=0)
    known = ~np.isnan(cases.truths).all(axis=1)
    strata: dict[int, list[NDArray[np.intp]]] = {}
    for unit in np.random.default_rng(seed).permutation(int(units.max(initial=-1)) + 1):
        rows = np.flatnonzero((units == unit) & known)
        if len(rows):
            present = [k for k, counted in enumerate(judged) if counted and np.any(cases.truths[rows, k] == 1)]
            rarest = min(present, key=lambda k: (int(counts[k]), k), default=-1)
            strata.setdefault(rarest, []).append(_thinned(rows))
    turns = itertools.chain.from_iterable(itertools.zip_longest(*(strata[key] for key in sorted(strata))))
    chosen: list[int] = []
    for rows in (turn for turn in turns if turn is not None):
        chosen += rows.tolist() if len(chosen) + len(rows) <= MOST else []
    return np.asarray(sorted(chosen), dtype=np.intp)


def in_threads(ask: Callable[..., Result], *arguments: Any) -> list[Result]:
    """Return what a function gives for each of its arguments, in their order, as many at a time as the engine has streams."""
    with ThreadPoolExecutor(STREAMS) as pool:
        return list(pool.map(ask, *arguments))


def _thinned(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return at most `OF_A_UNIT` rows, evenly spread."""
    if len(rows) <= OF_A_UNIT:
        return rows
    return rows[np.linspace(0, len(rows) - 1, OF_A_UNIT).round().astype(np.intp)]


def _picture(predictor: Predictor, row: Mapping[Any, Any], truth: NDArray[np.float64], folder: Path) -> Picture:
    facts = predictor.facts
    decoded = stored_image(folder / str(row["path"]), row["frame"], facts.image)
    region = None if facts.location is None else true_region(row.get("mask"), folder, decoded.pixels.shape, truth)
    share = 2 * facts.image.size / max(decoded.pixels.shape)
    pixels = decoded.pixels
    if share < 1:
        size = (max(1, round(share * pixels.shape[1])), max(1, round(share * pixels.shape[0])))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
        region = None if region is None else np.asarray(Image.fromarray(region).resize(size, Image.Resampling.NEAREST))
    return Picture(pixels, decoded.header, clinical_values(row, facts), region)


def _scores(predictor: Predictor, pictures: Sequence[Picture]) -> list[Scored]:
    return in_threads(lambda picture: predictor.score(picture.decoded, picture.clinical), pictures)


def _answered(cases: Cases, pictures: Sequence[Picture], scored: Sequence[Scored], outputs: Outputs) -> Cases:
    said = np.stack([one.probabilities for one in scored]) if scored else np.zeros((0, len(outputs.labels)))
    pairs = zip(scored, pictures, strict=True)
    fits = np.asarray([_dice(one, picture) for one, picture in pairs]) if outputs.kind == "segmentation" else None
    return replace(cases, probabilities=said, dice=fits, hidden=None, expected=None, levels=None, location=None)


def _dice(scored: Scored, picture: Picture) -> float:
    if scored.mask is None or picture.region is None:
        return float("nan")
    return dice(marked_region(scored.mask, picture.pixels.shape), picture.region)
