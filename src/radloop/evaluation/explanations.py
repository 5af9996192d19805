"""Whether the heat map can be believed: it changes with the weights, and what it marks is what the answer came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.evaluation.measures import interval_as_json, intervals, number_as_json
from radloop.evaluation.perturbations import blur
from radloop.evaluation.randomisation import shuffled_scorer
from radloop.evaluation.sample import Picture, Sample, in_threads
from radloop.inference.reading import method_of
from radloop.statistics.averages import averages
from radloop.statistics.intervals import Interval

MOST = 16
"""Positive images that are asked about, at most."""
FEWEST = 5
"""With fewer, nothing is told."""
ALIKE = 0.5
"""A mean rank correlation above it: the heat map hardly depends on the weights."""
_NETWORKS = 2
"""Networks of shuffled weights."""
_GRID = 16
"""Parts of each side that are shown or hidden at once."""
_STEPS = 8
_BLUR = 10
"""Standard deviation of what an image is inserted into, % of its longer side."""

Map = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Explanations:
    """What was found on positive images, each for the label that is true and most probable.

    Attributes:
        method: how the map is made.
        images: positive images that were asked about.
        randomised: mean rank correlation of the heat map with those of networks of shuffled weights; 1 is the same map.
        insertion: mean probability while the image is put back into a blurred one, what the map marks most first.
        deletion: mean probability while it is greyed out in the same order.
        random_insertion: as insertion, in a random order.
        random_deletion: likewise.
        mask_share: share of the map's heat that lies inside the true region, over the sample; None without regions.
        reason: why it is not sane; None where it is.
    """

    method: str
    images: int
    randomised: float
    insertion: float
    deletion: float
    random_insertion: float
    random_deletion: float
    mask_share: Interval | None
    reason: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as the evidence keeps it."""
        names = ("randomised", "insertion", "deletion", "random_insertion", "random_deletion")
        return {
            "method": self.method,
            "images": self.images,
            **{name: number_as_json(getattr(self, name)) for name in names},
            "mask_share": None if self.mask_share is None else interval_as_json(self.mask_share),
            "sane": self.reason is None,
            "reason": self.reason,
        }


def judge_explanations(sample: Sample) -> Explanations:
    """Ask about the positive images of a sample with their heat maps.

    Insertion and deletion are those of Petsiuk, Das and Saenko (RISE, BMVC 2018), in coarse steps.
    """
    chosen = _positive(sample)
    maps = [_map(sample.scored[number].cam[k]) for number, k in chosen]
    areas = [_areas(sample, sample.pictures[number], k, heat, number) for (number, k), heat in zip(chosen, maps, strict=True)]
    means = [_mean([row[place] for row in areas]) for place in range(4)]
    found = Explanations(
        method=method_of(sample.predictor.facts),
        images=len(chosen),
        randomised=_randomised(sample, chosen),
        insertion=means[0],
        deletion=means[1],
        random_insertion=means[2],
        random_deletion=means[3],
        mask_share=_mask_share(sample),
        reason=None,
    )
    return replace(found, reason=reason(found))


def reason(found: Explanations) -> str | None:
    """Return why a heat map cannot be believed; None where nothing speaks against it.

    Insertion and deletion count together, by their difference, as in Group-CAM (Zhang, Rao and Yang, arXiv 2103.13859, 2021).
    """
    if found.images < FEWEST:
        return f"{found.images} positive images are too few to tell"
    if not math.isfinite(found.randomised):
        return "the heat map is the same everywhere"
    if found.randomised > ALIKE:
        return "the heat map hardly changes when the weights are shuffled"
    if not found.insertion - found.deletion > found.random_insertion - found.random_deletion:
        return "showing and hiding first what the heat map marks changes the answer no more than a random order does"
    return None


def order_of(heat: Map, draws: np.random.Generator) -> NDArray[np.int64]:
    """Return the rank of each place of a map [h, w], 0 for the hottest; equals come in a random order."""
    ranks = np.empty(heat.size, dtype=np.int64)
    ranks[np.lexsort((draws.random(heat.size), -heat.ravel()))] = np.arange(heat.size)
    return ranks.reshape(heat.shape)


def alike(first: Map, second: Map) -> float:
    """Return Spearman's correlation of two maps; 0 where only the second is the same everywhere, NaN where the first is."""
    from scipy import stats  # half a second, which whoever only asks for the code's facts should not pay

    if np.ptp(first) == 0:
        return math.nan
    return 0.0 if np.ptp(second) == 0 else float(stats.spearmanr(first.ravel(), second.ravel()).statistic)


def share_inside(heat: Map, region: NDArray[np.bool_]) -> float:
    """Return the share of a map's heat inside a region of the same shape; NaN without heat."""
    return float(heat[region].sum() / heat.sum()) if heat.sum() > 0 else math.nan


def _positive(sample: Sample) -> list[tuple[int, int]]:
    """Return positive pictures, evenly spread, each with the true judged output that is most probable."""
    wanted = (sample.cases.truths == 1) & np.asarray(sample.judged, dtype=np.bool_)
    numbers = np.flatnonzero(wanted.any(axis=1))
    if len(numbers) > MOST:
        numbers = numbers[np.linspace(0, len(numbers) - 1, MOST).round().astype(np.intp)]
    chances = np.where(wanted, sample.cases.probabilities, -1.0)
    return [(int(number), int(chances[number].argmax())) for number in numbers]


def _randomised(sample: Sample, chosen: Sequence[tuple[int, int]]) -> float:
    content, facts = sample.predictor.bundle.content, sample.predictor.facts
    found = []
    for seed in range(_NETWORKS if chosen else 0):
        shuffled = shuffled_scorer(content, facts, seed)
        for number, k in chosen:
            picture = sample.pictures[number]
            other = shuffled.score(picture.decoded, picture.clinical).cam[k]
            found.append(alike(sample.scored[number].cam[k].astype(np.float64), other.astype(np.float64)))
    return _mean(found)


def _areas(sample: Sample, picture: Picture, k: int, heat: Map, number: int) -> tuple[float, float, float, float]:
    """Return the areas of insertion and deletion in the map's order, and those in a random one."""
    draws = np.random.default_rng([sample.policy.seed, number])
    pixels, soft = picture.pixels, blur(picture.pixels, _BLUR, draws)
    grey = np.full_like(pixels, np.uint8(np.median(pixels)))

    def chance(image: NDArray[np.uint8]) -> float:
        answer = sample.predictor.score(replace(picture, pixels=image).decoded, picture.clinical)
        return float(answer.probabilities[k])

    ends = dict(zip(("soft", "whole", "grey"), in_threads(chance, [soft, pixels, grey]), strict=True))
    found = []
    for order in (order_of(heat, draws), order_of(np.zeros_like(heat), draws)):
        ranks = _spread(order, pixels.shape)
        first = [ranks < round(step / _STEPS * order.size) for step in range(1, _STEPS)]
        inserted = in_threads(chance, [np.where(shown, pixels, soft) for shown in first])
        deleted = in_threads(chance, [np.where(hidden, grey, pixels) for hidden in first])
        found += [_area([ends["soft"], *inserted, ends["whole"]]), _area([ends["whole"], *deleted, ends["grey"]])]
    return found[0], found[1], found[2], found[3]


def _area(chances: Sequence[float]) -> float:
    """Return the area under probabilities that are evenly spaced from 0 to 1, by trapezoids."""
    return (math.fsum(chances) - (chances[0] + chances[-1]) / 2) / (len(chances) - 1)


def _mask_share(sample: Sample) -> Interval | None:
    """Return the share inside the true regions of positive pictures."""
    if all(picture.region is None for picture in sample.pictures):
        return None
    values = np.full(len(sample.pictures), np.nan)
    for number, picture in enumerate(sample.pictures):
        if picture.region is not None and picture.region.any():
            k = int(np.where(sample.cases.truths[number] == 1, sample.cases.probabilities[number], -1.0).argmax())
            values[number] = share_inside(_enlarged(sample.scored[number].cam[k], picture.region.shape), picture.region)
    return intervals(averages({"share": values}, sample.cases.units), sample.cases, sample.policy)[None, "share"]


def _map(cam: NDArray[np.float32]) -> Map:
    return _enlarged(cam, (_GRID, _GRID))


def _enlarged(cam: NDArray[np.float32], shape: tuple[int, ...]) -> Map:
    image = Image.fromarray(np.ascontiguousarray(cam, dtype=np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR), dtype=np.float64)


def _spread(order: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return each pixel's rank, that of the part of the grid that it lies in."""
    rows, columns = (np.arange(side) * size // side for side, size in zip(shape, order.shape, strict=True))
    return order[np.ix_(rows, columns)]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
