"""Hyperband beside a search without a pruner on phantom-cxr: the best value on `tune`, and the epochs that it took.

    python benchmarks/search.py [--trials 20] [--max-epochs 27] [--seeds 5] [--objective loss] [--size 128] [--at-once 1] [--folder DIR]

Both searches of a seed draw from the same space with the same sampler, on phantoms of the benchmark's own. They go through the
search as `radloop retrain` does, with Optuna's storage and MLflow, each in a place of its own; with `--at-once 2` two of them run
beside each other, each on its share of the cores. What `--folder` names is kept, and a killed benchmark goes on in it. Exits 1
unless, in the median over seeds, Hyperband's best value lies within 0.005 of the other's at no more than half of its epochs. The
last rung is far with many epochs only: with 9 of them, Hyperband has to spend more than half.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from radloop.configuration import load_use_case
from radloop.data.ingest import ingest
from radloop.data.phantoms import DEFAULT_N, write_phantoms
from radloop.records.runs import open_run
from radloop.settings import SILENCE, Settings
from radloop.training.pixels import Pixels, load_pixels
from radloop.training.result import SearchResult
from radloop.training.search import search
from radloop.training.workers import end_with_parent
from radloop.use_case import UseCase

WITHIN = 0.005
SHARE = 0.5


@dataclass(frozen=True)
class Pair:
    """Both searches of one seed; `short` is how much worse Hyperband's best value is, in the objective's direction."""

    seed: int
    hyperband: SearchResult
    whole: SearchResult
    short: float

    @property
    def share(self) -> float:
        """Return Hyperband's epochs as a share of the other's."""
        return self.hyperband.epochs / self.whole.epochs


def asked(base: UseCase, options: argparse.Namespace, pruner: str, seed: int) -> UseCase:
    """Return phantom-cxr with the benchmark's budget."""
    document = base.model_dump(mode="json")
    document["search"] |= {"trials": options.trials, "max_epochs": options.max_epochs, "pruner": pruner, "seed": seed}
    document["search"]["objective"] = options.objective
    document["image"]["size"] = options.size
    return UseCase.model_validate_json(json.dumps(document))


def run(use_case: UseCase, pixels: Pixels, root: Path) -> SearchResult:
    """Run one search in a place of its own."""
    started = time.monotonic()
    settings = Settings(root=root, home=root / use_case.search.pruner / str(use_case.search.seed))
    settings.place.mkdir(parents=True, exist_ok=True)
    folder = settings.place / "runs" / use_case.name
    result = search(use_case, pixels, open_run(folder, use_case.model_dump(mode="json")), {}, settings)
    section = use_case.search
    print(
        f"  seed {section.seed} {section.pruner:<9} {section.objective} {result.value:.4f}, {result.epochs} epochs, "
        f"{result.pruned} of {result.trials} trials pruned, {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return result


def paired(seed: int, hyperband: SearchResult, whole: SearchResult, objective: str) -> Pair:
    """Return both with the difference, which is positive where Hyperband's is worse."""
    worse = hyperband.value - whole.value
    return Pair(seed, hyperband, whole, worse if objective == "loss" else -worse)


def main() -> None:
    """Print one line a search and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--max-epochs", type=int, default=27)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--objective", default="loss", choices=("loss", "auroc", "accuracy"))
    parser.add_argument("--size", type=int, default=128, help="side of the network's input; smaller is faster")
    parser.add_argument("--at-once", type=int, default=1, help="searches beside each other")
    parser.add_argument("--folder", type=Path, help="where the work is kept, and gone on with")
    parser.add_argument("--images", type=int, default=DEFAULT_N, help="phantoms to make")
    options = parser.parse_args()
    if options.at_once < 1:
        parser.error("--at-once counts searches: at least 1")
    os.environ.update(SILENCE)
    os.environ["OMP_NUM_THREADS"] = str(max(len(os.sched_getaffinity(0)) // options.at_once, 1))
    kept = nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory()
    with kept as folder:
        root = Path(folder).resolve() / f"{options.images}-phantoms"  # a study does not know its data: others, another place
        settings = Settings(root=root, home=root / ".radloop")
        settings.place.mkdir(parents=True, exist_ok=True)
        base = load_use_case("phantom-cxr", settings)
        if not (root / "source").is_dir():
            write_phantoms(root / "source", n=options.images, seed=5)
        version = ingest(base, root / "source", settings).data_version
        pixels = load_pixels(asked(base, options, "none", 1), version, settings)
        seeds = range(1, options.seeds + 1)
        with ProcessPoolExecutor(options.at_once, get_context("spawn"), initializer=end_with_parent) as pool:
            # The longer search of a seed first: the last to be begun is a short one.
            begun = {
                (seed, pruner): pool.submit(run, asked(base, options, pruner, seed), pixels, root)
                for seed in seeds
                for pruner in ("none", "hyperband")
            }
            pairs = [
                paired(seed, begun[seed, "hyperband"].result(), begun[seed, "none"].result(), options.objective) for seed in seeds
            ]
    short, share = statistics.median(pair.short for pair in pairs), statistics.median(pair.share for pair in pairs)
    good = short <= WITHIN and share <= SHARE
    print(
        f"median of {len(pairs)} seeds: best value worse by {short:.4f} (limit {WITHIN}), {share:.0%} of the epochs (limit {SHARE:.0%})"
    )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
