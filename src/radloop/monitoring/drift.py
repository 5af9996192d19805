"""One look: a window of requests against the reference, every signal with its p-value, and one budget for all of them.

**The budget.** A look may give `false_alarms` false alarms on average. Each of the S signals alarms at a p-value of at most
`false_alarms` / S. Every p-value is that of a permutation or exact test, valid at any size, so where window and
reference come from one population a signal alarms with at most that probability, and the look with at most their sum
(Bonferroni). Looks repeat for as long as the model is served. The expected number of false alarms in any number of looks is at
most that number times the budget, because expectations add up however looks and signals depend on each other: all looks share
one reference, so their errors go together, and a sequential test that takes looks for independent would promise
too much. What is promised is over reference and weeks together: an unlucky `calibrate` alarms more often than the
average, a lucky one less.

**What it rests on.** One image a patient is compared, of both sides. Requests of one window are taken for exchangeable: an
unusual day (a screening round, a holiday) is a change, and is reported as one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radloop.images.quality import QUALITY
from radloop.monitoring.reference import Reference
from radloop.statistics import two_sample
from radloop.statistics.two_sample import Compared
from radloop.use_case import Monitoring, Signal

LEAST = 15
"""Fewer cases on either side are not compared."""
_MOST = 500
"""Images of the reference that a kernel is made of; more would only take time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The window's side of a look.

    Attributes:
        embeddings: of its answers, one a patient, [n, C].
        scores: likewise [n, K].
        quality: of its decoded images, one a patient, [q, 7].
        words: known words by attribute, one a patient.
        refused: requests that were refused, and all.
    """

    embeddings: NDArray[np.float64]
    scores: NDArray[np.float64]
    quality: NDArray[np.float64]
    words: dict[str, list[str]]
    refused: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Judged:
    """One signal of a look.

    Attributes:
        signal: its name.
        p: None where it could not be judged.
        limit: at or below which it alarms.
        statistic: of the test, in its own units.
        n: cases of the window.
        says: what differs, or why nothing can be said.
    """

    signal: Signal
    p: float | None
    limit: float
    statistic: float | None
    n: int
    says: str

    @property
    def alarm(self) -> bool:
        """Tell whether it alarms; what could not be judged does not, and is named as unknown."""
        return self.p is not None and self.p <= self.limit


def look(reference: Reference, sample: Sample, outputs: tuple[str, ...], policy: Monitoring, seed: int) -> list[Judged]:
    """Judge every signal of the policy.

    Args:
        reference: of the bundle.
        sample: of the window.
        outputs: the labels of the K scores.
        policy: of the use case.
        seed: of relabellings and of the reference's images; the same look gives the same numbers.
    """
    judges: dict[str, Callable[[], tuple[Compared | str, int, Callable[[Compared], str]]]] = {}
    most = math.ceil(4 / policy.limit)

    def rng(signal: str) -> np.random.Generator:
        return np.random.default_rng([seed, *signal.encode()])

    judges["embedding"] = lambda: _embedding(reference, sample, rng("embedding"), most)
    judges["scores"] = lambda: _scores(reference, sample, outputs, rng("scores"), most)
    judges["quality"] = lambda: _quality(reference, sample, rng("quality"), most)
    judges["refusals"] = lambda: _refusals(reference, sample)
    found = []
    for signal in dict.fromkeys(policy.signals):
        judge = judges.get(signal, lambda signal=signal: _mix(reference, sample, signal, rng(signal), most))
        tested, n, tell = judge()
        if isinstance(tested, str):
            found.append(Judged(signal, None, policy.limit, None, n, tested))
        else:
            found.append(Judged(signal, tested.p, policy.limit, tested.statistic, n, tell(tested)))
    return found


_Told = tuple[Compared | str, int, Callable[[Compared], str]]


def _nothing(_: Compared) -> str:
    return ""


def _few(reference: int, n: int) -> str | None:
    if reference < LEAST:
        return f"the reference has {reference}, at least {LEAST} are needed"
    return f"the window has {n}, at least {LEAST} are needed" if n < LEAST else None


def _embedding(reference: Reference, sample: Sample, rng: np.random.Generator, most: int) -> _Told:
    n = len(sample.embeddings)
    if problem := _few(len(reference.embeddings), n):
        return problem, n, _nothing
    chosen = np.sort(rng.permutation(len(reference.embeddings))[:_MOST])
    tested = two_sample.mmd(reference.embeddings[chosen], sample.embeddings, rng=rng, most=most)
    return tested, n, lambda test: f"the network sees other images: squared MMD {test.statistic:.3g}"


def _scores(reference: Reference, sample: Sample, outputs: tuple[str, ...], rng: np.random.Generator, most: int) -> _Told:
    n = len(sample.scores)
    if problem := _few(len(reference.scores), n):
        return problem, n, _nothing

    def tell(test: Compared) -> str:
        k = test.column or 0
        return _moved(f"probability of {outputs[k]}", reference.scores[:, k], sample.scores[:, k])

    return two_sample.kolmogorov(reference.scores, sample.scores, rng=rng, most=most), n, tell


def _quality(reference: Reference, sample: Sample, rng: np.random.Generator, most: int) -> _Told:
    n, before = len(sample.quality), reference.quality
    if before is None:
        return "the bundle carries no image quality that can be compared: package again", n, _nothing
    if problem := _few(len(before), n):
        return problem, n, _nothing

    def tell(test: Compared) -> str:
        column = test.column or 0
        return _moved(QUALITY[column], before[:, column], sample.quality[:, column])

    return two_sample.kolmogorov(before, sample.quality, rng=rng, most=most), n, tell


def _mix(reference: Reference, sample: Sample, attribute: str, rng: np.random.Generator, most: int) -> _Told:
    known, window = reference.counts.get(attribute), Counter(sample.words.get(attribute, []))
    n = sum(window.values())
    if known is None:
        return f"the bundle does not count {attribute}: package again", n, _nothing
    if problem := _few(sum(known.values()), n):
        return problem, n, _nothing
    words = sorted({*known, *window})
    before, now = ([counts.get(word, 0) for word in words] for counts in (known, window))

    def tell(test: Compared) -> str:
        column = test.column or 0
        shares = before[column] / sum(before), now[column] / sum(now)
        return f"{attribute} {words[column]}: {shares[1]:.0%} of patients, {shares[0]:.0%} in the reference"

    return two_sample.counts(before, now, rng=rng, most=most), n, tell


def _refusals(reference: Reference, sample: Sample) -> _Told:
    n, before = sample.refused[1], reference.refused
    if before is None:
        return "the bundle does not say what it refuses of its reference: package again", n, _nothing
    if problem := _few(before[1], n):
        return problem, n, _nothing
    tested = two_sample.more(before, sample.refused)
    return tested, n, lambda _: f"{sample.refused[0]} of {n} refused, {before[0]} of {before[1]} in the reference"


def _moved(what: str, before: NDArray[np.float64], now: NDArray[np.float64]) -> str:
    """Say by their medians how two samples differ, and by their shares below it where their distributions lie furthest apart."""
    pooled = np.sort(np.concatenate([before, now]))
    shares = [np.searchsorted(np.sort(sample), pooled, side="right") / len(sample) for sample in (now, before)]
    place = int(np.argmax(np.abs(shares[0] - shares[1])))
    return (
        f"{what}: median {np.median(now):.3g}, {np.median(before):.3g} in the reference; {shares[0][place]:.0%} are at most "
        f"{pooled[place]:.3g}, {shares[1][place]:.0%} in the reference"
    )
