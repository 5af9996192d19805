"""Whom the gate lets pass, where the truth is known.

    python benchmarks/gate_simulation.py [--repetitions 500] [--draws 1000] [--patients 200]

Non-inferiority: two models score the same images of patients with one to three images each; the scores of one model are as
alike within a patient as those of both models are on one image. They are compared as a candidate is with a champion, and the
gate decides. The candidate is worse than the champion by exactly the margin, and may pass in one of twenty repetitions; then it
is as good, and the share that passes is the power. Lower bound: a model whose AUROC lies above the limit, on 40 patients of
whom luck has made the best set of 20, and on 4,000.
Exits 1 where more pass at the margin than a true 5% gives by chance (99% of the binomial: 7.4% of 500), or where the lucky
set passes or the large one does not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom, norm

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.measures import interval_as_json
from radloop.governance.comparison import compare
from radloop.governance.gate import decide
from radloop.statistics.discrimination import auroc
from radloop.statistics.intervals import Interval, bootstrap
from radloop.use_case import Policy

CHAMPION = {"auroc": 0.9, "sensitivity": 0.85}
MARGIN = 0.05
LIMIT, TRUTH = 0.85, 0.9
_PREVALENCE, _OF_PATIENT, _OF_IMAGE = 0.4, 0.4, 0.3
"""The shares of a score's variance that its patient and its image have in both models; the rest is each model's own."""


def policy(draws: int, seed: int, *rules: dict[str, object]) -> Policy:
    """Return a policy of some rules."""
    return Policy.model_validate_json(json.dumps({"written": "2026-01-01", "draws": draws, "seed": seed, "rules": rules}))


def pair(rng: np.random.Generator, patients: int, loss: float) -> list[tuple[Cases, Outputs]]:
    """Return candidate and champion, whose AUROC and sensitivity differ by exactly `loss`, on the same cases."""
    owner = np.repeat(np.arange(patients), rng.integers(1, 4, size=patients))
    truths = (rng.random(patients) < _PREVALENCE).astype(np.float64)[owner]
    frame = pd.DataFrame({"id": np.arange(owner.size), "patient": [f"P{number}" for number in owner]})
    common = np.sqrt(_OF_PATIENT) * rng.normal(size=patients)[owner] + np.sqrt(_OF_IMAGE) * rng.normal(size=owner.size)
    models = []
    for lost in (loss, 0.0):
        distance = np.sqrt(2) * norm.ppf(CHAMPION["auroc"] - lost)
        own = np.sqrt(1 - _OF_PATIENT - _OF_IMAGE) * rng.normal(size=owner.size)
        said: NDArray[np.float64] = norm.cdf(distance * truths + common + own)
        cut = float(norm.sf(norm.ppf(CHAMPION["sensitivity"] - lost) - distance))
        cases = Cases(frame, said[:, None], truths[:, None], np.ones(owner.size, np.bool_))
        models.append((cases, Outputs("binary", ("disease",), (cut,))))
    return models


def passed(loss: float, repetitions: int, draws: int, patients: int) -> dict[str, int]:
    """Return how often the gate lets a candidate worse by `loss` pass with `MARGIN`, by metric."""
    rng = np.random.default_rng(20260101)
    rules = [{"kind": "non_inferiority", "name": metric, "metric": metric, "margin": MARGIN} for metric in CHAMPION]
    count = dict.fromkeys(CHAMPION, 0)
    for seed in range(repetitions):
        asked = policy(draws, seed, *rules)
        (ours, new), (theirs, old) = pair(rng, patients, loss)
        found = {"version": 1} | compare(ours, theirs, new, old, asked)
        for reason in decide({"champion": found, "changes": {"since": 1, "first": False}}, asked).reasons:
            count[reason.rule] += reason.status == "passed"
    return count


def most(of: int) -> int:
    """Return the passes that a true 5% exceeds by chance in one of 100 runs."""
    return int(binom.ppf(0.99, of, 0.05))


def lucky(patients: int, sets: int, draws: int) -> tuple[Interval, bool]:
    """Return the AUROC's interval on the set, out of some of one truth, whose AUROC came out highest, and what the gate says."""
    rng = np.random.default_rng(20260101)
    drawn = []
    for _ in range(sets):
        labels = np.repeat([0.0, 1.0], patients // 2)
        scores = np.sqrt(2) * norm.ppf(TRUTH) * labels + rng.normal(size=patients)
        drawn.append((auroc(scores, labels), scores, labels))
    _, scores, labels = max(drawn, key=lambda each: each[0])
    found = bootstrap(scores, labels, np.arange(patients), threshold=0.0, draws=draws, metrics=["auroc"])["auroc"]
    rule = {"kind": "lower_bound", "name": "auroc_lower", "metric": "auroc", "limit": LIMIT}
    return found, decide({"metrics": {"auroc": interval_as_json(found)}}, policy(draws, 0, rule)).passed


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--patients", type=int, default=200)
    options = parser.parse_args()
    failed = False
    worse, equal = (passed(loss, options.repetitions, options.draws, options.patients) for loss in (MARGIN, 0.0))
    for metric in CHAMPION:
        failed |= worse[metric] > most(options.repetitions)
        print(
            f"{metric}, margin {MARGIN:g}, {options.patients} patients, {options.repetitions} repetitions: worse by the margin"
            f" {worse[metric] / options.repetitions:.1%} pass (at most {most(options.repetitions) / options.repetitions:.1%}), as good {equal[metric] / options.repetitions:.1%}"
        )
    for patients, sets, wanted in ((40, 20, False), (4000, 1, True)):
        found, passes = lucky(patients, sets, options.draws)
        failed |= passes != wanted
        print(
            f"AUROC of at least {LIMIT:g}, truth {TRUTH:g}, n = {patients}, best of {sets}: {found.value:.3f}"
            f" ({found.low:.3f} to {found.high:.3f}) {'passes' if passes else 'fails'}"
        )
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
