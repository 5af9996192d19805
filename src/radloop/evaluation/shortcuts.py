"""Whether the answers come from what they should: what the embedding knows beside the finding, and where an answer comes from."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.evaluation.cases import Cases
from radloop.evaluation.measures import interval_as_json, intervals
from radloop.evaluation.occlusion import REGIONS, alone, blanked
from radloop.evaluation.outcomes import Outcome, outcomes
from radloop.evaluation.sample import Sample
from radloop.statistics import outputs as several
from radloop.statistics.arrays import FloatArray
from radloop.statistics.intervals import Interval
from radloop.use_case import Policy

PROBED = ("site", "sex", "view", "device")
FOLDS = 5
_WAYS = {"blanked": blanked, "alone": alone}
_UNTOUCHED = ("untouched", "")
_MOST = 1000
"""Images that a probe is fitted and asked on, at most."""
_FEWEST = 10
"""Images of a word, at least; they must come from as many units as there are folds."""
_STRENGTH = 0.01
"""Inverse of the probe's L2 penalty, on standardised embeddings: there are more numbers than images."""


@dataclass(frozen=True, slots=True)
class Probe:
    """How well a linear probe of the embedding tells an attribute's words: AUROC 0.5 is not at all."""

    auroc: Interval
    images: int
    groups: int
    """Words that it tells apart; the mean of each against all others where there are more than two."""


@dataclass(frozen=True, slots=True)
class Occlusion:
    """What becomes of the metric where one region of the image is hidden, or is all that is shown."""

    blanked: Outcome
    alone: Interval


@dataclass(frozen=True)
class Shortcuts:
    """Probes by attribute and occlusions by region.

    Attributes:
        metric: that of the occlusions, `auroc` or `dice`.
        images: of the sample that is occluded.
        untouched: the metric of these images as they are, without clinical values as in the occlusions.
    """

    metric: str
    images: int
    untouched: Interval
    probes: dict[str, Probe]
    occlusion: dict[str, Occlusion]

    def as_dict(self) -> dict[str, Any]:
        """Return it as the evidence keeps it."""
        probes = {
            attribute: {"auroc": interval_as_json(probe.auroc), "images": probe.images, "groups": probe.groups}
            for attribute, probe in self.probes.items()
        }
        occlusion = {
            region: found.blanked.as_dict(self.metric) | {"alone": interval_as_json(found.alone)}
            for region, found in self.occlusion.items()
        }
        return {
            "images": self.images,
            "metric": self.metric,
            "untouched": interval_as_json(self.untouched),
            "probes": probes,
            "occlusion": occlusion,
        }


def judge_shortcuts(sample: Sample, inside: Cases) -> Shortcuts:
    """Probe the embeddings of the cases within the intended use, and occlude the images of a sample."""
    probes = {attribute: probe(inside, attribute, sample.policy) for attribute in PROBED}
    image_only = sample.without_clinical()  # a clinical value would speak whatever the image shows
    altered = {(way, region): _occluded(image_only, way, region) for way in _WAYS for region in REGIONS}
    found = outcomes(image_only, {**altered, _UNTOUCHED: image_only.cases})
    return Shortcuts(
        metric=sample.metric,
        images=len(sample.cases),
        untouched=found[_UNTOUCHED].value,
        probes={attribute: one for attribute, one in probes.items() if one is not None},
        occlusion={region: Occlusion(found["blanked", region], found["alone", region].value) for region in REGIONS},
    )


def _occluded(sample: Sample, way: str, region: str) -> Cases:
    return sample.altered(lambda _, picture: replace(picture, pixels=_WAYS[way](picture.pixels, region)))


def probe(cases: Cases, attribute: str, policy: Policy) -> Probe | None:
    """Fit a logistic regression of an attribute on the embedding, and judge it on units that it was not fitted on.

    Such a probe finds what is linearly there (Alain and Bengio, arXiv 1610.01644, 2016), not what the head uses.

    Args:
        cases: with embeddings [n, C].
        attribute: a column of words; unknown ones are left out.
        policy: number and seed of draws.

    Returns:
        None unless at least two words have ten images each, of at least five units.
    """
    part = _probed(cases, attribute, policy.seed)
    if part is None or part.embeddings is None:
        return None
    words = np.asarray(part.frame[attribute].tolist(), dtype=np.str_)
    known = np.unique(words)
    said = out_of_fold(part.embeddings, words, part.units, policy.seed)
    if len(known) == 2:
        truth = (words == known[1]).astype(np.float64)
        measure = several.one(said[:, 1], truth, part.units, threshold=None, metrics=["auroc"])
    else:
        truth = (words[:, None] == known).astype(np.float64)
        measure = several.classes(said, truth, part.units, labels=known.tolist(), metrics=["auroc"])
    return Probe(intervals(measure, part, policy)[None, "auroc"], len(part), len(known))


def out_of_fold(embeddings: NDArray[np.float32], words: NDArray[np.str_], units: NDArray[np.int64], seed: int) -> FloatArray:
    """Return each image's probabilities of the sorted words, [n, words], by a probe that saw no image of its unit.

    Args:
        embeddings: float32 [n, C].
        words: n of them, each of at least five units.
        units: shape [n].
        seed: of the folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = np.unique(words)
    said = np.zeros((len(words), len(known)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for fitted, asked in folds.split(embeddings, words, units):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=200))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one that has not converged is judged as it is
            model.fit(embeddings[fitted], words[fitted])
        said[np.ix_(asked, np.searchsorted(known, model.classes_))] = model.predict_proba(embeddings[asked])
    return said


def _probed(cases: Cases, attribute: str, seed: int) -> Cases | None:
    """Return the cases whose word is known and frequent enough, at most `_MOST`; None where there are not two such words."""
    column = [None if value is None else str(value) for value in cases.frame[attribute]]
    images = Counter(column)
    units = Counter(word for word, _ in set(zip(column, cases.units.tolist(), strict=True)))
    words = {word for word in images if word is not None and images[word] >= _FEWEST and units[word] >= FOLDS}
    rows = np.flatnonzero([word in words for word in column])
    if len(words) < 2:
        return None
    if len(rows) > _MOST:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:_MOST])
        return _probed(cases.within(rows), attribute, seed)
    return cases.within(rows)
