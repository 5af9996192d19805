"""How often a 95% interval holds the truth, where patients have several images that resemble each other.

    python benchmarks/interval_coverage.py [--sets 2000] [--draws 2000] [--auroc 0.8 0.95] [--prevalence 0.4 0.2]

Every set has 150 patients with one to four images each. An image's score is normal, half of its variance is its patient's,
and the diseased lie higher by what gives the true AUROC; the threshold lies halfway. One line for each AUROC and prevalence:
the coverage of the AUROC and in how many sets the truth lay below and above the interval, that of sensitivity and specificity,
and beside it what percentiles of the same draws would have covered. Exits 1 where the AUROC's coverage is not 93 to 97%.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from radloop.statistics.bounds import METHOD
from radloop.statistics.intervals import Interval, bootstrap
from radloop.statistics.resamples import drawn, evaluate, presorted

PATIENTS = 150
METRICS = ("auroc", "sensitivity", "specificity")
BOUNDS = (0.93, 0.97)
_SHARED = 0.5
"""The share of a score's variance that is its patient's."""


@dataclass
class Tally:
    """How many intervals held the truth."""

    truth: float
    sets: int = 0
    too_high: int = 0
    """The truth lay below the interval."""
    too_low: int = 0
    percentiles: list[bool] = field(default_factory=list)

    def add(self, found: Interval, draws: NDArray[np.float64]) -> None:
        """Count an interval, and the percentiles of its draws."""
        self.sets += 1
        self.too_high += self.truth < found.low
        self.too_low += self.truth > found.high
        low, high = np.nanquantile(draws, [0.025, 0.975])
        self.percentiles.append(bool(low <= self.truth <= high))

    @property
    def coverage(self) -> float:
        """Return the share that held it."""
        return 1 - (self.too_high + self.too_low) / self.sets


def cohort(
    rng: np.random.Generator, auroc: float, prevalence: float, patients: int = PATIENTS
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return scores, labels and patients of one set of images; the threshold is 0."""
    owner = np.repeat(np.arange(patients), rng.integers(1, 5, size=patients))
    labels = (rng.random(patients) < prevalence).astype(np.float64)[owner]
    noise = np.sqrt(_SHARED) * rng.normal(size=patients)[owner] + np.sqrt(1 - _SHARED) * rng.normal(size=owner.size)
    return (labels - 0.5) * distance(auroc) + noise, labels, owner


def distance(auroc: float) -> float:
    """Return how far apart two normal distributions of variance 1 have this area."""
    return float(np.sqrt(2) * norm.ppf(auroc))


def covered(auroc: float, prevalence: float, sets: int, draws: int) -> dict[str, Tally]:
    """Return the tally of each metric."""
    rng = np.random.default_rng(20260101)
    rate = float(norm.cdf(distance(auroc) / 2))
    tallies = {name: Tally(auroc if name == "auroc" else rate) for name in METRICS}
    for seed in range(sets):
        scores, labels, owner = cohort(rng, auroc, prevalence)
        found = bootstrap(scores, labels, owner, threshold=0.0, draws=draws, seed=seed, metrics=METRICS)
        # Nothing but the errors, which are not asked for, needs probabilities: the scores may stand in for them.
        cases = presorted(scores, labels, owner, PATIENTS, scores >= 0)
        again = evaluate(cases, drawn(np.random.default_rng(seed), PATIENTS, draws), METRICS)
        for name, tally in tallies.items():
            tally.add(found[name], again[name])
    return tallies


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--auroc", type=float, nargs="+", default=[0.8, 0.95])
    parser.add_argument("--prevalence", type=float, nargs="+", default=[0.4, 0.2])
    options = parser.parse_args()
    print(
        f"{METHOD}, {options.sets} sets of {PATIENTS} patients, {options.draws} draws; in brackets percentiles of the same draws"
    )
    outside = False
    for prevalence in options.prevalence:
        for auroc in options.auroc:
            found = covered(auroc, prevalence, options.sets, options.draws)
            outside |= not BOUNDS[0] <= found["auroc"].coverage <= BOUNDS[1]
            parts = [
                f"{name} {tally.coverage:.1%} ({np.mean(tally.percentiles):.1%}), truth below {tally.too_high / tally.sets:.1%}"
                f" and above {tally.too_low / tally.sets:.1%}"
                for name, tally in found.items()
            ]
            print(f"AUROC {auroc:g}, prevalence {prevalence:g}: {'; '.join(parts)}", flush=True)
    sys.exit(int(outside))


if __name__ == "__main__":
    main()
